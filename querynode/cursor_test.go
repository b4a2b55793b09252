package querynode

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/storetest"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/segment"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	keyID, numberID, vectorID = 100, 101, 102
	dim                       = 4
)

// always reads at the time that it is asked for, or at the latest.
type always struct{ latest base.Timestamp }

func (a *always) ReadAt(_ context.Context, _ base.Channel, guarantee base.Timestamp) (base.Timestamp, error) {
	return max(guarantee, a.latest), nil
}

// fixture is a node that serves one shard of two sealed segments and a growing
// one, whose clock is the test's.
type fixture struct {
	*Node
	t      *testing.T
	rng    *rand.Rand
	info   *role.CollectionInfo
	shard  *shard
	sealed []*sealed
	times  *always
	now    time.Time
	points map[int64][]float32 // by key
}

// newFixture makes rows of small whole numbers, so that every score is that of
// several rows.
func newFixture(t *testing.T, limits CursorLimits, values int) *fixture {
	f := &fixture{t: t, rng: rand.New(rand.NewPCG(1, uint64(values))), times: &always{latest: 50}, now: time.Unix(1000, 0), points: map[int64][]float32{}}
	c := &schema.Collection{ID: 7, Name: "c", Fields: []*schema.Field{
		{ID: keyID, Name: "id", Type: schema.Int64, PrimaryKey: true},
		{ID: numberID, Name: "n", Type: schema.Int64},
		{ID: vectorID, Name: "v", Type: schema.FloatVector, Dim: dim},
	}}
	engine := segment.NewEngine(segment.EngineOptions{
		Kernels: vec.Detect(), Kinds: []vecindex.Kind{vecindex.Flat(vec.Detect(), 1)}, Threads: 1, Growing: mem.NewBudget(0),
	})
	f.info = &role.CollectionInfo{Collection: c, Load: &role.LoadInfo{All: true}}
	f.Node = New(Config{
		Engine: engine, Live: segment.NewLive(engine), Times: f.times, Logger: slog.New(slog.DiscardHandler), Threads: 2,
		Cursors: limits, Clock: func() time.Time { return f.now },
	})
	t.Cleanup(f.Close)
	store := &storetest.Memory{}
	id := base.Shard{Collection: 7}
	f.shard = newShard(f.cfg, id)
	for i := range 3 {
		g := segment.NewGrowing(engine, segment.GrowingConfig{Shard: id, ID: base.ID(10 + i), Partition: 3, Collection: c})
		require.NoError(t, g.Insert(f.batch(i*200, 200, values), 20))
		if i == 2 {
			f.shard.mu.growing = append(f.shard.mu.growing, g)
			continue
		}
		w, err := segment.WriteSealed(t.Context(), segment.WriteTask{
			Store: store, Collection: c, Shard: id, Partition: 3, Segment: base.ID(20 + i), Task: base.ID(30 + i), Level: 1,
		}, g)
		require.NoError(t, err)
		s, err := segment.OpenSealed(t.Context(), engine, store, w.Key)
		require.NoError(t, err)
		f.sealed = append(f.sealed, &sealed{Sealed: s, record: &role.Segment{ID: base.ID(20 + i)}})
	}
	f.shard.mu.sealed, f.shard.mu.version, f.shard.mu.all = f.sealed, 1, true
	f.shard.publishLocked()
	f.Node.mu.shards[id] = f.shard
	return f
}

func (f *fixture) batch(first, n, values int) *column.Batch {
	keys, numbers := &column.Column{Type: schema.Int64}, &column.Column{Type: schema.Int64}
	v := &column.Column{Type: schema.FloatVector, Dim: dim}
	for _, k := range f.rng.Perm(n) {
		key := int64(first + k)
		keys.Int64s, numbers.Int64s = append(keys.Int64s, key), append(numbers.Int64s, key%10)
		for range dim {
			f.points[key] = append(f.points[key], float32(f.rng.IntN(values)))
		}
		v.Floats = append(v.Floats, f.points[key]...)
	}
	b := &column.Batch{Rows: n}
	b.Add(keyID, keys)
	b.Add(numberID, numbers)
	b.Add(vectorID, v)
	return b
}

func (f *fixture) request(token string, k int, bound *float32) *role.SearchRequest {
	return &role.SearchRequest{
		Collection: f.info, Shard: base.Shard{Collection: 7}, Field: vectorID, Metric: "L2", Vectors: []float32{1, 1, 1, 1}, NQ: 1, K: k,
		At: role.ReadPoint{Exactly: 50}, Output: []base.ID{numberID}, Cursor: &role.Cursor{Token: token, Bound: bound},
	}
}

func (f *fixture) next(r *role.SearchRequest) *role.SearchResult {
	f.t.Helper()
	out, err := f.Search(f.t.Context(), r)
	require.NoError(f.t, err)
	require.Equal(f.t, []int{len(out.Scores)}, out.Counts)
	require.Equal(f.t, len(out.Scores), out.Rows.Rows)
	for i, key := range out.Keys.Int64s {
		require.Equal(f.t, key%10, out.Rows.Column(numberID).Int64s[i])
	}
	return out
}

// want returns the keys in the order of an exact search.
func (f *fixture) want(passes func(key int64) bool) []int64 {
	d := map[int64]float32{}
	var keys []int64
	for key, p := range f.points {
		if !passes(key) {
			continue
		}
		keys = append(keys, key)
		for _, x := range p {
			d[key] += (x - 1) * (x - 1)
		}
	}
	slices.SortFunc(keys, func(a, b int64) int {
		if d[a] != d[b] {
			return int(d[a] - d[b])
		}
		return int(a - b)
	})
	return keys
}

func (f *fixture) held() int {
	f.Node.held.mu.Lock()
	defer f.Node.held.mu.Unlock()
	return f.Node.held.mu.order.Len()
}

// TestCursor: whatever happens between two batches, they are together one
// search of all rows.
func TestCursor(t *testing.T) {
	f := newFixture(t, CursorLimits{Count: 3, Bytes: 1 << 30, Idle: time.Minute}, 9)
	all := f.want(func(int64) bool { return true })
	for run := range 30 {
		token := strconv.Itoa(run)
		k := 60 + f.rng.IntN(100) // more than rows of one score
		var got []int64
		var bound *float32
		for {
			r := f.request(token, k, bound)
			out := f.next(r)
			for f.rng.IntN(4) == 0 {
				require.Equal(t, out, f.next(r), "the same request again")
			}
			require.LessOrEqual(t, len(out.Scores), k)
			got, bound = append(got, out.Keys.Int64s...), out.Bound
			if len(out.Scores) == 0 {
				require.False(t, out.More)
				break
			}
			switch f.rng.IntN(5) {
			case 0:
				f.now = f.now.Add(time.Minute + 1)
				f.Node.held.expire()
				require.Zero(t, f.held())
			case 1:
				for i := range 4 {
					f.next(f.request("other"+strconv.Itoa(i), 5, nil))
				}
				require.LessOrEqual(t, f.held(), 3)
			case 2: // another search with this token
				r := f.request(token, 5, nil)
				r.Vectors = []float32{7, 7, 7, 7}
				f.next(r)
			}
		}
		require.Equal(t, all, got)
	}
}

// TestCursorOfTies: more rows of one score than a batch holds come in several,
// each once, while the cursor is kept; without it they come again, but none is
// missed. Of several shards they come together.
func TestCursorOfTies(t *testing.T) {
	f := newFixture(t, DefaultCursorLimits(), 2)
	all := f.want(func(int64) bool { return true })
	read := func(token string, together, lose bool) []int64 {
		var got []int64
		var bound *float32
		for i := 0; ; i++ {
			r := f.request(token, 10, bound)
			r.Cursor.Together = together
			out := f.next(r)
			if len(out.Scores) == 0 {
				return got
			}
			require.True(t, together || len(out.Scores) <= 10)
			got, bound = append(got, out.Keys.Int64s...), out.Bound
			if lose && i%7 == 3 {
				f.now = f.now.Add(2 * time.Minute)
				f.Node.held.expire()
			}
			require.Less(t, i, 1000, "no progress")
			if lose && i > 100 {
				lose = false // a batch is smaller than a group, and a group begins anew each time
			}
		}
	}
	sorted := func(keys []int64) []int64 { slices.Sort(keys); return slices.Compact(keys) }
	got := read("a", false, false)
	require.Len(t, got, len(all))
	require.Equal(t, sorted(slices.Clone(all)), sorted(got))
	require.Equal(t, all, read("b", true, false))
	require.Equal(t, all, read("c", true, true))
	require.Equal(t, sorted(slices.Clone(all)), sorted(read("d", false, true)))
}

func TestCursorFiltersAndRange(t *testing.T) {
	f := newFixture(t, DefaultCursorLimits(), 9)
	plan, err := expr.Parse("n < 4", f.info.Collection, nil)
	require.NoError(t, err)
	low := float32(10)
	var got []int64
	var bound *float32
	for {
		r := f.request("t", 50, bound)
		r.Plan, r.Range = plan, &role.Range{Radius: 60, Filter: &low}
		out := f.next(r)
		if len(out.Scores) == 0 {
			break
		}
		for _, s := range out.Scores {
			require.True(t, s >= 10 && s < 60)
		}
		got, bound = append(got, out.Keys.Int64s...), out.Bound
	}
	want := f.want(func(key int64) bool {
		var d float32
		for _, x := range f.points[key] {
			d += (x - 1) * (x - 1)
		}
		return key%10 < 4 && d >= 10 && d < 60
	})
	require.Equal(t, want, got)
}

// TestCursorKeepsItsTime: rows that come and go between two batches change
// nothing, nor does a view without the segments.
func TestCursorKeepsItsTime(t *testing.T) {
	f := newFixture(t, DefaultCursorLimits(), 9)
	all := f.want(func(int64) bool { return true })
	out := f.next(f.request("t", 100, nil))
	got := slices.Clone(out.Keys.Int64s)
	keys := &column.Column{Type: schema.Int64, Int64s: all}
	for _, s := range f.sealed {
		require.NoError(t, s.Delete(keys, []base.Timestamp{60}, 0))
	}
	require.NoError(t, f.shard.mu.growing[0].Delete(keys, 60))
	require.NoError(t, f.shard.mu.growing[0].Insert(f.batch(5000, 50, 9), 70))
	f.times.latest = 80
	f.shard.mu.Lock()
	closeAll(f.shard.mu.sealed) // as when compaction replaced them
	f.shard.mu.sealed = nil
	f.shard.publishLocked()
	f.shard.mu.Unlock()
	for len(out.Scores) > 0 {
		out = f.next(f.request("t", 100, out.Bound))
		got = append(got, out.Keys.Int64s...)
	}
	require.Equal(t, all, got)
	require.False(t, f.sealed[0].Acquire(), "the last batch gave the segments up")
}

// TestCursorGivesUp: an idle cursor, one of a released shard, and all at the
// end give up the segments that they pin.
func TestCursorGivesUp(t *testing.T) {
	for name, end := range map[string]func(f *fixture){
		"idle": func(f *fixture) {
			f.now = f.now.Add(time.Minute)
			f.Node.held.expire()
			require.Equal(f.t, 1, f.held(), "not yet")
			f.now = f.now.Add(1)
			f.Node.held.expire()
		},
		"released": func(f *fixture) { f.Node.held.drop(base.Shard{Collection: 7}) },
		"closed":   func(f *fixture) { f.Node.held.remove(func(*cursor) bool { return true }) },
		"pushed out": func(f *fixture) {
			f.Node.held.limits.Count = 0
			f.Node.held.put(&cursor{request: &role.SearchRequest{}, merge: &merge{}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, DefaultCursorLimits(), 9)
			f.next(f.request("t", 10, nil))
			closeAll(f.sealed)
			require.True(t, f.sealed[0].Acquire(), "the cursor pins it")
			f.sealed[0].Release()
			end(f)
			require.Zero(t, f.held())
			require.False(t, f.sealed[0].Acquire())
			f.shard.mu.sealed = nil
		})
	}
}

// TestCursorOfMuchMemory: what does not fit is not kept.
func TestCursorOfMuchMemory(t *testing.T) {
	f := newFixture(t, CursorLimits{Count: 10, Bytes: 100, Idle: time.Minute}, 9)
	out := f.next(f.request("t", 100, nil))
	require.Zero(t, f.held())
	rest := f.next(f.request("t", 1000, out.Bound))
	all := f.want(func(int64) bool { return true })
	require.Equal(t, all, append(slices.Clone(out.Keys.Int64s), rest.Keys.Int64s...))
}

func TestCursorCanceled(t *testing.T) {
	f := newFixture(t, DefaultCursorLimits(), 9)
	out := f.next(f.request("t", 100, nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := f.Search(ctx, f.request("t", 500, out.Bound))
	require.True(t, errors.Is(err, context.Canceled), err)
	require.Zero(t, f.held())
	rest := f.next(f.request("t", 1000, out.Bound))
	require.Len(t, rest.Scores, 600-len(out.Scores))
	nothing := f.next(f.request("u", 10, ptr(float32(math.MaxFloat32))))
	require.Empty(t, nothing.Scores)
	require.False(t, nothing.More)
}

func ptr[T any](v T) *T { return &v }
