package reduce

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/schema"
)

// TestGroups compares with the plainest way: all hits of a query sorted, and
// taken one after the other.
func TestGroups(t *testing.T) {
	type hit struct {
		key   int64
		score float32
		group string
	}
	const seed = 3
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 400 {
		nq, larger := 1+rng.IntN(3), rng.IntN(2) == 0
		offset, k, size := rng.IntN(3), 1+rng.IntN(4), 1+rng.IntN(3)
		parts := make([]Grouped, 1+rng.IntN(3))
		all := make([][]hit, nq)
		for p := range parts {
			parts[p].Keys = &column.Column{Type: schema.Int64}
			for q := range nq {
				n := rng.IntN(12)
				parts[p].Counts = append(parts[p].Counts, n)
				for range n {
					key := rng.IntN(30)
					h := hit{int64(key), float32(rng.IntN(6)), string(rune('a' + key%6))}
					parts[p].Keys.Int64s = append(parts[p].Keys.Int64s, h.key)
					parts[p].Scores, parts[p].Groups = append(parts[p].Scores, h.score), append(parts[p].Groups, h.group)
					all[q] = append(all[q], h)
				}
			}
		}
		got := Groups(parts, nq, offset, k, size, larger)
		at := 0
		for q := range nq {
			slices.SortStableFunc(all[q], func(a, b hit) int {
				if a.score != b.score {
					if (a.score > b.score) == larger {
						return -1
					}
					return 1
				}
				return int(a.key - b.key)
			})
			var order []string
			members := map[string][]hit{}
			seen := map[int64]bool{}
			for _, h := range all[q] {
				_, known := members[h.group]
				if len(members[h.group]) == size || !known && len(order) == offset+k || seen[h.key] {
					continue
				}
				seen[h.key] = true
				if !known {
					order = append(order, h.group)
				}
				members[h.group] = append(members[h.group], h)
			}
			var want []hit
			for _, g := range order[min(offset, len(order)):] {
				want = append(want, members[g]...)
			}
			require.Equal(t, len(want), got.Counts[q], "seed %d", seed)
			for _, w := range want {
				p := got.Picks[at]
				require.Equal(t, w.score, got.Scores[at], "seed %d", seed)
				require.Equal(t, w.key, parts[p.Part].Keys.Int64s[p.Row], "seed %d", seed)
				at++
			}
		}
		require.Len(t, got.Scores, at)
	}
}

func TestGroupKeys(t *testing.T) {
	valid := column.NewBitset(4)
	valid.Set(0)
	valid.Set(1)
	valid.Set(3)
	columns := []*column.Column{
		{Type: schema.VarChar, Bytes: column.BytesOf("a", "ab", "", "")},
		{Type: schema.Int64, Int64s: []int64{7, 7, 0, 0}, Valid: valid},
		{Type: schema.Bool, Bools: []bool{true, true, true, true}},
		{Type: schema.Int8, Int32s: []int32{-1, -1, -1, -1}},
	}
	keys := GroupKeys(columns, 4)
	slices.Sort(keys)
	require.Len(t, slices.Compact(keys), 4, "null is not the value 0")
	for _, c := range columns {
		require.True(t, CanGroup(c.Type))
	}
	require.False(t, CanGroup(schema.Double))
	require.False(t, CanGroup(schema.JSON))
}
