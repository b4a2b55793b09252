package configs

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "5": 5, " 5 ": 5, "5b": 5, "1k": 1024, "1K": 1024, "1kb": 1024, "1KiB": 1024, "2 MiB": 2 << 20,
		"3g": 3 << 30, "1T": 1 << 40, "9223372036854775807": 1<<63 - 1, "8388607T": 8388607 << 40,
	} {
		n, err := ParseSize(text)
		require.NoError(t, err, text)
		require.Equal(t, want, n, text)
	}
	for _, text := range []string{"", "-1", "x", "1x", "1.5g", "1kk", "k", "1 0", "1ib", "9223372036854775808", "8388608T", "0x10"} {
		_, err := ParseSize(text)
		require.Error(t, err, text)
	}
	n, err := parseSize("2", 1<<20)
	require.NoError(t, err)
	require.Equal(t, int64(2<<20), n)
	n, err = parseSize("2b", 1<<20)
	require.NoError(t, err)
	require.Equal(t, int64(2), n)
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "5": 5 * time.Second, "0.5": time.Second / 2, "5ms": 5 * time.Millisecond, "1h30m": 90 * time.Minute, " 7s ": 7 * time.Second,
	} {
		d, err := parseDuration(text, time.Second)
		require.NoError(t, err, text)
		require.Equal(t, want, d, text)
	}
	for _, text := range []string{"", "-1", "-1s", "NaN", "Inf", "1e30", "5 parsecs", "s"} {
		_, err := parseDuration(text, time.Second)
		require.Error(t, err, text)
	}
}

func TestFormats(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 1: "1", 1024: "1KiB", 1025: "1025", 3 << 20: "3MiB", 1 << 40: "1TiB"} {
		require.Equal(t, want, formatSize(n))
	}
	for d, want := range map[time.Duration]string{
		0: "0s", time.Second: "1s", time.Minute: "1m", time.Hour: "1h", 90 * time.Minute: "1h30m", 90 * time.Second: "1m30s",
		10 * time.Minute: "10m", 100 * time.Millisecond: "100ms", time.Hour + time.Second: "1h0m1s",
	} {
		require.Equal(t, want, formatDuration(d))
	}
}

func FuzzParseSize(f *testing.F) {
	f.Add("64MiB")
	f.Add("-1")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseSize(text)
		if err != nil {
			return
		}
		if m, err := ParseSize(formatSize(n)); err != nil || m != n {
			t.Fatalf("%q: %d, then %d %v", text, n, m, err)
		}
	})
}
