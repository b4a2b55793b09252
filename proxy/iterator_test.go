package proxy

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
)

// scoredShard is a shard that answers as role.Cursor says: scores ascend, and are
// the keys' too.
type scoredShard []int64

func (s scoredShard) next(k int, bound *float32) *role.SearchResult {
	rest := s
	for bound != nil && len(rest) > 0 && float32(rest[0]/1000) <= *bound {
		rest = rest[1:]
	}
	n := min(k, len(rest))
	if n < len(rest) {
		score := func(i int) int64 { return rest[i] / 1000 }
		for n > 0 && score(n-1) == score(n) {
			n--
		}
		if n == 0 {
			for n = k; n < len(rest) && score(n) == score(0); {
				n++
			}
		}
	}
	out := &role.SearchResult{Counts: []int{n}, Keys: &column.Column{Type: schema.Int64, Int64s: rest[:n]}, Rows: &column.Batch{Rows: n}, More: n < len(rest), Bound: bound}
	for _, key := range rest[:n] {
		out.Scores = append(out.Scores, float32(key/1000))
	}
	if n > 0 {
		out.Bound = &out.Scores[n-1]
	}
	return out
}

// TestMergeBatch: the batches of several shards are together all hits, each
// once, in order, whatever the sizes and the ties.
func TestMergeBatch(t *testing.T) {
	const seed = 11
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 500 {
		shards := make([]scoredShard, 1+rng.IntN(4))
		var all []int64
		widest := 1 + rng.IntN(30)
		for key := range int64(rng.IntN(200)) {
			hit := 1000*int64(rng.IntN(widest)) + key
			all = append(all, hit)
			i := rng.IntN(len(shards))
			shards[i] = append(shards[i], hit)
		}
		slices.Sort(all)
		k := 1 + rng.IntN(40)
		var got []int64
		var bound *float32
		for batches := 0; ; batches++ {
			r := &role.SearchRequest{Metric: "L2", K: k, NQ: 1, Cursor: &role.Cursor{Bound: bound, Together: true}}
			parts := make([]*role.SearchResult, len(shards))
			for i, s := range shards {
				slices.Sort(s)
				parts[i] = s.next(k, bound)
			}
			out := mergeBatch(parts, r)
			if out.Counts[0] == 0 {
				require.False(t, out.More)
				break
			}
			require.Len(t, out.Scores, out.Counts[0])
			got = append(got, out.Keys.Int64s...)
			bound = out.Bound
			require.Less(t, batches, 1000, "seed %d", seed)
		}
		require.Equal(t, all, got, "seed %d", seed)
	}
}

func TestTokens(t *testing.T) {
	_, s, _ := serve(t)
	a, b := s.newToken(), s.newToken()
	require.NotEqual(t, a, b)
	require.True(t, isToken(a))
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, a)
	for _, text := range []string{"", "x", a + "0", a[1:], "00000000-0000-0000-0000-00000000000g", "0000000-00000-0000-0000-000000000000"} {
		require.False(t, isToken(text), text)
	}
	require.True(t, isToken("00000000000000000000000000000000"))
}
