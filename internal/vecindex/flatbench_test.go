package vecindex_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// BenchmarkFlatBandwidth puts FLAT, by vectors and by codes, beside a plain sum over
// the bytes of the vectors by as many goroutines: what the memory gives. Run it on a
// quiet machine with
//
//	go test ./internal/vecindex -run '^$' -bench FlatBandwidth -count 5
func BenchmarkFlatBandwidth(b *testing.B) {
	const rows, dim = 1_000_000, 128
	slab, err := mem.NewSlab(nil, 4*rows*dim, 4*rows*dim)
	require.NoError(b, err)
	defer func() { require.NoError(b, slab.Free()) }()
	data, ok := mem.View[float32](slab.Bytes())
	require.True(b, ok)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range data {
		data[i] = float32(rng.IntN(256))
	}
	src := vecindex.Vectors{Data: data, Dimension: dim}
	words, ok := mem.View[uint64](slab.Bytes())
	require.True(b, ok)
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("sum/threads=%d", threads), func(b *testing.B) {
			b.SetBytes(4 * rows * dim)
			for b.Loop() {
				sumParallel(words, threads)
			}
		})
		for name, kind := range map[string]vecindex.Kind{
			"plain": vecindex.Plain(vec.Detect(), threads), "codes": vecindex.Flat(vec.Detect(), threads),
		} {
			for _, m := range metrics {
				b.Run(fmt.Sprintf("%s/%v/threads=%d", name, m, threads), func(b *testing.B) {
					benchmarkScan(b, kind, src, m)
				})
			}
		}
	}
}

// benchmarkScan searches for rows of src.
func benchmarkScan(b *testing.B, kind vecindex.Kind, src vecindex.Vectors, m vecindex.Metric) {
	x, err := kind.Build(context.Background(), src, m, nil, vecindex.BuildOptions{Threads: 2})
	require.NoError(b, err)
	defer func() { require.NoError(b, x.Close()) }()
	q := &vecindex.Query{Vector: src.Data[:src.Dimension], K: 10}
	hits, err := x.Search(context.Background(), q, nil)
	require.NoError(b, err)
	b.SetBytes(4 * int64(len(src.Data)))
	for row := 0; b.Loop(); row += 1001 {
		q.Vector = src.Data[row%src.Rows()*src.Dimension:][:src.Dimension]
		if hits, err = x.Search(context.Background(), q, hits[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

// sumParallel adds up words, a share for each goroutine. With four sums, in
// registers, it is the memory that it waits for.
func sumParallel(words []uint64, threads int) uint64 {
	sums := make([]uint64, threads)
	var wg sync.WaitGroup
	for i := range threads {
		part := words[i*len(words)/threads : (i+1)*len(words)/threads]
		wg.Go(func() {
			var a, b, c, d uint64
			for ; len(part) >= 8; part = part[8:] {
				p := (*[8]uint64)(part)
				a += p[0] + p[4]
				b += p[1] + p[5]
				c += p[2] + p[6]
				d += p[3] + p[7]
			}
			sums[i] = a + b + c + d
		})
	}
	wg.Wait()
	var sum uint64
	for _, v := range sums {
		sum += v
	}
	return sum
}
