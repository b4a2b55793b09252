package ivf

import (
	"context"

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

// product is IVF_PQ with codes of more than 4 bits, a byte each.
type product struct {
	*index
}

func (c *product) codeBytes() int { return c.nodes * c.m }

func (c *product) learn(ctx context.Context, b *builder, residuals []float32) error {
	return c.learnProduct(ctx, b, residuals)
}

func (c *product) encoder() func(list, i int, residual []float32) {
	q, held := c.quantizer(), make([]float32, c.src.Dim())
	return func(list, i int, residual []float32) {
		at := (int(c.ends[list]) + i) * c.m
		codes := c.codes[at : at+c.m]
		q.Encode(residual, codes)
		q.Decode(codes, held)
		c.setBias(list, i, residual, held)
	}
}

// ask makes a table of inner products for each sub-vector.
func (c *product) ask(s *scratch) {
	q := c.quantizer()
	s.products = room(s.products, c.m*pq.TableSize)
	q.Products(s.query, s.products, pq.TableSize)
	s.base, s.unit = 0, 1
}

// room returns a slice of n elements, s if it is long enough.
func room(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}

func (c *product) sums(s *scratch, list, from, n int) {
	at := (int(c.ends[list]) + from) * c.m
	pq.Sums(s.products, c.m, c.codes[at:], s.sums[:n])
}

func (c *product) sum(s *scratch, list, i int) { c.sums(s, list, i, 1) }

// short is SCANN, and IVF_PQ with codes of up to 4 bits.
type short struct {
	*index
	blocks
}

func newShort(x *index) *short {
	return &short{index: x, blocks: blocks{x: x, pairs: (x.m + 1) / 2, first: x.blocksOf()}}
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

func (c *short) ask(s *scratch) {
	s.products = room(s.products, 32*c.pairs)
	clear(s.products)
	q := c.quantizer()
	q.Products(s.query, s.products, 16)
	for j := range c.m {
		t := s.products[16*j:][:16]
		for i := 1 << c.bits; i < len(t); i++ {
			t[i] = t[0] // no code; widens nothing
		}
	}
	asBytes(s, s.products)
}
