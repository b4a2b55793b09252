package minhash_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/minhash"
)

// nearDuplicates returns signatures of 128 elements of 4 bytes, of which three
// in ten agree with one before in a share of the elements that lies between 0.5
// and 1, and queries that agree so with some rows.
func nearDuplicates(rows, queries int) (src bitVectors, asked [][]byte) {
	const size = 512
	rng := rand.New(rand.NewPCG(8, 8))
	src = bitVectors{Data: make([]byte, rows*size), Dimension: 8 * size}
	like := func(row, other []byte) {
		share := 0.0
		if other != nil {
			share = 0.5 + rng.Float64()/2
		}
		for e := 0; e < size; e += 4 {
			if rng.Float64() < share {
				copy(row[e:e+4], other[e:])
			} else {
				binary.LittleEndian.PutUint32(row[e:], rng.Uint32())
			}
		}
	}
	for r := range rows {
		var other []byte
		if r > 0 && rng.Float64() < 0.3 {
			other = src.Data[rng.IntN(r)*size:][:size]
		}
		like(src.Data[r*size:][:size], other)
	}
	for range queries {
		q := make([]byte, size)
		like(q, src.Data[rng.IntN(rows)*size:][:size])
		asked = append(asked, q)
	}
	return src, asked
}

// BenchmarkSearch measures queries of an opened index, and which of the rows that
// agree with the query in at least 0.7 of the elements are found.
func BenchmarkSearch(b *testing.B) {
	const rows, size = 200_000, 512
	src, asked := nearDuplicates(rows, 500)
	near := make([]map[uint32]bool, len(asked))
	wanted := 0
	for i, q := range asked {
		near[i] = map[uint32]bool{}
		for r := range rows {
			row := src.Data[r*size:][:size]
			common := 0
			for e := 0; e < size; e += 4 {
				if binary.LittleEndian.Uint32(row[e:]) == binary.LittleEndian.Uint32(q[e:]) {
					common++
				}
			}
			if common >= 128*7/10 {
				near[i][uint32(r)] = true
				wanted++
			}
		}
	}
	for _, bands := range []int{8, 16, 32, 64} {
		built := build(b, src, vecindex.Params{"mh_lsh_band": fmt.Sprint(bands), "mh_element_bit_width": "32"}, vecindex.BuildOptions{Threads: 1})
		x, err := minhash.Kind().Open(mem.FromBytes(indextest.File(b, built)), src, vecindex.MHJaccard, nil)
		require.NoError(b, err)
		for _, jaccard := range []bool{false, true} {
			b.Run(fmt.Sprintf("bands=%d/jaccard=%v", bands, jaccard), func(b *testing.B) {
				q := vecindex.Query{K: 10, Allowed: -1}
				q.Params.MinHash.Jaccard = jaccard
				found := 0
				for i, v := range asked {
					q.Bytes = v
					hits, err := x.Search(context.Background(), &q, nil)
					require.NoError(b, err)
					for _, hit := range hits {
						if near[i][hit.Row] {
							found++
						}
					}
				}
				var out []vecindex.Hit
				i := 0
				for b.Loop() {
					q.Bytes = asked[i%len(asked)]
					if out, err = x.Search(context.Background(), &q, out[:0]); err != nil {
						b.Fatal(err)
					}
					i++
				}
				b.ReportMetric(float64(found)/float64(wanted), "recall")
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "queries/s")
				b.ReportMetric(float64(x.Bytes())/rows, "bytes/row")
			})
		}
		require.NoError(b, x.Close())
	}
}

func BenchmarkBuild(b *testing.B) {
	src, _ := nearDuplicates(200_000, 0)
	p := vecindex.Params{"mh_lsh_band": "32", "mh_element_bit_width": "32"}
	for b.Loop() {
		x, err := minhash.Kind().Build(context.Background(), src, vecindex.MHJaccard, p, vecindex.BuildOptions{Threads: 1})
		require.NoError(b, err)
		require.NoError(b, x.Close())
	}
	b.ReportMetric(float64(b.N)*200_000/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkOpen(b *testing.B) {
	src, _ := nearDuplicates(200_000, 0)
	data := indextest.File(b, build(b, src, vecindex.Params{"mh_lsh_band": "32", "mh_element_bit_width": "32"}, vecindex.BuildOptions{Threads: 1}))
	for b.Loop() {
		x, err := minhash.Kind().Open(mem.FromBytes(data), src, vecindex.MHJaccard, nil)
		require.NoError(b, err)
		require.NoError(b, x.Close())
	}
	b.ReportMetric(float64(len(data)), "bytes")
}
