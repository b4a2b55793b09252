package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// maxKinds bounds the kinds of lines that are counted at a time. Messages are
// constants of the program, so there are never so many; should there be, new
// kinds are written without being counted.
const maxKinds = 4096

// collapse is a slog.Handler that writes the first lines of one level and
// message in a window of time and counts the others. The count is written
// with the first line, of whatever kind, that comes after the window, so a
// quiet process needs no timer. The time is that of the records.
type collapse struct {
	inner slog.Handler
	state *collapseState
}

type kindOfLine struct {
	level   slog.Level
	message string
}

type window struct {
	start   time.Time
	written int
	// dropped counts the lines left out, inner is the handler that would have
	// written the last of them.
	dropped int
	inner   slog.Handler
}

type collapseState struct {
	repeats int
	length  time.Duration

	mu struct {
		sync.Mutex
		windows map[kindOfLine]*window
		// next is when the first window with dropped lines ends; zero for none.
		next time.Time
	}
}

// newCollapse writes at most repeats lines of a kind in each window.
func newCollapse(inner slog.Handler, repeats int, length time.Duration) *collapse {
	s := &collapseState{repeats: repeats, length: length}
	s.mu.windows = make(map[kindOfLine]*window)
	return &collapse{inner: inner, state: s}
}

// Enabled implements slog.Handler.
func (c *collapse) Enabled(ctx context.Context, level slog.Level) bool {
	return c.inner.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (c *collapse) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &collapse{inner: c.inner.WithAttrs(attrs), state: c.state}
}

// WithGroup implements slog.Handler.
func (c *collapse) WithGroup(name string) slog.Handler {
	return &collapse{inner: c.inner.WithGroup(name), state: c.state}
}

// Handle implements slog.Handler.
func (c *collapse) Handle(ctx context.Context, r slog.Record) error {
	due, write := c.state.count(kindOfLine{r.Level, r.Message}, r.Time, c.inner)
	for _, s := range due {
		_ = s.handler.Handle(ctx, s.record)
	}
	if !write {
		return nil
	}
	return c.inner.Handle(ctx, r)
}

// summary is a line that stands for those left out.
type summary struct {
	handler slog.Handler
	record  slog.Record
}

// count enters a line and reports whether it is to be written, and which
// counts are due before it.
func (s *collapseState) count(kind kindOfLine, at time.Time, inner slog.Handler) ([]summary, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []summary
	if !s.mu.next.IsZero() && !at.Before(s.mu.next) {
		due = s.sweepLocked(at)
	}
	w := s.mu.windows[kind]
	if w == nil || at.Sub(w.start) >= s.length {
		if w == nil && len(s.mu.windows) >= maxKinds {
			due = append(due, s.sweepLocked(at)...)
			if len(s.mu.windows) >= maxKinds {
				return due, true
			}
		}
		s.mu.windows[kind] = &window{start: at, written: 1}
		return due, true
	}
	if w.written < s.repeats {
		w.written++
		return due, true
	}
	w.dropped++
	w.inner = inner
	if end := w.start.Add(s.length); s.mu.next.IsZero() || end.Before(s.mu.next) {
		s.mu.next = end
	}
	return due, false
}

// sweepLocked ends the windows that are over at the time and returns their
// counts. A zero time ends all.
func (s *collapseState) sweepLocked(at time.Time) []summary {
	var due []summary
	s.mu.next = time.Time{}
	for kind, w := range s.mu.windows {
		end := w.start.Add(s.length)
		if !at.IsZero() && at.Before(end) {
			if w.dropped > 0 && (s.mu.next.IsZero() || end.Before(s.mu.next)) {
				s.mu.next = end
			}
			continue
		}
		delete(s.mu.windows, kind)
		if w.dropped > 0 {
			r := slog.NewRecord(end, kind.level, "repeated: "+kind.message, 0)
			r.AddAttrs(slog.Int("more", w.dropped), slog.Duration("within", s.length))
			due = append(due, summary{w.inner, r})
		}
	}
	return due
}

// flush writes all counts.
func (c *collapse) flush() {
	s := c.state
	s.mu.Lock()
	due := s.sweepLocked(time.Time{})
	s.mu.Unlock()
	for _, d := range due {
		_ = d.handler.Handle(context.Background(), d.record)
	}
}
