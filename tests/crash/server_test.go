//go:build e2e

package crash_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
)

const startTimeout = 30 * time.Second

// server is the real binary on a port and a data directory of its own.
type server struct {
	t       *testing.T
	binary  string
	dir     string
	logType string
	port    int
	process *exec.Cmd
	api     milvuspb.MilvusServiceClient
	conn    *grpc.ClientConn
}

// newServer needs REDKITE_BIN, the binary under test.
func newServer(t *testing.T, logType string) *server {
	t.Helper()
	binary := os.Getenv("REDKITE_BIN")
	if binary == "" {
		t.Fatal("REDKITE_BIN is not set: run `make crash`")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, binary: binary, dir: t.TempDir(), logType: logType, port: l.Addr().(*net.TCPAddr).Port}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	return s
}

// start returns how long it took from exec to the first answered call.
func (s *server) start() time.Duration {
	s.t.Helper()
	began := time.Now()
	s.launch()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		r, err := s.api.ShowCollections(ctx, &milvuspb.ShowCollectionsRequest{}, grpc.WaitForReady(true))
		cancel()
		if err == nil && r.GetStatus().GetCode() == 0 {
			return time.Since(began)
		}
		if time.Since(began) > startTimeout {
			s.t.Fatalf("not serving after %v: %v %v\n%s", startTimeout, err, r.GetStatus(), s.output())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// launch starts the process and waits for nothing.
func (s *server) launch() {
	s.t.Helper()
	out, err := os.OpenFile(filepath.Join(s.dir, "output.txt"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer out.Close()
	s.process = exec.Command(s.binary, "run", "standalone", "--data", filepath.Join(s.dir, "data"),
		"--port", fmt.Sprint(s.port), "--metrics-port", "0", "--set", "mq.type="+s.logType)
	s.process.Stdout, s.process.Stderr = out, out
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.conn, err = grpc.NewClient(fmt.Sprintf("127.0.0.1:%d", s.port), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(256<<20)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.5, MaxDelay: 200 * time.Millisecond},
			MinConnectTimeout: time.Second,
		}))
	if err != nil {
		s.t.Fatal(err)
	}
	s.api = milvuspb.NewMilvusServiceClient(s.conn)
}

// kill ends the process without a warning: no signal handler runs.
func (s *server) kill() {
	if s.process == nil {
		return
	}
	if err := s.process.Process.Kill(); err != nil {
		s.t.Logf("kill: %v", err)
	}
	_ = s.process.Wait() // it was killed: the exit code says so
	s.process = nil
	if err := s.conn.Close(); err != nil {
		s.t.Logf("close: %v", err)
	}
}

// output returns the end of what the server printed.
func (s *server) output() string {
	b, err := os.ReadFile(filepath.Join(s.dir, "output.txt"))
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-4000):])
}
