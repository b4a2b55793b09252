package ivf

import (
	"context"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex/pq"
)

// quantizer returns the product quantizer of residuals over the book.
func (x *index) quantizer() pq.Quantizer {
	return pq.Quantizer{Kern: x.kern, Dim: x.src.Dim(), M: x.m, Bits: x.bits, Book: x.book}
}

// learnProduct makes the book.
func (x *index) learnProduct(ctx context.Context, b *builder, residuals []float32) error {
	q := x.quantizer()
	return q.Train(ctx, residuals, x.seed, b.o.Threads)
}

// product is IVF_PQ with codes of more than 4 bits, a byte each, in blocks; see
// vec.Kernels.ByteSums.
type product struct {
	*index
	first []int // block of each list, and the number of all
}

func (c *product) codeBytes() int { return c.first[len(c.first)-1] * c.m * vec.ByteRows }

func (c *product) learn(ctx context.Context, b *builder, residuals []float32) error {
	return c.learnProduct(ctx, b, residuals)
}

// at is the place of the first code of an entry; the others are ByteRows apart.
func (c *product) at(list, i int) int {
	return (c.first[list]+i/vec.ByteRows)*c.m*vec.ByteRows + i%vec.ByteRows
}

func (c *product) encoder() func(list, i int, residual []float32) {
	q, held, codes := c.quantizer(), make([]float32, c.src.Dim()), make([]byte, c.m)
	return func(list, i int, residual []float32) {
		q.Encode(residual, codes)
		for j, code := range codes {
			c.codes[c.at(list, i)+j*vec.ByteRows] = code
		}
		q.Decode(codes, held)
		c.setBias(list, i, residual, held)
	}
}

// ask makes a table of inner products for each sub-vector.
func (c *product) ask(s *scratch) { c.askTables(s, c.m, pq.TableSize) }

// askTables makes tables of inner products, of size elements each: of the
// sub-vectors, and of zeros behind these.
func (x *index) askTables(s *scratch, tables, size int) {
	s.products = room(s.products, size*tables)
	clear(s.products[size*x.m:])
	q := x.quantizer()
	q.Products(s.query, s.products, size)
	if words := 1 << x.bits; words < size {
		for j := range x.m {
			t := s.products[size*j:][:size]
			for i := words; i < size; i++ {
				t[i] = t[0] // no code; widens nothing
			}
		}
	}
	x.asBytes(s, s.products, size)
}

func (c *product) near(s *scratch, list, from, n int, base, limit float32) uint64 {
	c.kern.ByteSums(s.tables, c.codes[c.at(list, from):], s.short[:])
	return c.estimates(s, list, from, n, base, limit)
}

func (c *product) sum(s *scratch, list, i int) float32 {
	sum, at := 0, c.at(list, i)
	for j := range c.m {
		sum += int(s.tables[j*pq.TableSize+int(c.codes[at+j*vec.ByteRows])])
	}
	return float32(sum)
}

// room returns a slice of n elements, s if it is long enough.
func room[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// short is SCANN, and IVF_PQ with codes of up to 4 bits.
type short struct {
	*index
	blocks
}

func newShort(x *index) *short {
	return &short{index: x, blocks: blocks{x: x, pairs: (x.m + 1) / 2, first: x.blocksOf(vec.NibbleRows)}}
}

func (c *short) codeBytes() int { return c.blocks.codeBytes() }

func (c *short) learn(ctx context.Context, b *builder, residuals []float32) error {
	return c.learnProduct(ctx, b, residuals)
}

func (c *short) encoder() func(list, i int, residual []float32) {
	q, held, codes := c.quantizer(), make([]float32, c.src.Dim()), make([]byte, c.m)
	return func(list, i int, residual []float32) {
		q.Encode(residual, codes)
		for j, code := range codes {
			c.set(list, i, j, code)
		}
		q.Decode(codes, held)
		c.setBias(list, i, residual, held)
	}
}

func (c *short) ask(s *scratch) { c.askTables(s, 2*c.pairs, 16) }
