package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/redkite-db/redkite/configs"
	"github.com/redkite-db/redkite/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call runs one command line and returns its exit code and what it wrote.
func call(p program, args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	p.out, p.err = &o, &e
	if p.name == "" {
		p.name = "/usr/bin/redkite"
	}
	p.systemMemory = 4 << 30
	code = p.main(args)
	return code, o.String(), e.String()
}

// TestCommands runs the scripts in testdata/commands: each input is a command
// line, with "env NAME=VALUE" lines before it. A server that is run prints its
// port, data directory and log.
func TestCommands(t *testing.T) {
	datadriven.RunTest(t, "testdata/commands", func(t *testing.T, d *datadriven.TestData) string {
		p := program{serve: func(_ context.Context, l *configs.Loaded, out io.Writer) error {
			c := l.Config
			_, err := fmt.Fprintf(out, "port %d, metrics %d, listen %q, data %s, log %s, memory %d\n",
				c.Proxy.Port, c.MetricsPort, c.Listen, c.DataDir, c.Log.Type, c.MemoryLimit)
			return err
		}}
		lines := strings.Split(d.Input, "\n")
		for _, line := range lines[:len(lines)-1] {
			v, ok := strings.CutPrefix(line, "env ")
			require.True(t, ok, line)
			p.environ = append(p.environ, v)
		}
		args := strings.Fields(lines[len(lines)-1])
		p.name = args[0]
		code, out, errs := call(p, args[1:]...)
		return fmt.Sprintf("%s%sexit %d\n", out, errs, code)
	})
}

func TestVersion(t *testing.T) {
	code, out, _ := call(program{}, "version")
	require.Zero(t, code)
	require.Contains(t, out, "Red Kite "+configs.Version)
	require.Contains(t, out, "answers clients as Milvus 3.0.0+redkite.")
}

func TestConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "milvus.yaml")
	require.NoError(t, os.WriteFile(file, []byte("minio:\n  secretAccessKey: minioadmin\nproxy:\n  maxFieldNum: 32\n"), 0o600))
	code, out, errs := call(program{environ: []string{"PROXY_MAXNAMELENGTH=99"}},
		"config", "--config", file, "--port", "1234", "--set", "proxy.maxDimension=8")
	require.Zero(t, code, errs)
	lines := map[string]string{}
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		lines[f[0]] = strings.Join(f[1:], " ")
	}
	require.Equal(t, "1234 --port", lines["proxy.port"])
	require.Equal(t, "99 environment PROXY_MAXNAMELENGTH", lines["proxy.maxNameLength"])
	require.Equal(t, "8 --set", lines["proxy.maxDimension"])
	require.Equal(t, "32 "+file+":4", lines["proxy.maxFieldNum"])
	require.Equal(t, "3GiB built-in: 3/4 of 4GiB", lines["redkite.memoryLimit"])
	require.Equal(t, "(hidden) "+file+":2 (accepted, no effect)", lines["minio.secretAccessKey"])
	require.NotContains(t, out, "minioadmin")
}

// The first signal ends the context, the second the process.
func TestSignals(t *testing.T) {
	signals := make(chan os.Signal)
	exited := make(chan int, 1)
	var errs bytes.Buffer
	p := &program{err: &errs, exit: func(code int) { exited <- code }}
	ctx, stop := p.drainOn(t.Context(), signals)
	require.NoError(t, ctx.Err())
	signals <- syscall.SIGTERM
	<-ctx.Done()
	require.Empty(t, exited)
	signals <- os.Interrupt
	require.Equal(t, 130, <-exited)
	stop()
	require.Contains(t, errs.String(), "a second signal ends at once")
}

func TestNoSignal(t *testing.T) {
	for _, first := range []bool{false, true} {
		signals := make(chan os.Signal)
		p := &program{err: io.Discard, exit: func(int) { t.Error("exited") }}
		ctx, stop := p.drainOn(t.Context(), signals)
		if first {
			signals <- os.Interrupt
		}
		stop()
		require.Error(t, ctx.Err())
	}
}

// listen opens a port of the loopback.
func listen(t *testing.T) (ln net.Listener, port string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return ln, strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
}

// freePort returns a port on which nobody listens.
func freePort(t *testing.T) string {
	ln, port := listen(t)
	require.NoError(t, ln.Close())
	return port
}

func TestHealthHTTP(t *testing.T) {
	state := telemetry.Healthy
	ln, port := listen(t)
	log := slog.New(slog.DiscardHandler)
	h := telemetry.NewHandler(func(context.Context) []telemetry.Component {
		return []telemetry.Component{{Name: "proxy", State: state}}
	}, telemetry.NewRegistry("test"), log)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- telemetry.Serve(ctx, h, log, ln) }()

	code, out, errs := call(program{}, "health", "--metrics-port", port)
	require.Equal(t, []any{0, "OK\n", ""}, []any{code, out, errs})
	code, out, _ = call(program{environ: []string{"METRICS_PORT=" + port, "REDKITE_LISTEN=*"}}, "health")
	require.Equal(t, []any{0, "OK\n"}, []any{code, out})
	code, _, _ = call(program{}, "health", "--address", "127.0.0.1:"+port)
	require.Zero(t, code)

	state = telemetry.Initializing
	code, out, errs = call(program{}, "health", "--metrics-port", port)
	require.Equal(t, []any{1, ""}, []any{code, out})
	require.Contains(t, errs, "Not all components are healthy, 0/1")
	cancel()
	require.NoError(t, <-done)
}

func TestHealthGRPC(t *testing.T) {
	ln, port := listen(t)
	s := grpc.NewServer()
	hs := health.NewServer()
	healthpb.RegisterHealthServer(s, hs)
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()

	code, out, errs := call(program{}, "health", "--port", port, "--metrics-port", "0")
	require.Equal(t, []any{0, "OK\n", ""}, []any{code, out, errs})
	// Nobody on the metrics port.
	code, _, errs = call(program{}, "health", "--port", port, "--metrics-port", freePort(t))
	require.Zero(t, code, errs)

	hs.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING)
	code, _, errs = call(program{}, "health", "--port", port, "--metrics-port", "0")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "NOT_SERVING")
	s.Stop()
	require.NoError(t, <-done)
}

func TestHealthOfNobody(t *testing.T) {
	metrics, port := freePort(t), freePort(t)
	code, out, errs := call(program{}, "health", "--metrics-port", metrics, "--port", port, "--timeout", "2s")
	require.Equal(t, 1, code)
	require.Empty(t, out)
	require.Contains(t, errs, "127.0.0.1:"+metrics)
	require.Contains(t, errs, "127.0.0.1:"+port)
}

func TestServerError(t *testing.T) {
	p := program{serve: func(context.Context, *configs.Loaded, io.Writer) error { return errors.New("port is taken") }}
	code, _, errs := call(p)
	require.Equal(t, 1, code)
	require.Equal(t, "redkite: port is taken\n", errs)
}
