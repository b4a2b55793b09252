package gosdk_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/milvus-io/milvus/client/v2/milvusclient"
	"github.com/stretchr/testify/require"
)

// server is the real binary, from outside.
type server struct {
	binary, dir, logType string
	port                 int
	process              *exec.Cmd
}

// newServer starts a server on an empty directory; it ends with the test.
func newServer(t *testing.T, logType string) *server {
	t.Helper()
	binary := os.Getenv("REDKITE_BIN")
	if binary == "" {
		t.Fatal("REDKITE_BIN is not set: run `make gosdk`")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	s := &server{binary: binary, dir: t.TempDir(), logType: logType, port: l.Addr().(*net.TCPAddr).Port}
	t.Cleanup(s.kill)
	s.start(t)
	return s
}

func (s *server) start(t *testing.T) {
	t.Helper()
	out, err := os.OpenFile(filepath.Join(s.dir, "output.txt"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer out.Close()
	s.process = exec.Command(s.binary, "run", "standalone", "--data", filepath.Join(s.dir, "data"),
		"--port", fmt.Sprint(s.port), "--metrics-port", "0", "--set", "mq.type="+s.logType)
	s.process.Stdout, s.process.Stderr = out, out
	require.NoError(t, s.process.Start())
}

func (s *server) kill() {
	if s.process != nil {
		_ = s.process.Process.Kill() // it may have ended by itself
		_ = s.process.Wait()         // killed: the exit code says so
		s.process = nil
	}
}

// client waits until the server answers.
func (s *server) client(t *testing.T) *milvusclient.Client {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		c, err := milvusclient.New(ctx, &milvusclient.ClientConfig{Address: fmt.Sprintf("127.0.0.1:%d", s.port)})
		if err == nil {
			_, err = c.ListCollections(ctx, milvusclient.NewListCollectionOption())
		}
		cancel()
		if err == nil {
			t.Cleanup(func() { _ = c.Close(context.Background()) })
			return c
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(filepath.Join(s.dir, "output.txt"))
			t.Fatalf("not serving: %v\n%s", err, text)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
