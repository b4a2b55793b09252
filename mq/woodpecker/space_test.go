package woodpecker

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq"
)

// A new log is small; one that was cut to its end shrinks, without further
// calls, to the segment in use and one that is ready.
func TestFilesShrinkAfterCut(t *testing.T) {
	m := vfs.NewMem(1)
	l := openLog(t, Config{Dir: dir, FS: m, FirstSegment: 128 << 10, SegmentSize: 1 << 20})
	defer l.Close()
	a, _, err := l.Open(t.Context(), testChannel, 1)
	require.NoError(t, err)
	require.EqualValues(t, 128<<10, m.Used())
	record := []byte(strings.Repeat("x", 32<<10))
	var last base.Position
	for range 3 {
		for range 200 {
			last, err = a.Append([][]byte{record}).Wait()
			require.NoError(t, err)
		}
		require.Greater(t, m.Used(), int64(200*32<<10))
		require.NoError(t, l.Truncate(t.Context(), testChannel, last))
		require.Eventually(t, func() bool { return m.Used() <= 2<<20+8<<10 }, 10*time.Second, time.Millisecond)
	}
	require.Len(t, segmentFiles(t, m), 2)
	require.LessOrEqual(t, l.Stats(testChannel).Bytes, int64(64<<10))
}

// A reader keeps the segment it reads; when it has gone the file goes too.
func TestReaderKeepsItsSegment(t *testing.T) {
	m := vfs.NewMem(1)
	l := openLog(t, smallConfig(m))
	defer l.Close()
	a, opened, err := l.Open(t.Context(), testChannel, 1)
	require.NoError(t, err)
	sub, err := l.Subscribe(t.Context(), testChannel, opened)
	require.NoError(t, err)
	record := []byte(strings.Repeat("x", 3000))
	var last base.Position
	for range 100 {
		last, err = a.Append([][]byte{record}).Wait()
		require.NoError(t, err)
	}
	_, err = sub.Next(t.Context())
	require.NoError(t, err)
	first := segmentFiles(t, m)[0]
	require.NoError(t, l.Truncate(t.Context(), testChannel, last))
	require.Eventually(t, func() bool { return len(segmentFiles(t, m)) == 3 }, 10*time.Second, time.Millisecond)
	_, err = m.Stat(first)
	require.NoError(t, err, "it is being read")
	for err == nil {
		var rec mq.Record
		if rec, err = sub.Next(t.Context()); err == nil {
			require.Equal(t, record, rec.Data)
		}
	}
	require.ErrorIs(t, err, mq.ErrTruncated)
	require.NoError(t, sub.Close())
	require.Eventually(t, func() bool { return len(segmentFiles(t, m)) == 2 }, 10*time.Second, time.Millisecond)
}

// On a full disk appends are refused and nothing of them is written; reading
// and cutting go on; the same appender goes on by itself when there is room,
// whether the log made it or somebody else.
func TestFullDisk(t *testing.T) {
	m := vfs.NewMem(1)
	l := openLog(t, smallConfig(m))
	a, opened, err := l.Open(t.Context(), testChannel, 1)
	require.NoError(t, err)
	record := []byte(strings.Repeat("x", 3000))
	m.SetCapacity(500 << 10)
	n := 0
	var positions []base.Position
	fill := func() {
		for {
			pos, err := a.Append([][]byte{record}).Wait()
			if err != nil {
				require.ErrorIs(t, err, mq.ErrFull)
				return
			}
			positions = append(positions, pos)
			n++
		}
	}
	fill()
	require.Greater(t, n, 50)
	for range 5 { // what failed in the background may give room back
		fill()
	}
	got, err := readUpTo(t, l, n+1)
	require.NoError(t, err)
	require.Len(t, got, n+1)
	m.SetCapacity(m.Used()) // not a byte is free
	require.NoError(t, l.Truncate(t.Context(), testChannel, positions[n/2]))
	before := n
	require.Eventually(t, func() bool { fill(); return n > before+10 }, 10*time.Second, time.Millisecond)
	m.SetCapacity(m.Used() + 100<<10)
	before = n
	fill()
	require.Greater(t, n, before+10)
	require.NoError(t, l.Close())

	l = openLog(t, smallConfig(m))
	defer l.Close()
	sub, err := l.Subscribe(t.Context(), testChannel, positions[n-2])
	require.NoError(t, err)
	defer sub.Close()
	rec, err := sub.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, positions[n-1], rec.Position)
	require.True(t, opened.Before(rec.Position))
}

// A server that is started again while the disk is full reads its log: a term
// is opened without another segment, even where the last one has no room for a
// record.
func TestTermsOnAFullDisk(t *testing.T) {
	m := vfs.NewMem(1)
	cfg := Config{Dir: dir, FS: m, FirstSegment: 256 << 10, SegmentSize: 256 << 10}
	l := openLog(t, cfg)
	a, opened, err := l.Open(t.Context(), testChannel, 1)
	require.NoError(t, err)
	m.SetCapacity(1 << 20)
	n := 0
	for size := 8 << 10; size > 0; size /= 2 { // to the last byte
		for {
			if _, err = a.Append([][]byte{make([]byte, size)}).Wait(); err != nil {
				require.ErrorIs(t, err, mq.ErrFull)
				break
			}
			n++
		}
	}
	m.SetCapacity(m.Used())
	for term := int64(2); term < 3+openings(cfg.SegmentSize)/pageSize; term++ {
		killed := m.Clone()
		require.NoError(t, l.Close())
		m, cfg.FS = killed, killed
		l = openLog(t, cfg)
		_, last, err := l.Open(t.Context(), testChannel, term)
		if term == 2+openings(cfg.SegmentSize)/pageSize {
			require.ErrorIs(t, err, mq.ErrFull, "one more than there is room for")
			break
		}
		require.NoError(t, err, "term %d", term)
		sub, err := l.Subscribe(t.Context(), testChannel, opened)
		require.NoError(t, err)
		for i := 0; ; i++ {
			rec, err := sub.Next(t.Context())
			require.NoError(t, err)
			if rec.Position == last {
				require.Equal(t, n+int(term)-2, i)
				break
			}
		}
		require.NoError(t, sub.Close())
	}
	require.NoError(t, l.Close())
}

// Where preallocated blocks are not kept, a write may find the disk full in
// the middle: what it left is undone.
func TestFullDiskInsideASegment(t *testing.T) {
	m := vfs.NewMem(1)
	l := openLog(t, Config{Dir: dir, FS: m})
	a, opened, err := l.Open(t.Context(), testChannel, 1)
	require.NoError(t, err)
	m.SetHook(vfs.FailNth(vfs.OpWrite, 1, 1, syscall.ENOSPC))
	_, err = a.Append([][]byte{[]byte("refused")}).Wait()
	require.ErrorIs(t, err, mq.ErrFull)
	last, err := a.Append([][]byte{[]byte("kept")}).Wait()
	require.NoError(t, err)
	m.SetHook(nil)
	killed := m.Clone()
	require.NoError(t, l.Close())
	l = openLog(t, Config{Dir: dir, FS: killed})
	defer l.Close()
	sub, err := l.Subscribe(t.Context(), testChannel, opened)
	require.NoError(t, err)
	defer sub.Close()
	rec, err := sub.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, "kept", string(rec.Data))
	require.Equal(t, last, rec.Position)
}

// After a failed sync nothing more is appended, in this term; the next one
// goes on, and holds what was confirmed.
func TestFailedSyncEndsTheTerm(t *testing.T) {
	m := vfs.NewMem(1)
	l := openLog(t, Config{Dir: dir, FS: m})
	defer l.Close()
	a, _, err := l.Open(t.Context(), testChannel, 1)
	require.NoError(t, err)
	_, err = a.Append([][]byte{[]byte("one")}).Wait()
	require.NoError(t, err)
	m.SetHook(vfs.FailNth(vfs.OpSync, 1, 1, syscall.EIO))
	_, err = a.Append([][]byte{[]byte("unknown")}).Wait()
	require.ErrorIs(t, err, syscall.EIO)
	require.False(t, errors.Is(err, mq.ErrFull))
	for range 3 {
		_, err = a.Append([][]byte{[]byte("never")}).Wait()
		require.ErrorIs(t, err, syscall.EIO)
	}
	a, _, err = l.Open(t.Context(), testChannel, 2)
	require.NoError(t, err)
	_, err = a.Append([][]byte{[]byte("two")}).Wait()
	require.NoError(t, err)
	got, err := readUpTo(t, l, 4)
	require.NoError(t, err)
	require.Equal(t, []string{"", "one", "", "two"}, got)
}

// An idle log does nothing to the disk.
func TestIdle(t *testing.T) {
	m := vfs.NewMem(1)
	l := openLog(t, Config{Dir: dir, FS: m})
	defer l.Close()
	a, _, err := l.Open(t.Context(), testChannel, 1)
	require.NoError(t, err)
	_, err = a.Append([][]byte{[]byte("one")}).Wait()
	require.NoError(t, err)
	ops := make(chan vfs.Op, 100)
	m.SetHook(func(op vfs.Op) error {
		select {
		case ops <- op:
		default:
		}
		return nil
	})
	select {
	case op := <-ops:
		t.Fatalf("%s of %s", op.Kind, op.Name)
	case <-time.After(50 * time.Millisecond):
	}
	m.SetHook(nil)
}
