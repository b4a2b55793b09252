package etcdkv

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// zapCore hands what etcd logs to a slog.Logger, from warnings up.
type zapCore struct {
	out    *slog.Logger
	fields []zapcore.Field
	fatal  *fatalMessage // shared by the cores that With made
}

// fatalMessage is the last thing that etcd said before it gave up.
type fatalMessage struct {
	mu struct {
		sync.Mutex
		text string
	}
}

func newZapCore(out *slog.Logger) *zapCore {
	if out == nil {
		out = slog.New(slog.DiscardHandler)
	}
	return &zapCore{out: out.With("part", "etcd"), fatal: &fatalMessage{}}
}

// logger returns a zap logger whose Fatal panics as its Panic does, and does
// not end the process.
func (c *zapCore) logger() *zap.Logger {
	return zap.New(c, zap.WithFatalHook(zapcore.WriteThenPanic))
}

// last returns the message of the first Fatal or Panic, "" if there was none.
func (c *zapCore) last() string {
	c.fatal.mu.Lock()
	defer c.fatal.mu.Unlock()
	return c.fatal.mu.text
}

// Enabled implements zapcore.Core.
func (c *zapCore) Enabled(l zapcore.Level) bool { return l >= zapcore.WarnLevel }

// With implements zapcore.Core.
func (c *zapCore) With(fields []zapcore.Field) zapcore.Core {
	next := *c
	next.fields = append(append([]zapcore.Field{}, c.fields...), fields...)
	return &next
}

// harmless are what etcd says of a lone member without listeners.
var harmless = []string{
	"Running http and grpc server on single port. This is not recommended for production.",
	"simple token is not cryptographically signed",
	"failed to update storage version",
}

// Check implements zapcore.Core.
func (c *zapCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if slices.Contains(harmless, e.Message) || e.LoggerName == "raft" && e.Level == zapcore.WarnLevel {
		return ce // raft warns of each request to campaign that comes too early
	}
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// Write implements zapcore.Core.
func (c *zapCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range c.fields {
		f.AddTo(enc)
	}
	for _, f := range fields {
		f.AddTo(enc)
	}
	level := slog.LevelWarn
	if e.Level >= zapcore.ErrorLevel {
		level = slog.LevelError
	}
	attrs := make([]slog.Attr, 0, len(enc.Fields))
	for k, v := range enc.Fields {
		attrs = append(attrs, slog.Any(k, v))
	}
	c.out.LogAttrs(context.Background(), level, e.Message, attrs...)
	return nil
}

// Sync implements zapcore.Core.
func (c *zapCore) Sync() error { return nil }
