package vecindex_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/vecindex"
)

func TestMinHeapGives(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var h vecindex.MinHeap
	var keys []uint64
	for i := range 100 {
		keys = append(keys, vecindex.Key(float32(rng.IntN(20)), uint32(i)))
		h.Push(keys[i])
	}
	slices.Sort(keys)
	hits := h.Give(vecindex.IP, 60, []vecindex.Hit{{Row: 1000}})
	hits = h.Give(vecindex.IP, 60, hits)
	require.Equal(t, vecindex.AppendHits(vecindex.IP, keys, []vecindex.Hit{{Row: 1000}}), hits)
	require.Empty(t, h)
	require.Empty(t, h.Give(vecindex.IP, 1, nil))
}

func TestMinHeapKeepsLittle(t *testing.T) {
	h := make(vecindex.MinHeap, 3, 1000)
	h.Keep()
	require.Empty(t, h)
	require.Equal(t, 1000, cap(h))
	h = make(vecindex.MinHeap, 3, 1<<20)
	h.Keep()
	require.Zero(t, cap(h))
}
