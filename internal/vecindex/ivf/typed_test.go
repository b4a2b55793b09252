package ivf_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
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
	slowUnderRace(t)
	const n, dim = 4000, 24
	kern := vec.Detect()
	for _, name := range names {
		for _, e := range []vec.Element{vec.Float16s, vec.BFloat16s} {
			for _, m := range []vecindex.Metric{vecindex.L2, vecindex.IP, vecindex.Cosine} {
				t.Run(fmt.Sprintf("%s/%d/%v", name, e, m), func(t *testing.T) {
					rng := rand.New(rand.NewPCG(uint64(e), uint64(m)))
					rows, queries := clustered(rng, n, 40, dim, 20)
					src, wide := halves(e, rows)
					kind, p := kindOf(t, kern, name), needed(name, dim, "nlist", "32")
					x, same := build(t, kind, src, m, p, vecindex.BuildOptions{}), build(t, kind, wide, m, p, vecindex.BuildOptions{})
					exact, err := vecindex.Flat(kern, 1).Build(context.Background(), src, m, nil, vecindex.BuildOptions{})
					require.NoError(t, err)
					for _, share := range []float64{1, 0.3} {
						q := vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{NProbe: 8}, Skip: randomSkip(rng, n, share)}
						good := 0
						for i := range queries.Rows() {
							q.Vector = queries.Data[i*dim : (i+1)*dim]
							want, got := search(t, exact, q), search(t, x, q)
							require.Len(t, got, len(want))
							every := q
							every.K = n
							scores := map[uint32]float32{}
							for _, h := range search(t, exact, every) {
								scores[h.Row] = h.Score
							}
							for _, h := range got {
								require.Equal(t, scores[h.Row], h.Score, "row %d", h.Row)
								if !m.Better(want[len(want)-1].Score, h.Score) {
									good++
								}
							}
						}
						t.Logf("recall %.4f", float64(good)/float64(10*queries.Rows()))
						require.GreaterOrEqual(t, good, 9*queries.Rows())
					}
					var file bytes.Buffer
					_, err = x.WriteTo(&file)
					require.NoError(t, err)
					_, err = kind.Open(mem.FromBytes(file.Bytes()), wide, m, nil)
					require.ErrorIs(t, err, vecindex.ErrBadFile)
					back, err := kind.Open(mem.FromBytes(file.Bytes()), src, m, nil)
					require.NoError(t, err)
					q := vecindex.Query{Vector: queries.Data[:dim], K: 10, Allowed: -1, Params: vecindex.SearchParams{NProbe: 8}}
					require.Equal(t, search(t, x, q), search(t, back, q))
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
