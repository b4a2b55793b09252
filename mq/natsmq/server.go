package natsmq

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// embedded is a running NATS server and this package's connections to it. It
// does not recover from errors of the disk: then it is broken, and replaced.
type embedded struct {
	srv     *server.Server
	write   *nats.Conn // appends, so that they do not wait behind reading
	read    *nats.Conn
	js      jetstream.JetStream
	broken  chan struct{} // closed when nothing more can be expected
	once    sync.Once
	failure error // set before broken is closed
}

const (
	user    = "redkite" // as whom this package connects if others can, too
	account = "$G"      // the server's account for all
)

func (c *Config) serverOptions(secret string) *server.Options {
	opts := &server.Options{
		ServerName: "redkite", StoreDir: c.Dir, JetStream: true, SyncAlways: true,
		JetStreamMaxStore: math.MaxInt64 >> 1, JetStreamMaxMemory: 1 << 20, // streams are files; fullness is counted here
		MaxPayload: int32(c.MaxPayload), MaxPending: c.MaxPending, NoFastProducerStall: true,
		NoSigs: true, DisableJetStreamBanner: true, NoSystemAccount: true,
	}
	if c.Port == 0 {
		opts.DontListen = true
		return opts
	}
	opts.Host, opts.Port = "127.0.0.1", c.Port
	// Whoever connects from outside may look, not touch.
	opts.NoAuthUser = "guest"
	opts.Users = []*server.User{
		{Username: user, Password: secret},
		{Username: "guest", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Allow: []string{
				"$JS.API.INFO", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST",
				"$JS.API.STREAM.MSG.GET.*", "$JS.API.DIRECT.GET.>",
			}},
			Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
		}},
	}
	return opts
}

// startServer checks the store directory and starts a server over it.
func startServer(cfg *Config) (*embedded, error) {
	if err := check(cfg.FS, cfg.Dir); err != nil {
		return nil, err
	}
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return nil, fmt.Errorf("natsmq: %w", err)
	}
	secret := hex.EncodeToString(random)
	srv, err := server.NewServer(cfg.serverOptions(secret))
	if err != nil {
		return nil, fmt.Errorf("natsmq: %w", err)
	}
	e := &embedded{srv: srv, broken: make(chan struct{})}
	srv.SetLoggerV2(&serverLog{logger: cfg.Logger, e: e}, false, false, false)
	boundHeap(srv.Start)
	if !srv.ReadyForConnections(cfg.StartTimeout) || !srv.JetStreamEnabled() {
		e.stop()
		return nil, fmt.Errorf("natsmq: the embedded server was not ready after %v: %w", cfg.StartTimeout, e.err())
	}
	options := []nats.Option{
		nats.InProcessServer(srv), nats.NoReconnect(), nats.PingInterval(time.Hour), nats.Name(user),
		nats.ClosedHandler(func(*nats.Conn) { e.fail(fmt.Errorf("natsmq: the embedded server closed the connection")) }),
	}
	if cfg.Port != 0 {
		options = append(options, nats.UserInfo(user, secret))
	}
	if e.write, err = nats.Connect("", options...); err == nil {
		e.read, err = nats.Connect("", options...)
	}
	if err == nil {
		e.js, err = jetstream.New(e.read)
	}
	if err != nil {
		e.stop()
		return nil, fmt.Errorf("natsmq: connect to the embedded server: %w", err)
	}
	return e, nil
}

// fail marks the server as broken.
func (e *embedded) fail(err error) {
	e.once.Do(func() {
		e.failure = err
		close(e.broken)
	})
}

// err returns why the server is broken, nil if it is not.
func (e *embedded) err() error {
	select {
	case <-e.broken:
		return e.failure
	default:
		return nil
	}
}

// stop ends the server and waits for it.
func (e *embedded) stop() {
	for _, c := range []*nats.Conn{e.write, e.read} {
		if c != nil {
			c.Close()
		}
	}
	e.fail(fmt.Errorf("natsmq: the embedded server was stopped"))
	e.srv.Shutdown()
	e.srv.WaitForShutdown()
}

// checkHealth asks the server whether it still writes a stream, and marks it
// as broken if not: JetStream gives no answer to an append that it could not
// store.
func (e *embedded) checkHealth(stream string) {
	if h := e.srv.Healthz(&server.HealthzOptions{Account: account, Stream: stream}); h.Status != "ok" {
		e.fail(fmt.Errorf("natsmq: the embedded server is not well: %s", h.Error))
	}
}

// stream returns JetStream's stream, or nil if there is none.
func (e *embedded) stream(ctx context.Context, name string) (jetstream.Stream, error) {
	s, err := e.js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil
	}
	return s, err
}

// createStream makes the stream, or takes over the files of one whose
// description was lost, and makes all names above its files durable.
func (e *embedded) createStream(ctx context.Context, cfg *Config, name string) (jetstream.Stream, error) {
	s, err := e.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: name, Subjects: []string{subjectOf(name)}, Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy,
		Discard: jetstream.DiscardNew, MaxBytes: -1, MaxMsgs: -1, MaxMsgSize: -1, AllowDirect: true, DenyDelete: true,
	})
	if err != nil {
		return nil, err
	}
	for dir := messagesDir(cfg.Dir, name); ; dir = filepath.Dir(dir) {
		if err := cfg.FS.SyncDir(dir); err != nil {
			return nil, err
		}
		if dir == filepath.Dir(filepath.Clean(cfg.Dir)) || dir == filepath.Dir(dir) {
			return s, nil
		}
	}
}

// serverLog brings the server's log to slog. A write error is there to be
// read before anything else tells of it.
type serverLog struct {
	logger *slog.Logger
	e      *embedded
}

func (l *serverLog) Noticef(format string, v ...any) {
	l.logger.Debug("nats: " + fmt.Sprintf(format, v...))
}
func (l *serverLog) Debugf(format string, v ...any) {
	l.logger.Debug("nats: " + fmt.Sprintf(format, v...))
}
func (l *serverLog) Tracef(format string, v ...any) {
	l.logger.Debug("nats: " + fmt.Sprintf(format, v...))
}
func (l *serverLog) Warnf(format string, v ...any) {
	l.logger.Warn("nats: " + fmt.Sprintf(format, v...))
}
func (l *serverLog) Errorf(format string, v ...any) { l.failed(fmt.Sprintf(format, v...)) }
func (l *serverLog) Fatalf(format string, v ...any) { l.failed(fmt.Sprintf(format, v...)) }

func (l *serverLog) failed(text string) {
	l.logger.Error("nats: " + text)
	if strings.Contains(strings.ToLower(text), "critical write error") || strings.Contains(text, "will be DISABLED") {
		l.e.fail(fmt.Errorf("natsmq: the embedded server cannot write: %s", text))
	}
}
