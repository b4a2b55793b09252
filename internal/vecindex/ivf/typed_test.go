package ivf_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// halves makes rows of float16 or bfloat16, and returns the numbers that these are
// in float32, too.
func halves(e vec.Element, rows vecindex.Vectors) (packed vecindex.Packed, widened vecindex.Vectors) {
	data := make([]byte, 2*len(rows.Data))
	if e == vec.Float16s {
		vec.EncodeFloat16(data, rows.Data)
	} else {
		vec.EncodeBFloat16(data, rows.Data)
	}
	m := vec.Packed(e, rows.Dimension, data)
	widened = vecindex.Vectors{Data: make([]float32, len(rows.Data)), Dimension: rows.Dimension, Present: rows.Present}
	for r := range rows.Rows() {
		m.Floats(r, widened.Data[r*rows.Dimension:])
	}
	return vecindex.Packed{Data: m, Present: rows.Present}, widened
}

// TestHalves holds indexes of floats of 16 bits to those of the same numbers in
// 32 bits, and to the exact scan.
func TestHalves(t *testing.T) {
	indextest.SlowUnderRace(t)
	const n, dim = 4000, 24
	kern := vec.Detect()
	for _, name := range names {
		for _, e := range []vec.Element{vec.Float16s, vec.BFloat16s} {
			for _, m := range []vecindex.Metric{vecindex.L2, vecindex.IP, vecindex.Cosine} {
				t.Run(fmt.Sprintf("%s/%d/%v", name, e, m), func(t *testing.T) {
					rng := rand.New(rand.NewPCG(uint64(e), uint64(m)))
					rows, queries := indextest.Clustered(rng, n, 40, dim, 20)
					src, wide := halves(e, rows)
					kind, p := kindOf(t, kern, name), needed(name, dim, "nlist", "32")
					x, same := build(t, kind, src, m, p, vecindex.BuildOptions{}), build(t, kind, wide, m, p, vecindex.BuildOptions{})
					exact := indextest.Flat(t, kern, src, m)
					for _, share := range []float64{1, 0.3} {
						q := vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{NProbe: 8}, Skip: indextest.RandomSkip(rng, n, share)}
						good := 0
						for i := range queries.Rows() {
							q.Vector = queries.Data[i*dim : (i+1)*dim]
							near, hits := indextest.Law(t, x, exact, m, q)
							require.Equal(t, 10, hits)
							good += near
						}
						t.Logf("recall %.4f", float64(good)/float64(10*queries.Rows()))
						require.GreaterOrEqual(t, good, 9*queries.Rows())
					}
					b := indextest.File(t, x)
					_, err := kind.Open(mem.FromBytes(b), wide, m, nil)
					require.ErrorIs(t, err, vecindex.ErrBadFile)
					back, err := kind.Open(mem.FromBytes(b), src, m, nil)
					require.NoError(t, err)
					q := vecindex.Query{Vector: queries.Data[:dim], K: 10, Allowed: -1, Params: vecindex.SearchParams{NProbe: 8}}
					require.Equal(t, indextest.Search(t, x, q), indextest.Search(t, back, q))
					require.Equal(t, same.Bytes(), x.Bytes())
					require.NoError(t, back.Close())
				})
			}
		}
		ints := vecindex.Packed{Data: vec.Packed(vec.Int8s, 24, make([]byte, 240))}
		_, err := kindOf(t, kern, name).Build(context.Background(), ints, vecindex.L2, needed(name, 24), vecindex.BuildOptions{Threads: 1})
		require.Error(t, err)
	}
}
