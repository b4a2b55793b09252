package telemetry

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clock is a clock that stands until it is moved.
type clock struct{ at time.Time }

func newClock() *clock { return &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) now() time.Time { return c.at }

func (c *clock) move(d time.Duration) { c.at = c.at.Add(d) }

func options(dir string, c *clock) LogOptions {
	return LogOptions{Level: "info", Format: "text", Dir: dir, MaxSize: 1 << 20, MaxBackups: 2, MaxAge: time.Hour, Now: c.now}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

func TestLogger(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	var also bytes.Buffer
	o := options(dir, newClock())
	o.Also = &also
	log, closer, err := NewLogger(o)
	require.NoError(t, err)
	log.Debug("hidden")
	log.Info("ready", "port", 19530)
	require.NoError(t, closer.Close())
	require.NoError(t, closer.Close())
	text := read(t, filepath.Join(dir, logName))
	require.Contains(t, text, "level=INFO msg=ready port=19530\n")
	require.NotContains(t, text, "hidden")
	require.Equal(t, text, also.String())

	// The next process appends.
	o.Format, o.Level, o.Also = "json", "debug", failing{}
	log, closer, err = NewLogger(o)
	require.NoError(t, err)
	log.Debug("shown")
	require.NoError(t, closer.Close())
	require.Contains(t, read(t, filepath.Join(dir, logName)), text+`{"time":`)
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("closed") }

func TestLoggerRefuses(t *testing.T) {
	o := options(t.TempDir(), newClock())
	o.Level = "loud"
	_, _, err := NewLogger(o)
	require.ErrorContains(t, err, "loud")
	o.Level, o.Format = "info", "xml"
	_, _, err = NewLogger(o)
	require.ErrorContains(t, err, "xml")
	o.Format = "text"
	o.Dir = filepath.Join(o.Dir, "file")
	require.NoError(t, os.WriteFile(o.Dir, nil, 0o600))
	_, _, err = NewLogger(o)
	require.Error(t, err)
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	es, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range es {
		names = append(names, e.Name())
	}
	return names
}

func TestRotation(t *testing.T) {
	dir := t.TempDir()
	c := newClock()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "redkite-notes.log"), nil, 0o600))
	w, err := openRotating(rotation{dir: dir, maxSize: 10, maxBackups: 2, maxAge: time.Hour, now: c.now})
	require.NoError(t, err)
	for i := range 5 {
		line := strings.Repeat(string(rune('a'+i)), 7) + "\n"
		n, err := w.Write([]byte(line))
		require.NoError(t, err)
		require.Equal(t, 8, n)
		c.move(time.Second)
	}
	require.Equal(t, []string{
		"redkite-20260102T030408.000000000Z.log",
		"redkite-20260102T030409.000000000Z.log",
		"redkite-notes.log",
		"redkite.log",
	}, files(t, dir))
	require.Equal(t, "eeeeeee\n", read(t, filepath.Join(dir, logName)))
	require.Equal(t, "ddddddd\n", read(t, filepath.Join(dir, "redkite-20260102T030409.000000000Z.log")))

	// A line longer than a file gets a file of its own.
	_, err = w.Write(bytes.Repeat([]byte("x"), 100))
	require.NoError(t, err)
	require.Len(t, read(t, filepath.Join(dir, logName)), 100)
	require.NoError(t, w.Close())
	_, err = w.Write([]byte("late"))
	require.ErrorIs(t, err, os.ErrClosed)

	// What is too old goes when the log is opened.
	c.move(2 * time.Hour)
	w, err = openRotating(rotation{dir: dir, maxSize: 10, maxBackups: 2, maxAge: time.Hour, now: c.now})
	require.NoError(t, err)
	require.Equal(t, []string{"redkite-notes.log", "redkite.log"}, files(t, dir))
	require.NoError(t, w.Close())
}

// A file that cannot be put aside is emptied: the folder stays bounded.
func TestRotationWithoutRename(t *testing.T) {
	dir := t.TempDir()
	c := newClock()
	w, err := openRotating(rotation{dir: dir, maxSize: 10, maxBackups: 2, maxAge: time.Hour, now: c.now})
	require.NoError(t, err)
	_, err = w.Write([]byte("1234567\n"))
	require.NoError(t, err)
	// A folder that is not empty has the name.
	inTheWay := filepath.Join(dir, asidePrefix+c.now().Format(asideLayout)+asideSuffix)
	require.NoError(t, os.MkdirAll(filepath.Join(inTheWay, "x"), 0o700))
	_, err = w.Write([]byte("abcdefg\n"))
	require.NoError(t, err)
	require.Equal(t, "abcdefg\n", read(t, filepath.Join(dir, logName)))
	require.NoError(t, w.Close())
}

func TestNoBackups(t *testing.T) {
	dir := t.TempDir()
	c := newClock()
	w, err := openRotating(rotation{dir: dir, maxSize: 10, maxAge: time.Hour, now: c.now})
	require.NoError(t, err)
	for range 5 {
		_, err = w.Write([]byte("1234567\n"))
		require.NoError(t, err)
		c.move(time.Second)
	}
	require.Equal(t, []string{logName}, files(t, dir))
	require.NoError(t, w.Close())
}

// collapsed runs f with a collapsing logger whose lines carry the clock's time
// and returns what was written, without the time.
func collapsed(repeats int, f func(write func(level slog.Level, message string, attrs ...slog.Attr), c *clock)) []string {
	var b bytes.Buffer
	inner := slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(g []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey && len(g) == 0 {
			return slog.Attr{}
		}
		return a
	}})
	h := newCollapse(inner, repeats, time.Minute)
	c := newClock()
	f(func(level slog.Level, message string, attrs ...slog.Attr) {
		r := slog.NewRecord(c.now(), level, message, 0)
		_ = h.WithAttrs(attrs).WithGroup("g").Handle(context.Background(), r)
	}, c)
	h.flush()
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

func TestCollapse(t *testing.T) {
	got := collapsed(2, func(write func(slog.Level, string, ...slog.Attr), c *clock) {
		for i := range 5 {
			write(slog.LevelWarn, "retry", slog.Int("n", i))
		}
		write(slog.LevelInfo, "retry") // another level is another kind
		write(slog.LevelInfo, "other")
		c.move(59 * time.Second)
		write(slog.LevelWarn, "retry", slog.Int("n", 5))
		c.move(time.Second)
		write(slog.LevelInfo, "other") // ends the window of retry
		write(slog.LevelWarn, "retry", slog.Int("n", 6))
		write(slog.LevelWarn, "retry", slog.Int("n", 7))
		write(slog.LevelWarn, "retry", slog.Int("n", 8))
	})
	require.Equal(t, []string{
		"level=WARN msg=retry n=0",
		"level=WARN msg=retry n=1",
		"level=INFO msg=retry",
		"level=INFO msg=other",
		`level=WARN msg="repeated: retry" n=5 g.more=4 g.within=1m0s`,
		"level=INFO msg=other",
		"level=WARN msg=retry n=6",
		"level=WARN msg=retry n=7",
		`level=WARN msg="repeated: retry" n=8 g.more=1 g.within=1m0s`,
	}, got)
}

func TestCollapseBoundsKinds(t *testing.T) {
	got := collapsed(1, func(write func(slog.Level, string, ...slog.Attr), c *clock) {
		for i := range maxKinds + 10 {
			write(slog.LevelInfo, "kind "+time.Duration(i).String())
		}
		write(slog.LevelInfo, "one more")
		write(slog.LevelInfo, "one more") // not counted: written
		c.move(time.Hour)
		write(slog.LevelInfo, "one more")
		write(slog.LevelInfo, "one more") // counted again
	})
	require.Len(t, got, maxKinds+10+3+1)
	require.Contains(t, got[len(got)-1], "repeated: one more")
}

func TestLoggerCollapses(t *testing.T) {
	dir := t.TempDir()
	o := options(dir, newClock())
	o.Repeats = 3
	log, closer, err := NewLogger(o)
	require.NoError(t, err)
	for range 100 {
		log.Error("disk is full")
	}
	require.NoError(t, closer.Close())
	text := read(t, filepath.Join(dir, logName))
	require.Equal(t, 4, strings.Count(text, "\n"), text)
	require.Contains(t, text, "more=97")
}
