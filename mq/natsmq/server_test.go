package natsmq

import (
	"context"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq"
)

// The settings that durability hangs on are those in force.
func TestSettingsInForce(t *testing.T) {
	l := openLog(t, Config{Dir: t.TempDir(), Capacity: 1 << 20})
	defer l.Close()
	fill(t, l, 1, 1)
	srv := l.mu.server.srv
	require.True(t, srv.JetStreamConfig().SyncAlways)
	require.Nil(t, srv.Addr(), "no TCP port")
	s, err := l.mu.server.js.Stream(t.Context(), "by-dev-rootcoord-dml_0")
	require.NoError(t, err)
	cfg := s.CachedInfo().Config
	require.Equal(t, jetstream.FileStorage, cfg.Storage)
	require.Equal(t, jetstream.LimitsPolicy, cfg.Retention)
	require.Equal(t, jetstream.DiscardNew, cfg.Discard)
	require.EqualValues(t, -1, cfg.MaxBytes)
	require.EqualValues(t, -1, cfg.MaxMsgs)
	require.Zero(t, cfg.MaxAge)
	require.Equal(t, jetstream.DefaultPersistMode, cfg.PersistMode)
}

// With a port, others may look at the streams from this machine, and nothing
// else.
func TestPort(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := free.Addr().(*net.TCPAddr).Port
	require.NoError(t, free.Close())
	l := openLog(t, Config{Dir: t.TempDir(), Port: port})
	defer l.Close()
	want, _ := fill(t, l, 2, 10)
	require.Equal(t, "127.0.0.1", l.mu.server.srv.Addr().(*net.TCPAddr).IP.String())

	denied := make(chan error, 10)
	nc, err := nats.Connect(fmt.Sprintf("nats://127.0.0.1:%d", port), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { denied <- err }))
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	s, err := js.Stream(t.Context(), "by-dev-rootcoord-dml_0")
	require.NoError(t, err)
	require.EqualValues(t, 6, s.CachedInfo().State.Msgs)
	_, err = s.GetMsg(t.Context(), 1)
	require.NoError(t, err)
	for _, subject := range []string{subjectOf("by-dev-rootcoord-dml_0"), "$JS.API.STREAM.PURGE.by-dev-rootcoord-dml_0", "$JS.API.STREAM.DELETE.by-dev-rootcoord-dml_0"} {
		require.NoError(t, nc.Publish(subject, []byte("{}")))
		require.NoError(t, nc.Flush())
		require.ErrorIs(t, <-denied, nats.ErrPermissionViolation, subject)
	}
	got, err := readUpTo(t, l, len(want))
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// Whoever writes to the stream beside this package makes it give up the term,
// not take the foreign message for its own.
func TestForeignMessage(t *testing.T) {
	l := openLog(t, Config{Dir: t.TempDir()})
	defer l.Close()
	a, _, err := l.Open(t.Context(), testChannel, 1)
	require.NoError(t, err)
	_, err = l.mu.server.js.Publish(t.Context(), subjectOf("by-dev-rootcoord-dml_0"), []byte("foreign"))
	require.NoError(t, err)
	_, err = a.Append([][]byte{[]byte("x")}).Wait()
	require.ErrorContains(t, err, "wrong last sequence")
	_, _, err = l.Open(t.Context(), testChannel, 2)
	require.ErrorIs(t, err, mq.ErrCorrupt)
}

// A server that broke is replaced, by whoever needs it next.
func TestBrokenServerIsReplaced(t *testing.T) {
	l := openLog(t, Config{Dir: t.TempDir()})
	defer l.Close()
	a, opened, err := l.Open(t.Context(), testChannel, 1)
	require.NoError(t, err)
	sub, err := l.Subscribe(t.Context(), testChannel, opened)
	require.NoError(t, err)
	defer sub.Close()
	for term := int64(2); term < 5; term++ {
		_, err = a.Append([][]byte{[]byte("one")}).Wait()
		require.NoError(t, err)
		rec, err := sub.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, "one", string(rec.Data))
		(&serverLog{logger: l.cfg.Logger, e: l.mu.server}).Errorf("Critical write error: %v", "no space left on device")
		_, err = a.Append([][]byte{[]byte("unknown")}).Wait()
		require.Error(t, err)
		a, _, err = l.Open(t.Context(), testChannel, term)
		require.NoError(t, err)
		for len(rec.Data) > 0 { // "unknown", perhaps, and then the opening record
			rec, err = sub.Next(t.Context())
			require.NoError(t, err)
		}
		require.EqualValues(t, term, rec.Term)
	}
}

// nearlyFull is a file system that has as much room as a test says.
type nearlyFull struct {
	vfs.FS
	free atomic.Int64
}

func (f *nearlyFull) FreeSpace(string) (int64, error) { return f.free.Load(), nil }

// Appends leave the reserve free, so that JetStream never meets a full disk.
func TestReserve(t *testing.T) {
	disk := &nearlyFull{FS: vfs.OS()}
	disk.free.Store(math.MaxInt64)
	l := openLog(t, Config{Dir: t.TempDir(), FS: disk, Reserve: 1000})
	defer l.Close()
	a, opened, err := l.Open(t.Context(), testChannel, 1)
	require.NoError(t, err)
	disk.free.Store(2000)
	_, err = a.Append([][]byte{make([]byte, 1000)}).Wait()
	require.ErrorIs(t, err, mq.ErrFull)
	_, err = a.Append([][]byte{make([]byte, 100)}).Wait()
	require.NoError(t, err)
	disk.free.Store(10)
	_, err = a.Append([][]byte{nil}).Wait()
	require.ErrorIs(t, err, mq.ErrFull)
	_, _, err = l.Open(t.Context(), testChannel, 2)
	require.ErrorIs(t, err, mq.ErrFull)
	require.NoError(t, l.Truncate(t.Context(), testChannel, opened))
	disk.free.Store(1 << 20)
	a, _, err = l.Open(t.Context(), testChannel, 2)
	require.NoError(t, err)
	_, err = a.Append([][]byte{make([]byte, 1000)}).Wait()
	require.NoError(t, err)
}

// After a cut JetStream's files shrink, without further calls, to the block
// in use.
func TestFilesShrinkAfterCut(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, Config{Dir: dir})
	defer l.Close()
	a, _, err := l.Open(t.Context(), testChannel, 1)
	require.NoError(t, err)
	size := func() (n int64) {
		for _, name := range blockFiles(t, dir) {
			if st, err := os.Stat(name); err == nil {
				n += st.Size()
			}
		}
		return n
	}
	var last base.Position
	for range 2 {
		for range 50 {
			last, err = a.Append([][]byte{make([]byte, 1<<20)}).Wait()
			require.NoError(t, err)
		}
		require.Greater(t, size(), int64(50<<20))
		require.NoError(t, l.Truncate(t.Context(), testChannel, last))
		require.Eventually(t, func() bool { return size() <= 8<<20 }, 10*time.Second, time.Millisecond)
		require.LessOrEqual(t, l.Stats(testChannel).Bytes, int64(2<<20))
	}
}

// Two logs in one process do not meet.
func TestTwoLogs(t *testing.T) {
	one, two := openLog(t, Config{Dir: t.TempDir()}), openLog(t, Config{Dir: t.TempDir()})
	defer one.Close()
	defer two.Close()
	fill(t, one, 2, 10)
	require.Zero(t, two.Stats(testChannel).Bytes)
	fill(t, two, 2, 10)
}

func TestConfigIsChecked(t *testing.T) {
	for name, cfg := range map[string]Config{
		"directory": {},
		"payload":   {Dir: "x", MaxPayload: 100},
		"capacity":  {Dir: "x", Capacity: -1},
		"port":      {Dir: "x", Port: 1 << 20},
	} {
		_, err := Open(cfg)
		require.ErrorContains(t, err, name)
	}
	l := openLog(t, Config{Dir: t.TempDir()})
	defer l.Close()
	_, _, err := l.Open(context.Background(), base.Channel(strings.Repeat("x", 300)), 1)
	require.ErrorContains(t, err, "channel name")
}

func TestNewDirectoryIsSmall(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, Config{Dir: dir})
	fill(t, l, 1, 1)
	require.NoError(t, l.Close())
	var n int64
	require.NoError(t, filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		n += info.Size()
		return err
	}))
	require.Less(t, n, int64(100<<10))
}
