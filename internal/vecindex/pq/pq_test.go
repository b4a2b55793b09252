package pq_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex/pq"
)

func random(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

func train(t testing.TB, kern vec.Kernels, dim, m, bits int, sample []float32, threads int) *pq.Quantizer {
	t.Helper()
	q := &pq.Quantizer{Kern: kern, Dim: dim, M: m, Bits: bits, Book: make([]float32, pq.BookSize(dim, bits))}
	require.NoError(t, q.Train(context.Background(), sample, 3, threads))
	return q
}

// TestTables: sums of what codes name are products and distances of the query
// and what the codes stand for.
func TestTables(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, kern := range vec.All() {
		for _, c := range []struct{ dim, m, bits, rows int }{
			{8, 4, 8, 600}, {12, 3, 4, 100}, {5, 5, 1, 9}, {7, 1, 8, 300}, {30, 6, 2, 3}, {4, 2, 8, 1},
		} {
			t.Run(fmt.Sprint(kern, c), func(t *testing.T) {
				rows := random(rng, c.rows*c.dim)
				q := train(t, kern, c.dim, c.m, c.bits, rows, 2)
				codes := make([]byte, c.rows*c.m)
				for i := range c.rows {
					q.Encode(rows[i*c.dim:(i+1)*c.dim], codes[i*c.m:(i+1)*c.m])
				}
				query := random(rng, c.dim)
				products, distances := make([]float32, c.m*pq.TableSize), make([]float32, c.m*pq.TableSize)
				q.Products(query, products, pq.TableSize)
				q.Distances(query, q.Norms(), distances, pq.TableSize)
				ip, l2 := make([]float32, c.rows), make([]float32, c.rows)
				ids := make([]uint32, c.rows)
				for i := range ids {
					ids[i] = uint32(c.rows - 1 - i)
				}
				pq.SumsIDs(products, c.m, codes, ids, ip)
				pq.SumsIDs(distances, c.m, codes, ids, l2)
				slices.Reverse(ip)
				slices.Reverse(l2)
				square := float64(0)
				for _, v := range query {
					square += float64(v) * float64(v)
				}
				held := make([]float32, c.dim)
				for i := range c.rows {
					q.Decode(codes[i*c.m:(i+1)*c.m], held)
					wantIP, wantL2 := float64(0), float64(0)
					for j, v := range held {
						wantIP += float64(v) * float64(query[j])
						wantL2 += math.Pow(float64(v)-float64(query[j]), 2)
					}
					require.InDelta(t, wantIP, ip[i], 1e-4)
					require.InDelta(t, wantL2, float64(l2[i])+square, 1e-4)
				}
			})
		}
	}
}

// TestNearest: a code is that of the nearest words, and with as many words as
// rows each row is held as it is.
func TestNearest(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const dim, m = 6, 2
	rows := random(rng, 16*dim)
	q := train(t, vec.Detect(), dim, m, 4, rows, 1)
	codes, held := make([]byte, m), make([]float32, dim)
	for i := range 16 {
		q.Encode(rows[i*dim:(i+1)*dim], codes)
		q.Decode(codes, held)
		require.Equal(t, rows[i*dim:(i+1)*dim], held)
	}
}

// TestSameBook: the book does not depend on the number of goroutines, and a
// larger book is a better one.
func TestSameBook(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	const dim, n = 12, 3000
	rows := random(rng, n*dim)
	require.Equal(t, train(t, vec.Detect(), dim, 6, 8, rows, 1).Book, train(t, vec.Detect(), dim, 6, 8, rows, 4).Book)
	last := math.Inf(1)
	for _, c := range []struct{ m, bits int }{{2, 2}, {2, 6}, {4, 6}, {6, 8}, {12, 8}} {
		q := train(t, vec.Detect(), dim, c.m, c.bits, rows, 2)
		codes, held, loss := make([]byte, c.m), make([]float32, dim), 0.0
		for i := range n {
			q.Encode(rows[i*dim:(i+1)*dim], codes)
			q.Decode(codes, held)
			for j, v := range held {
				loss += math.Pow(float64(v-rows[i*dim+j]), 2)
			}
		}
		require.Less(t, loss, last*0.8)
		last = loss
	}
}

func TestTrainFails(t *testing.T) {
	q := &pq.Quantizer{Kern: vec.Detect(), Dim: 4, M: 2, Bits: 8, Book: make([]float32, pq.BookSize(4, 8))}
	require.ErrorContains(t, q.Train(context.Background(), nil, 0, 1), "no vectors")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, q.Train(ctx, make([]float32, 4000), 0, 3), context.Canceled)
}
