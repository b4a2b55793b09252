package vec

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPoolGrows offers random rows to pools that grow, so that none is dropped but
// by Trim, and compares them with a sorted list.
func TestPoolGrows(t *testing.T) {
	rng := rand.New(rand.NewPCG(18, 1))
	for _, k := range All() {
		var p Pool
		for range 200 {
			p.Reset(1 + rng.IntN(3))
			want := []uint64{}
			for row := uint32(0); row < 300; {
				ids, dist := make([]uint32, rng.IntN(30)), make([]uint32, 30)
				for i := range ids {
					ids[i], dist[i], row = row, rng.Uint32N(100), row+1
					want = append(want, uint64(dist[i])<<32|uint64(ids[i])<<1)
				}
				slices.Sort(want)
				p.Grow(len(p.Keys()) + len(ids))
				k.Offer(&p, ids, dist, nil, 0)
				require.Equal(t, want, append([]uint64{}, p.Keys()...), "%v", k)
				bound := uint64(math.MaxUint64)
				if rng.IntN(3) == 0 {
					bound = randomBound(rng)
				}
				p.Trim(bound)
				want = slices.DeleteFunc(want, func(key uint64) bool { return key > bound })
				require.Equal(t, want, append([]uint64{}, p.Keys()...), "%v", k)
			}
		}
		limit := p.limit
		p.Grow(1)
		require.Equal(t, limit, p.limit, "no pool shrinks")
	}
}

// randomBound is a key of the rows and distances of these tests, or one between.
func randomBound(rng *rand.Rand) uint64 {
	return uint64(rng.Uint32N(100))<<32 | uint64(rng.Uint32N(800))
}

// TestFullPoolGrows makes room in pools that have dropped rows, none of which may
// come back.
func TestFullPoolGrows(t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 1))
	for _, k := range All() {
		for range 200 {
			var p Pool
			p.Reset(1 + rng.IntN(40))
			kept := []uint64{}
			for row := uint32(0); row < 400; {
				ids, dist := make([]uint32, 1+rng.IntN(30)), make([]uint32, 30)
				for i := range ids {
					ids[i], dist[i], row = row, rng.Uint32N(100), row+1
					kept = append(kept, uint64(dist[i])<<32|uint64(ids[i])<<1)
				}
				before := slices.Clone(p.Keys())
				first := k.Offer(&p, ids, dist, nil, 0)
				slices.Sort(kept)
				kept = kept[:min(len(kept), p.limit)]
				require.Equal(t, kept, append([]uint64{}, p.Keys()...), "%v", k)
				changed := 0
				for changed < len(before) && before[changed] == kept[changed] {
					changed++
				}
				require.LessOrEqual(t, first, changed, "%v", k)
				switch rng.IntN(4) {
				case 0:
					p.Grow(p.limit + rng.IntN(40))
				case 1:
					bound := randomBound(rng)
					p.Trim(bound)
					kept = slices.DeleteFunc(kept, func(key uint64) bool { return key > bound })
				}
			}
		}
	}
}
