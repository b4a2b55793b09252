package vec

import (
	"math/rand/v2"
	"testing"
)

// TestBeamReadsNothingBeyond walks graphs, damaged ones too, whose slices end at an
// unreadable page.
func TestBeamReadsNothingBeyond(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 5))
	for range 200 {
		b, start := randomBeam(rng, func(s []uint32) []uint32 { return atEnd(t, s) }, func(s []byte) []byte { return atEnd(t, s) },
			func(s []uint64) []uint64 { return atEnd(t, s) })
		met := atEnd(t, make([]uint32, 1+rng.IntN(3000)))
		for _, k := range All() {
			c := copied(b)
			c.Visited = atEnd(t, c.Visited)
			k.Beam(&c, append(met[:0], start))
		}
	}
}
