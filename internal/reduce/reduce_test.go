package reduce

import (
	"math/rand/v2"
	"sort"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/schema"
)

// keyColumn returns the keys as integers, or as strings that sort as they do.
func keyColumn(keys []int64, text bool) *column.Column {
	if !text {
		return &column.Column{Type: schema.Int64, Int64s: keys}
	}
	c := &column.Column{Type: schema.VarChar}
	for _, k := range keys {
		c.Bytes.AppendString(strconv.FormatInt(1000+k, 10))
	}
	return c
}

func seeded(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

type hit struct {
	key   int64
	score float32
	part  int32
	row   int32
}

// Against a model that sorts all hits and drops repeated keys.
func TestTopKModel(t *testing.T) {
	r := seeded(t)
	for range 300 {
		larger, text := r.IntN(2) == 0, r.IntN(2) == 0
		nq, parts := 1+r.IntN(4), 1+r.IntN(4)
		offset, k := r.IntN(4), 1+r.IntN(6)
		before := func(a, b hit) bool {
			if a.score != b.score {
				return (a.score > b.score) == larger
			}
			if a.key != b.key {
				return a.key < b.key
			}
			return a.part < b.part
		}
		hits, all := make([]Hits, parts), make([][]hit, nq)
		for p := range hits {
			var keys []int64
			for q := range nq {
				var list []hit
				for range r.IntN(8) {
					list = append(list, hit{key: int64(r.IntN(12)), score: float32(r.IntN(5)), part: int32(p)})
				}
				sort.SliceStable(list, func(i, j int) bool { return before(list[i], list[j]) })
				for i := range list {
					list[i].row = int32(len(keys))
					keys = append(keys, list[i].key)
					hits[p].Scores = append(hits[p].Scores, list[i].score)
				}
				hits[p].Counts = append(hits[p].Counts, len(list))
				all[q] = append(all[q], list...)
			}
			hits[p].Keys = keyColumn(keys, text)
		}
		got := TopK(hits, nq, offset, k, larger)
		at := 0
		for q := range nq {
			sort.SliceStable(all[q], func(i, j int) bool { return before(all[q][i], all[q][j]) })
			var want []hit
			seen := map[int64]bool{}
			for _, h := range all[q] {
				if !seen[h.key] {
					seen[h.key] = true
					want = append(want, h)
				}
			}
			want = want[min(offset, len(want)):]
			want = want[:min(k, len(want))]
			require.Equal(t, len(want), got.Counts[q])
			for i, h := range want {
				p := got.Picks[at+i]
				require.Equal(t, h.score, got.Scores[at+i])
				require.Zero(t, CompareKeys(keyColumn([]int64{h.key}, text), 0, hits[p.Part].Keys, int(p.Row)))
			}
			at += len(want)
		}
		require.Len(t, got.Picks, at)
	}
}

// Against a map from key to its newest row.
func TestOrderedModel(t *testing.T) {
	r := seeded(t)
	for range 300 {
		text := r.IntN(2) == 0
		parts := make([]Rows, 1+r.IntN(4))
		newest := map[int64]base.Timestamp{}
		for p := range parts {
			keys := []int64{}
			for k := range int64(20) {
				if r.IntN(3) > 0 {
					continue
				}
				keys = append(keys, k)
				ts := base.Timestamp(r.IntN(1000)*8 + p)
				parts[p].Times = append(parts[p].Times, ts)
				newest[k] = max(newest[k], ts)
			}
			parts[p].Keys = keyColumn(keys, text)
		}
		var want []int64
		for k := range newest {
			want = append(want, k)
		}
		sort.Slice(want, func(i, j int) bool { return want[i] < want[j] })
		offset, limit := r.IntN(4), r.IntN(8)-1
		want = want[min(offset, len(want)):]
		if limit >= 0 {
			want = want[:min(limit, len(want))]
		}
		got := Ordered(parts, offset, limit)
		require.Len(t, got, len(want))
		for i, p := range got {
			require.Zero(t, CompareKeys(keyColumn(want[i:], text), 0, parts[p.Part].Keys, int(p.Row)))
			require.Equal(t, newest[want[i]], parts[p.Part].Times[p.Row])
		}
	}
}

func TestOrderedWindow(t *testing.T) {
	one := []Rows{{Keys: keyColumn([]int64{1, 2, 3, 4}, false)}}
	require.Equal(t, []Pick{{0, 1}, {0, 2}}, Ordered(one, 1, 2))
	require.Len(t, Ordered(one, 0, -1), 4)
	require.Empty(t, Ordered(one, 9, 5))
	require.Empty(t, Ordered([]Rows{{}}, 0, 5))
	// Without times the later part is the newer.
	two := []Rows{{Keys: keyColumn([]int64{1, 2}, false)}, {Keys: keyColumn([]int64{2, 3}, false)}}
	require.Equal(t, []Pick{{0, 0}, {1, 0}, {1, 1}}, Ordered(two, 0, -1))
}

func TestGather(t *testing.T) {
	a := &column.Column{Type: schema.Int64, Int64s: []int64{10, 11, 12}}
	b := &column.Column{Type: schema.Int64, Int64s: []int64{20, 21}}
	got := Gather([]*column.Column{a, b}, []Pick{{1, 1}, {0, 0}, {0, 1}, {1, 0}})
	require.Equal(t, []int64{21, 10, 11, 20}, got.Int64s)
	require.Same(t, a, Gather([]*column.Column{a}, []Pick{{0, 0}, {0, 1}, {0, 2}}))
	require.Nil(t, Gather([]*column.Column{nil}, nil))
	batch := func(c *column.Column) *column.Batch {
		out := &column.Batch{Rows: c.Len()}
		out.Add(100, c)
		return out
	}
	rows := GatherBatch([]*column.Batch{batch(a), nil, batch(b)}, []base.ID{100, 101}, []Pick{{2, 0}, {0, 2}})
	require.Equal(t, 2, rows.Rows)
	require.Equal(t, []int64{20, 12}, rows.Column(100).Int64s)
	require.Nil(t, rows.Column(101))
}
