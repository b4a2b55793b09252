package ivf

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/vecindex/kmeans"
)

// A residual is cut into m sub-vectors, each held as the number of the nearest
// of 2^bits vectors of its own (Jégou, Douze and Schmid, section II). The book
// has these, sub-vector by sub-vector, as columns (see vec.Kernels.IPColumns).

// codewords returns the columns of the j-th sub-vector.
func (x *index) codewords(j int) []float32 {
	n := x.src.Dim() / x.m << x.bits
	return x.book[j*n : (j+1)*n]
}

// learnProduct makes the book by k-means, the sub-vectors shared by goroutines.
func (x *index) learnProduct(ctx context.Context, b *builder, residuals []float32) error {
	dim, sub := x.src.Dim(), x.src.Dim()/x.m
	n := min(len(residuals)/dim, samplesPerWord<<x.bits)
	errs := make([]error, x.m)
	var next atomic.Int64
	work := func() {
		points, words := make([]float32, n*sub), make([]float32, sub<<x.bits)
		for {
			j := int(next.Add(1) - 1)
			if j >= x.m {
				return
			}
			for i := range n {
				copy(points[i*sub:(i+1)*sub], residuals[i*dim+j*sub:])
			}
			errs[j] = kmeans.Train(ctx, x.kern, points, sub, words, kmeans.Options{
				Seed: x.seed + uint64(j), Threads: 1, Iterations: rounds,
			})
			for i, v := range words {
				x.codewords(j)[i%sub<<x.bits+i/sub] = v
			}
		}
	}
	var wg sync.WaitGroup
	for range min(b.o.Threads, x.m) - 1 {
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

// chooser returns a function for one goroutine that calls set with the code of
// each sub-vector of a residual and returns what these hold.
func (x *index) chooser() func(residual []float32, set func(j int, code byte)) []float32 {
	sub, words := x.src.Dim()/x.m, 1<<x.bits
	held := make([]float32, x.src.Dim())
	return func(residual []float32, set func(int, byte)) []float32 {
		for j := range x.m {
			cols := x.codewords(j)
			code := x.kern.NearestColumn(residual[j*sub:(j+1)*sub], cols, words)
			set(j, byte(code))
			for i := range sub {
				held[j*sub+i] = cols[i*words+code]
			}
		}
		return held
	}
}

// product is IVF_PQ with codes of more than 4 bits, a byte each.
type product struct {
	*index
	sub int // elements of a sub-vector
}

// tableSize is the number of codes that a byte can hold.
const tableSize = 256

func (c *product) codeBytes() int { return c.nodes * c.m }

func (c *product) learn(ctx context.Context, b *builder, residuals []float32) error {
	return c.learnProduct(ctx, b, residuals)
}

func (c *product) encoder() func(list, i int, residual []float32) {
	choose := c.chooser()
	return func(list, i int, residual []float32) {
		at := (int(c.ends[list]) + i) * c.m
		held := choose(residual, func(j int, code byte) { c.codes[at+j] = code })
		c.setBias(list, i, residual, held)
	}
}

// ask makes a table of inner products for each sub-vector.
func (c *product) ask(s *scratch) {
	s.products = room(s.products, c.m*tableSize)
	for j := range c.m {
		c.kern.IPColumns(s.query[j*c.sub:(j+1)*c.sub], c.codewords(j), s.products[j*tableSize:][:1<<c.bits])
	}
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
	for i := range n {
		s.sums[i] = lookUp(s.products, c.codes[at:at+c.m])
		at += c.m
	}
}

func (c *product) sum(s *scratch, list, i int) { c.sums(s, list, i, 1) }

// lookUp adds up the elements of tables that codes name.
func lookUp(tables []float32, codes []byte) float32 {
	var s0, s1, s2, s3 float32
	for len(codes) >= 4 && len(tables) >= 4*tableSize {
		t := (*[4 * tableSize]float32)(tables)
		s0 += t[codes[0]]
		s1 += t[tableSize+int(codes[1])]
		s2 += t[2*tableSize+int(codes[2])]
		s3 += t[3*tableSize+int(codes[3])]
		codes, tables = codes[4:], tables[4*tableSize:]
	}
	for j, c := range codes {
		s0 += tables[j*tableSize+int(c)]
	}
	return (s0 + s1) + (s2 + s3)
}

// short is SCANN, and IVF_PQ with codes of up to 4 bits.
type short struct {
	*index
	blocks
	sub int
}

func newShort(x *index) *short {
	return &short{index: x, blocks: blocks{x: x, pairs: (x.m + 1) / 2, first: x.blocksOf()}, sub: x.src.Dim() / x.m}
}

func (c *short) codeBytes() int { return c.blocks.codeBytes() }

func (c *short) learn(ctx context.Context, b *builder, residuals []float32) error {
	return c.learnProduct(ctx, b, residuals)
}

func (c *short) encoder() func(list, i int, residual []float32) {
	choose := c.chooser()
	return func(list, i int, residual []float32) {
		held := choose(residual, func(j int, code byte) { c.set(list, i, j, code) })
		c.setBias(list, i, residual, held)
	}
}

func (c *short) ask(s *scratch) {
	s.products = room(s.products, 32*c.pairs)
	clear(s.products)
	for j := range c.m {
		t := s.products[16*j:][:1<<c.bits]
		c.kern.IPColumns(s.query[j*c.sub:(j+1)*c.sub], c.codewords(j), t)
		for i := len(t); i < 16; i++ {
			s.products[16*j+i] = t[0] // no code; widens nothing
		}
	}
	asBytes(s, s.products)
}
