package rootcoord

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/meta"
)

func TestFlushIndexLoad(t *testing.T) {
	l := start(t)
	l.searchable("c")
	require.NoError(t, l.insert("c", "_default", numbers(0, 10)...))
	require.NoError(t, l.flush("c"))
	l.idle()
	target := l.target("c")
	require.NotNil(t, target)
	require.Len(t, target.Segments, 1)
	require.Len(t, target.Segments[0].Indexes, 1, "a large segment is served with its index")
	require.Equal(t, int64(1), target.Checkpoint.Version)

	require.NoError(t, l.insert("c", "_default", 100, 101))
	require.NoError(t, l.flush("c"))
	l.idle()
	require.Len(t, l.target("c").Segments, 2)

	info, err := l.c.Collection(t.Context(), ref("c"))
	require.NoError(t, err)
	st, err := l.c.IndexState(t.Context(), info.ID, info.Indexes[0].ID)
	require.NoError(t, err)
	require.Equal(t, role.IndexState{Total: 12, Indexed: 12}, st, "a small segment counts as indexed")
	progress, err := l.c.LoadProgress(t.Context(), info.ID, nil)
	require.NoError(t, err)
	require.Equal(t, int64(100), progress)
}

// A damaged index file is forgotten, deleted and built again: once, since what
// is damaged again was damaged by the build.
func TestDamagedIndexIsBuiltAgain(t *testing.T) {
	l := start(t)
	l.searchable("c")
	require.NoError(t, l.insert("c", "_default", numbers(0, 10)...))
	require.NoError(t, l.flush("c"))
	l.idle()
	file := func() role.IndexFile {
		segments := l.target("c").Segments
		require.Len(t, segments, 1)
		for _, f := range segments[0].Indexes {
			return f
		}
		return role.IndexFile{}
	}
	first := file()
	l.damaged = map[base.ID]bool{first.Build: true}
	l = l.restart()
	require.NoError(t, l.c.WaitLoaded(t.Context()))
	l.idle()
	second := file()
	require.NotZero(t, second.Build)
	require.NotEqual(t, first.Build, second.Build)
	require.NotContains(t, l.keys(), first.Key)
	require.Contains(t, l.keys(), second.Key)

	l.damaged[second.Build] = true
	l.must(role.CreatePartition{CollectionRef: ref("c"), Partition: "p"}) // a new target
	l.idle()
	require.Equal(t, second, file())
}

func TestLoadedAgainAfterRestart(t *testing.T) {
	l := start(t)
	l.searchable("c")
	require.NoError(t, l.insert("c", "_default", numbers(0, 10)...))
	require.NoError(t, l.flush("c"))
	require.NoError(t, l.insert("c", "_default", 50, 51))
	l.idle()
	l = l.restart()
	require.NoError(t, l.c.WaitLoaded(t.Context()))
	require.Len(t, l.target("c").Segments, 1)
	rows, err := l.rows("c")
	require.NoError(t, err)
	require.Equal(t, append(numbers(0, 10), 50, 51), rows)
}

// Many small flushes end in few segments, whose rows are the same.
func TestCompaction(t *testing.T) {
	l := start(t)
	l.searchable("c")
	var want []int64
	for i := range int64(40) {
		rows := numbers(i*10, 3)
		want = append(want, rows...)
		require.NoError(t, l.insert("c", "_default", rows...))
		require.NoError(t, l.flush("c"))
		l.idle()
	}
	got, err := l.rows("c")
	require.NoError(t, err)
	require.Equal(t, want, got)
	target := l.target("c")
	require.LessOrEqual(t, len(target.Segments), 12, "segments grow with their shard")
	for _, s := range target.Segments {
		require.LessOrEqual(t, s.Bytes, int64(4000))
		if s.Rows >= 4 {
			require.Len(t, s.Indexes, 1)
		}
	}
	require.Empty(t, l.faults())
	// What was merged is gone from the store and, the log being cut, from the catalog.
	coll, err := l.c.byID(target.Shard.Collection)
	require.NoError(t, err)
	require.Len(t, coll.segments(), len(target.Segments))
	manifests := 0
	for _, key := range l.keys() {
		manifests += strings.Count(key, "manifest")
	}
	require.Equal(t, len(target.Segments), manifests)
}

func TestDeletesAreFolded(t *testing.T) {
	l := start(t)
	l.searchable("c")
	require.NoError(t, l.insert("c", "_default", numbers(0, 20)...))
	require.NoError(t, l.flush("c"))
	require.NoError(t, l.remove("c", 1, 2))
	require.NoError(t, l.flush("c"))
	l.idle()
	require.Len(t, l.target("c").Deltas, 1, "a tenth is not worth a rewrite")
	require.NoError(t, l.remove("c", 3, 4, 5, 6))
	require.NoError(t, l.flush("c"))
	l.idle()
	target := l.target("c")
	require.Len(t, target.Segments, 1)
	require.Equal(t, int64(14), target.Segments[0].Rows)
	require.Empty(t, target.Deltas, "a delta log goes when all have folded it")
	for _, key := range l.keys() {
		require.NotContains(t, key, "delta_log")
	}
	rows, err := l.rows("c")
	require.NoError(t, err)
	require.Equal(t, append([]int64{0}, numbers(7, 13)...), rows)
}

func TestManyDeltaLogsAreMerged(t *testing.T) {
	l := start(t)
	l.searchable("c")
	require.NoError(t, l.insert("c", "_default", numbers(0, 1000)...))
	require.NoError(t, l.flush("c"))
	for i := range int64(60) {
		require.NoError(t, l.remove("c", i))
		require.NoError(t, l.flush("c"))
		l.idle()
		require.LessOrEqual(t, len(l.target("c").Deltas), 17)
	}
	rows, err := l.rows("c")
	require.NoError(t, err)
	require.Equal(t, numbers(60, 940), rows)
}

func TestManualCompaction(t *testing.T) {
	cfg := testConfig()
	cfg.Sched.AutoCompaction = false
	l := startWith(t, cfg)
	l.searchable("c")
	for i := range int64(5) {
		require.NoError(t, l.insert("c", "_default", numbers(i*10, 3)...))
		require.NoError(t, l.flush("c"))
	}
	require.NoError(t, l.remove("c", 0, 1, 2, 10))
	require.NoError(t, l.flush("c"))
	l.idle()
	info, err := l.c.Collection(t.Context(), ref("c"))
	require.NoError(t, err)
	require.Len(t, l.target("c").Segments, 5)
	id, plans, err := l.c.Compact(t.Context(), info.ID, false)
	require.NoError(t, err)
	require.Equal(t, 1, plans)
	l.idle()
	st, err := l.c.CompactionState(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, role.CompactionState{Completed: 1, Done: true}, st)
	require.Len(t, l.target("c").Segments, 1)
	require.Equal(t, int64(11), l.target("c").Segments[0].Rows)
	require.Equal(t, []int{5}, l.merged, "the build of the output knows what it was made of, other builds of nothing")
	_, plans, err = l.c.Compact(t.Context(), info.ID, false)
	require.NoError(t, err)
	require.Zero(t, plans, "there is nothing left to do")
	_, err = l.c.CompactionState(t.Context(), 5)
	require.Error(t, err)
}

func TestAutoCompactionOff(t *testing.T) {
	l := start(t)
	off := vectors("c")
	off.Properties = []*commonpb.KeyValuePair{{Key: keyAutoCompaction, Value: "false"}}
	l.must(role.CreateCollection{Collection: off})
	for i := range int64(8) {
		require.NoError(t, l.insert("c", "_default", i))
		require.NoError(t, l.flush("c"))
	}
	l.idle()
	info, err := l.c.Collection(t.Context(), ref("c"))
	require.NoError(t, err)
	list, err := l.c.List(t.Context(), info.ID)
	require.NoError(t, err)
	require.Len(t, list, 8)
}

// After everything is dropped nothing is left: no object, no record.
func TestDropLeavesNothing(t *testing.T) {
	l := start(t)
	_, err := l.c.IDs(t.Context(), 1)
	require.NoError(t, err)
	before, _, err := l.kv.List(t.Context(), "")
	require.NoError(t, err)
	l.searchable("c")
	l.must(role.CreatePartition{CollectionRef: ref("c"), Partition: "p"})
	for i := range int64(6) {
		require.NoError(t, l.insert("c", "p", numbers(i*10, 5)...))
		require.NoError(t, l.remove("c", i*10))
		require.NoError(t, l.flush("c"))
	}
	require.NoError(t, l.insert("c", "_default", 1000))
	l.idle()
	require.NotEmpty(t, l.keys())
	l.must(role.DropCollection{CollectionRef: ref("c")})
	l.idle()
	require.Empty(t, l.keys())
	require.Empty(t, l.targets)
	require.Empty(t, l.shards)
	after, _, err := l.kv.List(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, keysOfPairs(before), keysOfPairs(after))
}

// An index that cannot be built is tried again; the reason is told meanwhile.
func TestIndexBuildFailsAndRecovers(t *testing.T) {
	l := start(t)
	var broken atomic.Bool
	broken.Store(true)
	l.hook(func(what string) error {
		if what == "Build" && broken.Load() {
			return errors.New("no memory")
		}
		return nil
	})
	l.searchable("c")
	require.NoError(t, l.insert("c", "_default", numbers(0, 10)...))
	require.NoError(t, l.flush("c"))
	info, err := l.c.Collection(t.Context(), ref("c"))
	require.NoError(t, err)
	state := func() role.IndexState {
		st, err := l.c.IndexState(t.Context(), info.ID, info.Indexes[0].ID)
		require.NoError(t, err)
		return st
	}
	require.Eventually(t, func() bool { return state().Failed != "" }, waitLong, tick)
	require.Equal(t, int64(10), state().Pending)
	broken.Store(false)
	l.idle()
	require.Equal(t, role.IndexState{Total: 10, Indexed: 10}, state())
}

// A task that fails after it wrote objects leaves none behind; those of a task
// that is still open are left alone.
func TestLeftoversAreSwept(t *testing.T) {
	l := start(t)
	l.searchable("c")
	require.NoError(t, l.insert("c", "_default", 1, 2))
	require.NoError(t, l.flush("c"))
	l.idle()
	kept := l.keys()
	info, err := l.c.Collection(t.Context(), ref("c"))
	require.NoError(t, err)
	write := func() base.ID {
		task, err := l.c.Begin(t.Context(), "flush")
		require.NoError(t, err)
		s := &role.Segment{ID: task + 1, Shard: base.Shard{Collection: info.ID}, Partition: info.Partitions[0].ID}
		require.NoError(t, l.writeRows(t.Context(), s, []row{{1, 1}}, task))
		return task
	}
	open := write()
	ended := write()
	require.NoError(t, l.c.End(t.Context(), ended))
	l.idle()
	require.Len(t, l.keys(), len(kept)+2, "an open task's objects are not judged")
	l = l.restart()
	l.idle()
	require.Equal(t, kept, l.keys(), "a restart revokes what was open")
	err = l.c.CommitFlush(t.Context(), &role.FlushResult{
		Shard: base.Shard{Collection: info.ID}, Task: open, Term: l.term, Checkpoint: role.Checkpoint{Version: 2, Position: position(9)},
	})
	require.ErrorContains(t, err, "revoked")
}

func keysOfPairs(pairs []meta.Pair) []string {
	var out []string
	for _, p := range pairs {
		out = append(out, p.Key)
	}
	return out
}

const (
	waitLong = 20 * time.Second
	tick     = time.Millisecond
)

func pauseTick() { time.Sleep(tick) }
