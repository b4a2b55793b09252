package sparse

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// corpus is rows of counted words, and queries weighed by the words' rarity.
type corpus struct {
	rows    vecindex.SparseVectors
	queries []vecindex.SparseVector
	avgdl   float64
}

// texts reads the texts that REDKITE_TEST_DATA has, repeated to so many rows;
// of a repeated text each word stays with probability keep.
func texts(b testing.TB, n int, keep float64) corpus {
	dir := os.Getenv("REDKITE_TEST_DATA")
	if dir == "" {
		b.Skip("REDKITE_TEST_DATA does not name a folder with text384")
	}
	file, err := os.Open(filepath.Join(dir, "text384/texts.jsonl.gz"))
	require.NoError(b, err)
	defer func() { _ = file.Close() }()
	unzip, err := gzip.NewReader(file)
	require.NoError(b, err)
	numbers := map[string]uint32{}
	var base, queries [][]uint32
	for lines := bufio.NewScanner(unzip); lines.Scan(); {
		var line struct{ Set, Text string }
		require.NoError(b, json.Unmarshal(lines.Bytes(), &line))
		var words []uint32
		for _, w := range strings.FieldsFunc(strings.ToLower(line.Text), func(r rune) bool {
			return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
		}) {
			d, known := numbers[w]
			if !known {
				d = uint32(len(numbers))
				numbers[w] = d
			}
			words = append(words, d)
		}
		if line.Set == "base" {
			base = append(base, words)
		} else {
			queries = append(queries, words)
		}
	}
	rng := rand.New(rand.NewPCG(1, 1))
	var c corpus
	c.rows.Data.Offsets = []uint64{0}
	df := make([]float64, len(numbers))
	words := 0
	for r := range n {
		text := slices.Clone(base[r%len(base)])
		if r >= len(base) {
			text = slices.DeleteFunc(text, func(uint32) bool { return rng.Float64() >= keep })
		}
		words += len(text)
		v := counted(text)
		c.rows.Data.Dims, c.rows.Data.Values = append(c.rows.Data.Dims, v.Dims...), append(c.rows.Data.Values, v.Values...)
		c.rows.Data.Offsets = append(c.rows.Data.Offsets, uint64(len(c.rows.Data.Dims)))
		for _, d := range v.Dims {
			df[d]++
		}
	}
	c.avgdl = float64(words) / float64(n)
	for _, text := range queries {
		v := counted(text)
		for i, d := range v.Dims {
			v.Values[i] *= float32(math.Log(1 + (float64(n)-df[d]+0.5)/(df[d]+0.5)))
		}
		c.queries = append(c.queries, v)
	}
	return c
}

// counted returns how often each word comes.
func counted(text []uint32) vecindex.SparseVector {
	var v vecindex.SparseVector
	slices.Sort(text)
	for i, d := range text {
		if i == 0 || d != text[i-1] {
			v.Dims, v.Values = append(v.Dims, d), append(v.Values, 0)
		}
		v.Values[len(v.Values)-1]++
	}
	return v
}

// BenchmarkData prints the time of a query by BM25 over texts repeated to a
// million rows: as they are, and with half of the words of each.
func BenchmarkData(b *testing.B) {
	for _, keep := range []float64{1, 0.5} {
		c := texts(b, 1000000, keep)
		for _, bits := range []uint{10, 11, 12, 13, 14, 16} {
			p := vecindex.Params{"bm25_k1": "1.2", "bm25_b": "0.75", "bm25_avgdl": fmt.Sprint(c.avgdl)}
			start := time.Now()
			x, err := newEnv(vec.Detect(), bits).build(context.Background(), c.rows, vecindex.BM25, p, vecindex.BuildOptions{Threads: 2})
			require.NoError(b, err)
			b.Logf("built in %.2f s, %d bytes a row, %d in vectors", time.Since(start).Seconds(), x.Bytes()/int64(x.Rows()), 8*len(c.rows.Data.Dims)/x.Rows())
			b.Run(fmt.Sprintf("keep=%v/bits=%d", keep, bits), func(b *testing.B) {
				var out []vecindex.Hit
				n := 0
				for b.Loop() {
					q := vecindex.Query{Sparse: c.queries[n%len(c.queries)], K: 10, Allowed: -1}
					q.Params.Sparse.BM25.AvgDL = c.avgdl
					if out, err = x.Search(context.Background(), &q, out[:0]); err != nil {
						b.Fatal(err)
					}
					n++
				}
			})
			require.NoError(b, x.Close())
		}
	}
}
