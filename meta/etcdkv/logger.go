package etcdkv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// zapCore hands what etcd logs to a slog.Logger, from warnings up. Where etcd
// would end the process, or panic, it ends the goroutine and tells the owner:
// the rest of the process is not to blame for a disk. Unless the owner says
// that etcd may go on.
type zapCore struct {
	out    *slog.Logger
	giveUp func(error) (goOn bool)
	fields []zapcore.Field
}

func newZapCore(out *slog.Logger, giveUp func(error) bool) *zapCore {
	return &zapCore{out: out.With("part", "etcd"), giveUp: giveUp}
}

func (c *zapCore) logger() *zap.Logger {
	return zap.New(c, zap.WithFatalHook(c), zap.WithPanicHook(c))
}

// OnWrite implements zapcore.CheckWriteHook: it ends the goroutine that logs,
// or lets it go on behind its call of Panic or Fatal.
func (c *zapCore) OnWrite(ce *zapcore.CheckedEntry, fields []zapcore.Field) {
	err := errors.New(ce.Message)
	for _, f := range fields {
		if cause, ok := f.Interface.(error); ok && f.Type == zapcore.ErrorType {
			err = fmt.Errorf("%s: %w", ce.Message, cause)
		}
	}
	if !c.giveUp(err) {
		runtime.Goexit()
	}
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
	"Failed to detect schema version",
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
