package vec

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPool offers random rows, of which many tie, and compares the pool with a
// sorted list after each call. Marks stay where they are.
func TestPool(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 1))
	for _, k := range All() {
		var p Pool
		for range 600 {
			limit, rows := 1+rng.IntN(100), 1+rng.IntN(400)
			if rng.IntN(20) == 0 {
				limit, rows = 1+rng.IntN(700), 1+rng.IntN(1000)
			}
			spread := []uint32{1, 10, 1000, math.MaxUint32}[rng.IntN(4)]
			perm := rng.Perm(rows)
			p.Reset(limit)
			var want []uint64
			lists := make([]uint32, rows*5)
			for len(perm) > 0 {
				n := min(rng.IntN(40), len(perm))
				ids, dist := make([]uint32, n), make([]uint32, n)
				for i := range ids {
					ids[i], dist[i] = uint32(perm[i]), rng.Uint32N(spread)
					if rng.IntN(20) == 0 {
						dist[i] = math.MaxUint32
					}
				}
				perm = perm[n:]
				before := slices.Clone(want)
				for i, id := range ids {
					want = append(want, uint64(dist[i])<<32|uint64(id)<<1)
				}
				slices.Sort(want)
				want = want[:min(limit, len(want))]
				first := k.Offer(&p, ids, dist, lists, 5*rng.IntN(2))
				require.Equal(t, want, append([]uint64(nil), p.Keys()...), "%v", k)
				require.LessOrEqual(t, first, max(limit, len(want)))
				for i := range min(first, len(want)) {
					require.Equal(t, before[i], want[i])
				}
				if len(want) > 0 {
					at := rng.IntN(len(want))
					p.Keys()[at] |= 1
					want[at] |= 1
				}
				if n == 0 && len(perm) > 0 {
					perm = perm[1:]
				}
			}
		}
		ids := []uint32{1<<31 - 1, 0}
		p.Reset(2)
		k.Offer(&p, ids, []uint32{math.MaxUint32, 0}, nil, 32)
		require.Equal(t, []uint64{0, math.MaxUint32<<32 | math.MaxUint32 - 1}, p.Keys())
		require.Panics(t, func() { k.Offer(&p, ids, make([]uint32, 1), nil, 1) })
		require.Panics(t, func() { k.Offer(&Pool{limit: 9}, ids, make([]uint32, 2), nil, 1) })
	}
}
