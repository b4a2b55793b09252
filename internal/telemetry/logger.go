package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// LogOptions say where log lines go and which.
type LogOptions struct {
	// Level is debug, info, warn or error.
	Level string
	// Format is text or json.
	Format string
	// Dir is the folder of the files, which is made if it is missing.
	Dir string
	// MaxSize is the size in bytes at which a file is put aside; MaxBackups and
	// MaxAge bound how many of those are kept, and how long.
	MaxSize    int64
	MaxBackups int
	MaxAge     time.Duration
	// Also receives every line, too; nil for the files alone.
	Also io.Writer
	// Repeats is how many lines of one level and message a minute are written;
	// more are counted, and the count is written. 0 writes all.
	Repeats int
	// Now is the clock.
	Now func() time.Time
}

// NewLogger opens the log. The Closer writes what was counted and closes the
// file; the logger is not to be used after that.
func NewLogger(o LogOptions) (*slog.Logger, io.Closer, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.Level)); err != nil {
		return nil, nil, fmt.Errorf("telemetry: log level %q: want debug, info, warn or error", o.Level)
	}
	file, err := openRotating(rotation{dir: o.Dir, maxSize: o.MaxSize, maxBackups: o.MaxBackups, maxAge: o.MaxAge, now: o.Now})
	if err != nil {
		return nil, nil, err
	}
	var w io.Writer = file
	if o.Also != nil {
		w = &tee{file, o.Also}
	}
	var h slog.Handler
	options := &slog.HandlerOptions{Level: level}
	switch o.Format {
	case "text":
		h = slog.NewTextHandler(w, options)
	case "json":
		h = slog.NewJSONHandler(w, options)
	default:
		_ = file.Close()
		return nil, nil, fmt.Errorf("telemetry: log format %q: want text or json", o.Format)
	}
	c := &logCloser{file: file}
	if o.Repeats > 0 {
		collapse := newCollapse(h, o.Repeats, time.Minute)
		h, c.collapse = collapse, collapse
	}
	return slog.New(h), c, nil
}

// tee writes to both; the second's failure is nobody's concern: a closed
// standard output must not cost the file its line.
type tee struct{ file, also io.Writer }

func (t *tee) Write(p []byte) (int, error) {
	_, _ = t.also.Write(p)
	return t.file.Write(p)
}

type logCloser struct {
	collapse *collapse
	file     *rotating
}

func (c *logCloser) Close() error {
	if c.collapse != nil {
		c.collapse.flush()
	}
	return c.file.Close()
}
