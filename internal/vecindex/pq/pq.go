// Package pq is product quantization (H. Jégou, M. Douze and C. Schmid, "Product
// quantization for nearest neighbor search", 2011, section II): a vector is cut
// into sub-vectors of equal length, each held as the number of the nearest of
// 2^bits vectors of its own, its words. A distance of a query and a code is a
// sum of elements of tables, one for each sub-vector.
package pq

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex/kmeans"
)

const (
	// MaxBits is the largest size of a code: it lies in a byte.
	MaxBits = 8
	// TableSize is the number of elements of a table, those that a byte can name.
	TableSize = 1 << MaxBits

	// SamplesPerWord is how many vectors for each word Train looks at, at most.
	SamplesPerWord = 64

	rounds = 10 // of k-means
)

// Quantizer turns vectors into codes. All methods but Train may be called from
// many goroutines at a time.
type Quantizer struct {
	Kern vec.Kernels
	Dim  int // elements of a vector, a multiple of M
	M    int // sub-vectors
	Bits int // of a code, 1 to MaxBits
	// Book has the words, BookSize(Dim, Bits) elements: sub-vector by sub-vector,
	// those of each as columns (see vec.Kernels.IPColumns). It is all that a file
	// needs to hold.
	Book []float32
}

// BookSize is the number of elements of a book.
func BookSize(dim, bits int) int { return dim << bits }

// sub is the number of elements of a sub-vector.
func (q *Quantizer) sub() int { return q.Dim / q.M }

// words returns the columns of the j-th sub-vector.
func (q *Quantizer) words(j int) []float32 {
	n := q.sub() << q.Bits
	return q.Book[j*n : (j+1)*n]
}

// Train fills the book by k-means of the first SamplesPerWord<<Bits vectors of a
// sample, row-major, the sub-vectors shared by up to threads goroutines. The
// book is a function of the sample and the seed. The error is ctx's, or says
// that there is no vector.
func (q *Quantizer) Train(ctx context.Context, sample []float32, seed uint64, threads int) error {
	dim, sub := q.Dim, q.sub()
	n := min(len(sample)/dim, SamplesPerWord<<q.Bits)
	if n == 0 {
		return fmt.Errorf("product quantizer of %d codes: no vectors", q.M)
	}
	errs := make([]error, q.M)
	var next atomic.Int64
	work := func() {
		points, words := make([]float32, n*sub), make([]float32, sub<<q.Bits)
		for {
			j := int(next.Add(1) - 1)
			if j >= q.M {
				return
			}
			for i := range n {
				copy(points[i*sub:(i+1)*sub], sample[i*dim+j*sub:])
			}
			errs[j] = kmeans.Train(ctx, q.Kern, points, sub, words, kmeans.Options{
				Seed: seed + uint64(j), Threads: 1, Iterations: rounds,
			})
			for i, v := range words {
				q.words(j)[i%sub<<q.Bits+i/sub] = v
			}
		}
	}
	var wg sync.WaitGroup
	for range min(threads, q.M) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Encode sets codes, M of them, to those of v.
func (q *Quantizer) Encode(v []float32, codes []byte) {
	sub := q.sub()
	for j := range codes[:q.M] {
		codes[j] = byte(q.Kern.NearestColumn(v[j*sub:(j+1)*sub], q.words(j), 1<<q.Bits))
	}
}

// Decode sets v to the vector that codes stand for.
func (q *Quantizer) Decode(codes []byte, v []float32) {
	sub, n := q.sub(), 1<<q.Bits
	for j, code := range codes[:q.M] {
		words := q.words(j)
		for i := range sub {
			v[j*sub+i] = words[i*n+int(code)]
		}
	}
}

// Products sets tables to inner products of v with words: element i of the table
// of sub-vector j, at tables[j*size+i], is that with its word i. size is at
// least 1<<Bits; elements beyond are left as they are.
func (q *Quantizer) Products(v, tables []float32, size int) {
	sub := q.sub()
	for j := range q.M {
		q.Kern.IPColumns(v[j*sub:(j+1)*sub], q.words(j), tables[j*size:][:1<<q.Bits])
	}
}

// Norms returns the squared lengths of all words, for Distances.
func (q *Quantizer) Norms() []float32 {
	sub, n := q.sub(), 1<<q.Bits
	norms := make([]float32, q.M*n)
	for j := range q.M {
		for i, w := range q.words(j)[:sub*n] {
			norms[j*n+i%n] += w * w
		}
	}
	return norms
}

// Distances sets tables, as Products does, to squared distances of v and words,
// save for the squared length of v, which all sums lack.
func (q *Quantizer) Distances(v, norms, tables []float32, size int) {
	q.Products(v, tables, size)
	n := 1 << q.Bits
	for j := range q.M {
		t := tables[j*size:][:n]
		for i, norm := range norms[j*n : (j+1)*n] {
			t[i] = norm - 2*t[i]
		}
	}
}

// SumsIDs sets out[i] to the sum of what row ids[i] of codes names in tables: m
// codes a row, tables of TableSize elements.
func SumsIDs(tables []float32, m int, codes []byte, ids []uint32, out []float32) {
	for i, id := range ids {
		at := int(id) * m
		out[i] = sum(tables, codes[at:at+m])
	}
}

// sum adds up the elements of tables that codes name.
func sum(tables []float32, codes []byte) float32 {
	var s0, s1, s2, s3 float32
	for len(codes) >= 4 && len(tables) >= 4*TableSize {
		t := (*[4 * TableSize]float32)(tables)
		s0 += t[codes[0]]
		s1 += t[TableSize+int(codes[1])]
		s2 += t[2*TableSize+int(codes[2])]
		s3 += t[3*TableSize+int(codes[3])]
		codes, tables = codes[4:], tables[4*TableSize:]
	}
	for j, c := range codes {
		s0 += tables[j*TableSize+int(c)]
	}
	return (s0 + s1) + (s2 + s3)
}
