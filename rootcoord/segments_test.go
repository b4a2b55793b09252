package rootcoord

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/mq"
)

// report prepares a flush of one segment with rows of its own.
func (l *life) report(t *testing.T, name string, part ...string) *role.FlushResult {
	t.Helper()
	info, err := l.c.Collection(t.Context(), ref(name))
	require.NoError(t, err)
	task, err := l.c.Begin(t.Context(), "flush")
	require.NoError(t, err)
	coll, err := l.c.byID(info.ID)
	require.NoError(t, err)
	at := coll.checkpoint(0)
	shard := base.Shard{Collection: info.ID}
	id, err := l.c.IDs(t.Context(), 1)
	require.NoError(t, err)
	s := &role.Segment{ID: id, Shard: shard, Partition: info.Partitions[0].ID, Start: position(1), End: position(5)}
	for _, name := range part {
		s.Partition = partition(info, name).ID
	}
	require.NoError(t, l.writeRows(t.Context(), s, []row{{1, 100}}, task))
	return &role.FlushResult{
		Shard: shard, Task: task, Term: l.term, Segments: []*role.Segment{s},
		Checkpoint: role.Checkpoint{Version: at.Version + 1, Position: position(5), Deletes: at.Deletes + 1},
	}
}

func TestCommitFlush(t *testing.T) {
	l := start(t)
	ctx := t.Context()
	l.must(role.CreateCollection{Collection: vectors("c")})

	r := l.report(t, "c")
	require.NoError(t, l.c.CommitFlush(ctx, r))
	require.NoError(t, l.c.CommitFlush(ctx, r), "the same report again")
	list, err := l.c.List(ctx, r.Shard.Collection)
	require.NoError(t, err)
	require.Len(t, list, 1)

	late := l.report(t, "c")
	late.Checkpoint.Version--
	require.ErrorContains(t, l.c.CommitFlush(ctx, late), "does not follow")
	back := l.report(t, "c")
	back.Checkpoint.Position = position(4)
	require.ErrorContains(t, l.c.CommitFlush(ctx, back), "does not follow")
	twice := l.report(t, "c")
	twice.Segments[0].ID = r.Segments[0].ID
	require.ErrorContains(t, l.c.CommitFlush(ctx, twice), "is committed")
	strange := l.report(t, "c")
	strange.Shard.Index, strange.Segments[0].Shard.Index = 1, 1
	require.ErrorContains(t, l.c.CommitFlush(ctx, strange), "has 1 shards")
	ended := l.report(t, "c")
	require.NoError(t, l.c.End(ctx, ended.Task))
	require.ErrorContains(t, l.c.CommitFlush(ctx, ended), "revoked")

	fenced := l.report(t, "c")
	_, err = l.c.Term(ctx, l.c.cfg.Channel)
	require.NoError(t, err)
	require.ErrorIs(t, l.c.CommitFlush(ctx, fenced), mq.ErrFenced)
	_, err = l.c.Now(ctx, l.c.cfg.Channel, l.term)
	require.ErrorIs(t, err, mq.ErrFenced)
	l.term++
	_, err = l.c.Now(ctx, l.c.cfg.Channel, l.term)
	require.NoError(t, err)

	list, err = l.c.List(ctx, r.Shard.Collection)
	require.NoError(t, err)
	require.Len(t, list, 1, "a refused report changes nothing")

	dropped := l.report(t, "c")
	l.must(role.DropCollection{CollectionRef: ref("c")})
	require.True(t, merr.Is(l.c.CommitFlush(ctx, dropped), merr.CollectionNotFound))
}

// A flush that comes after a truncation or the drop of its partition is
// recorded, so that replay skips it, but its rows do not exist.
func TestFlushOfWhatIsGone(t *testing.T) {
	l := start(t)
	l.must(role.CreateCollection{Collection: vectors("c"), Partitions: []string{"p"}})
	truncated, part := l.report(t, "c"), l.report(t, "c", "p")
	info, err := l.c.Collection(t.Context(), ref("c"))
	require.NoError(t, err)
	part.Segments[0].MaxTime = base.MaxTimestamp
	part.Checkpoint.Version++
	l.must(role.Truncate{CollectionRef: ref("c")}, role.DropPartition{CollectionRef: ref("c"), Partition: "p"})
	require.NoError(t, l.c.CommitFlush(t.Context(), truncated))
	require.NoError(t, l.c.CommitFlush(t.Context(), part))
	list, err := l.c.List(t.Context(), info.ID)
	require.NoError(t, err)
	require.Empty(t, list)
	states, err := l.c.Shards(t.Context(), l.c.cfg.Channel)
	require.NoError(t, err)
	require.Len(t, states[0].Segments, 2)
	l.idle()
	require.Empty(t, l.keys(), "the objects go")
	require.NoError(t, l.c.Cut(t.Context(), l.c.cfg.Channel, position(5)))
	l.idle()
	states, err = l.c.Shards(t.Context(), l.c.cfg.Channel)
	require.NoError(t, err)
	require.Empty(t, states[0].Segments, "the records go when the log is cut")
}

// While another partition's rows hold the log back, what was compacted stays
// recorded: replay must not bring it back.
func TestReplaySkipsCompactedSegments(t *testing.T) {
	l := start(t)
	l.searchable("c")
	l.must(role.CreatePartition{CollectionRef: ref("c"), Partition: "p"})
	require.NoError(t, l.insert("c", "_default", 1000))
	for i := range int64(4) {
		require.NoError(t, l.insert("c", "p", numbers(i*10, 5)...))
		require.NoError(t, l.flush("c", "p"))
	}
	l.idle()
	require.Len(t, l.target("c").Segments, 1, "compacted")
	want, err := l.rows("c")
	require.NoError(t, err)
	require.Len(t, want, 21)
	for range 2 {
		l = l.restart()
		l.idle()
		got, err := l.rows("c")
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// A target that is being applied keeps the objects that it names, although the
// catalog has gone on.
func TestObjectsStayWhileTargetIsApplied(t *testing.T) {
	l := start(t)
	l.must(role.CreateCollection{Collection: vectors("c")})
	for i := range int64(3) {
		require.NoError(t, l.insert("c", "_default", numbers(i*10, 5)...))
		require.NoError(t, l.flush("c"))
	}
	entered, leave := make(chan struct{}), make(chan struct{})
	var held atomic.Bool
	l.hook(func(what string) error {
		if what == "Apply" && held.CompareAndSwap(false, true) {
			close(entered)
			<-leave
		}
		return nil
	})
	l.must(
		role.CreateIndex{CollectionRef: ref("c"), Field: "vec", Index: hnsw()},
		role.Load{CollectionRef: ref("c")},
	)
	<-entered
	// The fourth segment makes a compaction of all four due.
	require.NoError(t, l.insert("c", "_default", numbers(30, 5)...))
	require.NoError(t, l.flush("c"))
	info, err := l.c.Collection(t.Context(), ref("c"))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		list, err := l.c.List(t.Context(), info.ID)
		return err == nil && len(list) == 1
	}, waitLong, tick)
	// The loops may do what they like now, but for the load.
	for range 20 {
		l.c.loops.Kick(info.ID)
		pauseTick()
	}
	close(leave)
	l.idle()
	require.Empty(t, l.faults())
	require.Len(t, l.target("c").Segments, 1)
}

// What happens to the inputs while a compaction runs makes its output nothing.
func TestCompactionOfWhatIsGone(t *testing.T) {
	for name, gone := range map[string]role.Command{
		"truncate":       role.Truncate{CollectionRef: ref("c")},
		"drop partition": role.DropPartition{CollectionRef: ref("c"), Partition: "p"},
		"drop":           role.DropCollection{CollectionRef: ref("c")},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig()
			cfg.Sched.AutoCompaction = false
			l := startWith(t, cfg)
			l.must(
				role.CreateCollection{Collection: vectors("c"), Partitions: []string{"p"}},
				role.CreateIndex{CollectionRef: ref("c"), Field: "vec", Index: hnsw()},
			)
			for i := range int64(4) {
				require.NoError(t, l.insert("c", "p", numbers(i*10, 3)...))
				require.NoError(t, l.flush("c"))
			}
			l.idle()
			var once atomic.Bool
			l.hook(func(what string) error {
				// The output is written and gets its index: now it happens.
				if what == "Build" && once.CompareAndSwap(false, true) {
					return l.do(gone)
				}
				return nil
			})
			info, err := l.c.Collection(t.Context(), ref("c"))
			require.NoError(t, err)
			_, plans, err := l.c.Compact(t.Context(), info.ID, false)
			require.NoError(t, err)
			require.Equal(t, 1, plans)
			l.idle()
			require.True(t, once.Load())
			if name != "drop" {
				rows, err := l.rows("c")
				require.NoError(t, err)
				require.Empty(t, rows)
			}
			require.Empty(t, l.keys(), "the output is an unnamed object and goes")
		})
	}
}

// Waiters are woken by a change.
func TestWaitChange(t *testing.T) {
	l := start(t)
	waiting := l.c.changes.wait()
	done := make(chan error, 1)
	go func() { done <- l.c.WaitChange(context.Background(), waitLong) }()
	// The goroutine may begin late: changes go on until it has seen one.
	for woken := false; !woken; {
		l.must(role.CreateCollection{Collection: vectors("c")}, role.DropCollection{CollectionRef: ref("c")})
		select {
		case err := <-done:
			require.NoError(t, err)
			woken = true
		default:
		}
	}
	<-waiting
	require.NoError(t, l.c.WaitChange(t.Context(), 1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, l.c.WaitChange(ctx, waitLong), context.Canceled)
}
