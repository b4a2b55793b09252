package datadir

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func encoded(layout int) []byte { return format{layout: layout, writer: "9.8.7"}.encode() }

// The bytes in docs/formats/datadir.md.
func TestFormatExample(t *testing.T) {
	const example = "redkite data directory\nlayout: 1\nwriter: 0.1.0\ncrc32c: 95dbccdb\n"
	require.Equal(t, example, string(format{layout: 1, writer: "0.1.0"}.encode()))
	doc, err := os.ReadFile("../../docs/formats/datadir.md")
	require.NoError(t, err)
	for _, line := range []string{"layout: 1\\n", "writer: 0.1.0\\n", "crc32c: 95dbccdb\\n"} {
		require.Contains(t, string(doc), line)
	}
}

func TestFormatRoundTrip(t *testing.T) {
	f, err := decodeFormat(format{layout: 12, writer: "0.1.0 \n dev"}.encode())
	require.NoError(t, err)
	require.Equal(t, format{layout: 12, writer: "0.1.0 dev"}, f)
}

func TestNewerLayoutNamesBoth(t *testing.T) {
	path := t.TempDir()
	require.NoError(t, open(t, path).Close())
	body := []byte("redkite data directory\nlayout: 7\nshape: round\nwriter: 9.8.7\n")
	file := append(body, []byte(crcLine(body))...)
	require.NoError(t, os.WriteFile(filepath.Join(path, "FORMAT"), file, 0o600))
	_, err := Open(path, "1.2.3")
	var v *VersionError
	require.ErrorAs(t, err, &v)
	require.Equal(t, 7, v.Found)
	require.ErrorContains(t, err, "has layout 7, written by a newer version of Red Kite (9.8.7); this version knows layout 1 only")
}

func crcLine(body []byte) string {
	return fmt.Sprintf("%s%08x\n", crcField, checksum(body))
}

func TestDecodeRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "no checksum",
		"other\nlayout: 1\n":                   "first line",
		"redkite data directory\n":             "no layout",
		"redkite data directory\nlayout: x\n":  `layout is "x"`,
		"redkite data directory\nlayout: -1\n": `layout is "-1"`,
	} {
		b := []byte(text)
		if text != "" {
			b = append(b, crcLine(b)...)
		}
		_, err := decodeFormat(b)
		require.ErrorContains(t, err, want)
	}
}

func FuzzDecodeFormat(f *testing.F) {
	f.Add(encoded(1))
	f.Add(encoded(1)[:20])
	f.Add([]byte("crc32c: 00000000\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decodeFormat(b)
		if err == nil && got.layout < 1 {
			t.Fatalf("layout %d", got.layout)
		}
	})
}
