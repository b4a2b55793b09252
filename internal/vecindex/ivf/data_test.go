package ivf_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// dataSet is real vectors with exact answers.
type dataSet struct {
	name    string
	metric  vecindex.Metric
	rows    vecindex.Vectors
	queries vecindex.Vectors
	truth   []uint32 // 100 rows for each query
}

// dataSets reads those that REDKITE_TEST_DATA has; nRows and nQueries bound them.
func dataSets(t testing.TB, nRows, nQueries int) []dataSet {
	dir := os.Getenv("REDKITE_TEST_DATA")
	if dir == "" {
		t.Skip("REDKITE_TEST_DATA does not name a folder with sift200k and text384")
	}
	read := func(name string, bytes int) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		return b[:min(len(b), bytes)]
	}
	sift := func(name string, n int) vecindex.Vectors {
		v := vecindex.Vectors{Dimension: 128}
		for _, x := range read(name, n*128) {
			v.Data = append(v.Data, float32(x))
		}
		return v
	}
	text := func(name string, n int) vecindex.Vectors {
		v := vecindex.Vectors{Dimension: 384}
		for b := read(name, n*384*2); len(b) > 0; b = b[2:] {
			v.Data = append(v.Data, half(binary.LittleEndian.Uint16(b)))
		}
		return v
	}
	truth := func(name string) []uint32 {
		b := read(name, nQueries*100*4)
		out := make([]uint32, len(b)/4)
		for i := range out {
			out[i] = binary.LittleEndian.Uint32(b[4*i:])
		}
		return out
	}
	return []dataSet{
		{"sift", vecindex.L2, sift("sift200k/base.u8", nRows), sift("sift200k/query.u8", nQueries), truth("sift200k/gt.i32")},
		{"text", vecindex.Cosine, text("text384/base.f16", nRows), text("text384/query.f16", nQueries), truth("text384/gt.i32")},
	}
}

// half decodes a float of 16 bits, not an infinite one.
func half(b uint16) float32 {
	sign, exp, frac := float64(1), int(b>>10&31), float64(b&1023)
	if b>>15 != 0 {
		sign = -1
	}
	if exp == 0 {
		return float32(sign * math.Ldexp(frac, -24))
	}
	return float32(sign * math.Ldexp(1024+frac, exp-25))
}

// BenchmarkData prints recall and time of each kind over real vectors.
func BenchmarkData(b *testing.B) {
	for _, d := range dataSets(b, math.MaxInt32/1024, 500) {
		for _, name := range names {
			lists := 512
			if d.name == "text" {
				lists = 128
			}
			p := needed(name, d.rows.Dimension, "nlist", fmt.Sprint(lists), "m", fmt.Sprint(d.rows.Dimension/4))
			start := time.Now()
			x := build(b, kindOf(b, vec.Detect(), name), d.rows, d.metric, p, vecindex.BuildOptions{Threads: 2})
			b.Logf("%s %s: built in %.1f s, %d bytes a row", d.name, name, time.Since(start).Seconds(), x.Bytes()/int64(x.Rows()))
			for _, probe := range []int{4, 16, 64} {
				for _, factor := range []int{0, 1, 2, 4, 8, 16} { // 0: the default
					if name == "IVF_FLAT" && factor > 0 {
						continue
					}
					b.Run(fmt.Sprintf("%s/%s/nprobe=%d/candidates=%dk", d.name, name, probe, factor), func(b *testing.B) {
						found, asked := 0, 0
						var out []vecindex.Hit
						for i := 0; b.Loop(); i++ {
							n := i % d.queries.Rows()
							q := vecindex.Query{
								Vector: d.queries.Data[n*d.queries.Dimension:][:d.queries.Dimension], K: 10, Allowed: -1,
								Params: vecindex.SearchParams{NProbe: probe, Candidates: 10 * factor},
							}
							var err error
							if out, err = x.Search(context.Background(), &q, out[:0]); err != nil {
								b.Fatal(err)
							}
							if i < d.queries.Rows() {
								asked += 10
								for _, h := range out {
									for _, row := range d.truth[n*100 : n*100+10] {
										if h.Row == row {
											found++
										}
									}
								}
							}
						}
						b.ReportMetric(float64(found)/float64(asked), "recall")
					})
				}
			}
		}
	}
}
