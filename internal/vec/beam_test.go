package vec

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// randomBeam is a walk of a random graph. Lists may be damaged: they name numbers
// that are no rows, up to the largest, and rows twice. words, bytes and bits put slices
// where the test wants them.
func randomBeam(rng *rand.Rand, words func([]uint32) []uint32, bytes func([]byte) []byte, bits func([]uint64) []uint64) (b Beam, start uint32) {
	rows, degree, size := 1+rng.IntN(700), 1+rng.IntN(70), CodeAlign*(1+rng.IntN(4))
	if rng.IntN(4) == 0 {
		size = CodeAlign * (1 + rng.IntN(24))
	}
	b = Beam{
		Pool: new(Pool), Degree: degree, Rows: rows, Base: rng.Uint32(), IP: rng.IntN(2) == 0,
		Lists: make([]uint32, rows*degree), Dist: words(make([]uint32, degree+BeamRoom)),
		Visited: bits(make([]uint64, (rows+63)/64)), Codes: bytes(bytesOf(rng, rows*size)), Query: bytes(bytesOf(rng, size)),
	}
	if rng.IntN(3) == 0 { // many ties
		for i := range b.Codes {
			b.Codes[i] &= 1
		}
	}
	damaged := rng.IntN(3) == 0
	for i := range b.Lists {
		switch b.Lists[i] = rng.Uint32N(uint32(rows)); {
		case !damaged:
		case rng.IntN(5) == 0:
			b.Lists[i] = uint32(rows) + rng.Uint32N(^uint32(0)-uint32(rows)) + uint32(rng.IntN(2))
		case i > 0 && rng.IntN(5) == 0:
			b.Lists[i] = b.Lists[i-1]
		}
	}
	b.Lists = words(b.Lists)
	b.Pool.Reset(1 + rng.IntN([]int{1, 20, 100, 700}[rng.IntN(4)]))
	start = rng.Uint32N(uint32(rows))
	Portable().Offer(b.Pool, []uint32{start}, []uint32{rng.Uint32()}, nil, 0)
	b.Visited[start/64] |= 1 << (start % 64)
	return b, start
}

// copied is the same walk with memory of its own.
func copied(b Beam) Beam {
	p := *b.Pool
	p.buf = nil
	p.Reset(b.Pool.limit)
	p.n = copy(p.buf[poolGuard:], b.Pool.Keys())
	b.Pool, b.Visited = &p, slices.Clone(b.Visited)
	return b
}

// TestBeam compares the walks of all kernels with that of the portable ones.
func TestBeam(t *testing.T) {
	const seed = 11
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range 600 {
		b, start := randomBeam(rng, slices.Clone, slices.Clone, slices.Clone)
		want := copied(b)
		wanted := Portable().Beam(&want, []uint32{start})
		for _, k := range All() {
			for name, walk := range map[string]func(*Beam, []uint32) []uint32{"kernel": k.Beam, "in parts": k.beamInGo} {
				got := copied(b)
				met := walk(&got, append(make([]uint32, 0, 1+rng.IntN(100)), start))
				require.Equal(t, want.Pool.Keys(), got.Pool.Keys(), "%v, %s, walk %d of seed %d", k, name, i, seed)
				require.Equal(t, wanted, met, "%v, %s, walk %d of seed %d", k, name, i, seed)
				require.Equal(t, want.Visited, got.Visited, "%v, %s, walk %d of seed %d", k, name, i, seed)
			}
		}
	}
}

// TestBeamFindsAll walks, with room for all rows, a graph in which all are reached,
// and expects them in order: an exact scan.
func TestBeamFindsAll(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 2))
	for _, k := range All() {
		for range 50 {
			b, start := randomBeam(rng, slices.Clone, slices.Clone, slices.Clone)
			for row := range b.Rows {
				b.Lists[row*b.Degree] = uint32((row + 1) % b.Rows)
			}
			b.Pool.Reset(b.Rows)
			want, ids, dist := make([]uint64, b.Rows), make([]uint32, b.Rows), make([]uint32, b.Rows)
			for row := range ids {
				ids[row] = uint32(row)
			}
			if b.IP {
				k.IPCodeRows(b.Query, b.Base, b.Codes, dist)
			} else {
				k.L2CodeRows(b.Query, b.Codes, dist)
			}
			k.Offer(b.Pool, []uint32{start}, dist[start:], nil, 0)
			for row, d := range dist {
				want[row] = uint64(d)<<32 | uint64(row)<<1 | 1
			}
			slices.Sort(want)
			met := k.Beam(&b, []uint32{start})
			require.Equal(t, want, b.Pool.Keys(), "%v", k)
			slices.Sort(met)
			require.Equal(t, ids, met, "%v", k)
		}
	}
}

// TestBeamChecks gives walks that would read or write what is not there.
func TestBeamChecks(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 3))
	for name, damage := range map[string]func(b *Beam){
		"codes":   func(b *Beam) { b.Codes = b.Codes[1:] },
		"query":   func(b *Beam) { b.Query = b.Query[1:] },
		"lists":   func(b *Beam) { b.Lists = b.Lists[1:] },
		"degree":  func(b *Beam) { b.Degree = 0 },
		"visited": func(b *Beam) { b.Visited = b.Visited[1:] },
		"dist":    func(b *Beam) { b.Dist = b.Dist[1:] },
		"start":   func(b *Beam) { b.Pool.Keys()[0] |= 0xfffffffe },
		"pool":    func(b *Beam) { b.Pool = &Pool{limit: 9} },
	} {
		for _, k := range All() {
			b, _ := randomBeam(rng, slices.Clone, slices.Clone, slices.Clone)
			damage(&b)
			require.Panics(t, func() { k.Beam(&b, nil) }, name)
		}
	}
	var none Pool
	none.Reset(5)
	b, _ := randomBeam(rng, slices.Clone, slices.Clone, slices.Clone)
	b.Pool = &none
	require.Empty(t, Detect().Beam(&b, nil))
	require.Empty(t, none.Keys())
}

// TestBeamAllocates nothing where there is room for the rows met.
func TestBeamAllocates(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 4))
	b, start := randomBeam(rng, slices.Clone, slices.Clone, slices.Clone)
	k, met := Detect(), make([]uint32, 0, 4096)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		c := b
		clear(c.Visited)
		c.Visited[start/64] = 1 << (start % 64)
		c.Pool.Reset(64)
		k.Offer(c.Pool, append(met, start), c.Dist, nil, 0)
		k.Beam(&c, append(met, start))
	}))
}
