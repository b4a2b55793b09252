package vecindex

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
)

// flatCodes hold a byte an element for each row, and how far the vector that they
// stand for may be from the row's: what an exact scan needs to leave rows out
// (docs/adr/0010). For Cosine the row is its unit vector.
type flatCodes struct {
	coder  vec.Coder
	metric Metric
	dim    int
	stride int // bytes of a row of codes

	rows     []byte    // stride bytes a row
	radii    []float32 // for each row a bound of the distance to what its code stands for, no NaN
	blocks   []float32 // blockBounds for each blockRows rows
	invNorms []float32 // Cosine: InvNorm of each row
}

// blockBounds is what blocks have for a block of rows: the largest of radii, and
// for IP and Cosine a bound of the lengths of what the codes stand for.
const blockBounds = 2

// Rows of other lengths have an infinite radius, queries that are longer are
// compared with vectors: no sum of products overflows, and none that counts
// vanishes.
const (
	maxLength = 1e15
	minLength = 1e-15 // Cosine; but 0 is 0
)

// tiny is a relative error that covers those of the few operations in float64
// between stored numbers and a bound.
const tiny = 1.0 / (1 << 40)

// sampleFloats is about how many elements a coder is trained on.
const sampleFloats = 1 << 18

// layout returns the sizes in bytes of the sections of n rows, in file order.
func (c *flatCodes) layout(n int) [4]int {
	sizes := [4]int{c.stride * n, 4 * n, 4 * blockBounds * ((n + blockRows - 1) / blockRows), 0}
	if c.metric == Cosine {
		sizes[3] = 4 * n
	}
	return sizes
}

// newCodes makes codes of the float32 rows of s in the slab that it returns; nil
// where no coder suits them.
func newCodes(ctx context.Context, kern vec.Kernels, s Source, m Metric, o BuildOptions) (*flatCodes, *mem.Slab, error) {
	c := &flatCodes{metric: m, dim: s.Dim(), stride: vec.CodeStride(s.Dim())}
	if s.Rows() == 0 || c.dim > vec.MaxCodeDim || !c.train(kern, s) {
		return nil, nil, ctx.Err()
	}
	size := 0
	for _, n := range c.layout(s.Rows()) {
		size += align(n)
	}
	slab, err := mem.NewSlab(o.Budget, size, size)
	if err != nil {
		return nil, nil, err
	}
	c.view(slab.Bytes(), s.Rows())
	if err := c.encodeAll(ctx, kern, s, o); err != nil {
		return nil, nil, errors.Join(err, slab.Free())
	}
	return c, slab, nil
}

// sectionAlign is what sections begin at a multiple of.
const sectionAlign = 64

func align(n int) int { return (n + sectionAlign - 1) &^ (sectionAlign - 1) }

// view makes the sections of n rows those that lie in b, in place where the machine
// allows.
func (c *flatCodes) view(b []byte, n int) {
	var parts [4][]byte
	for i, size := range c.layout(n) {
		parts[i], b = b[:size:size], b[align(size):]
	}
	c.rows = parts[0]
	for i, to := range []*[]float32{&c.radii, &c.blocks, &c.invNorms} {
		*to = mem.Decode[float32](parts[i+1])
	}
}

// train chooses a coder by a sample of the rows. It reports false where none
// suits.
func (c *flatCodes) train(kern vec.Kernels, s Source) bool {
	sample := Sample(kern, s, c.metric, max(sampleFloats/c.dim, 64))
	for _, v := range sample {
		if !(math.Abs(float64(v)) <= maxLength) {
			return false
		}
	}
	var ok bool
	c.coder, ok = TrainCoder(c.metric, sample)
	return ok
}

// encodeAll makes the codes of all rows, a block at a time.
func (c *flatCodes) encodeAll(ctx context.Context, kern vec.Kernels, s Source, o BuildOptions) error {
	var next, done atomic.Int64
	const share = 64 * blockRows
	n := s.Rows()
	work := func(report bool) {
		e := encoder{codes: c, kern: kern, rows: Floats(s), unit: make([]float32, c.dim)}
		for ctx.Err() == nil {
			from := int(next.Add(share)) - share
			if from >= n {
				return
			}
			for at := from; at < min(from+share, n); at += blockRows {
				e.block(s, at, min(at+blockRows, n))
			}
			if d := done.Add(int64(min(share, n-from))); report && o.Progress != nil {
				o.Progress(int(d), n)
			}
		}
	}
	var wg sync.WaitGroup
	for range min(o.Threads, (n+share-1)/share) - 1 {
		wg.Go(func() { work(false) })
	}
	work(true)
	wg.Wait()
	return ctx.Err()
}

// encoder makes codes; it is for one goroutine.
type encoder struct {
	codes *flatCodes
	kern  vec.Kernels
	rows  []float32
	unit  []float32
}

// block makes the codes of rows [from, to), which are one block. A row without a
// vector keeps zeros: no search asks for it.
func (e *encoder) block(s Source, from, to int) {
	c := e.codes
	radius, length := float32(0), float32(0)
	for row := NextNode(s.Valid(), from); row < to; row = NextNode(s.Valid(), row+1) {
		r, l := e.row(row)
		c.radii[row] = r
		radius, length = max(radius, r), max(length, l)
	}
	bounds := c.blocks[from/blockRows*blockBounds:]
	bounds[0], bounds[1] = radius, length
}

// row makes the code of a row and returns its radius and a bound of the length of
// what the code stands for, by IP and Cosine.
func (e *encoder) row(row int) (radius, length float32) {
	c := e.codes
	x := e.rows[row*c.dim : (row+1)*c.dim]
	code := c.rows[row*c.stride : (row+1)*c.stride]
	norm := length64(x)
	by := 1.0 // what makes x the vector that is coded
	vector := x
	if c.metric == Cosine {
		c.invNorms[row] = e.kern.InvNorm(x)
		e.kern.Normalize(e.unit, x)
		vector = e.unit
		if norm > 0 {
			by = 1 / norm
		}
	}
	var size, miss float64
	if c.metric == L2 {
		c.coder.EncodeL2(code, vector)
		miss = c.missL2(code, x, norm)
	} else {
		c.coder.EncodeIP(code, vector)
		scale, far := float64(c.coder.Scale), 0.0
		for i, v := range x {
			y := float64(int(code[i])-codeZero) / scale
			d := float64(v)*by - y
			far += d * d
			size += y * y
		}
		size = math.Sqrt(size)
		miss = c.miss(far, norm*by+size)
	}
	if !(norm <= maxLength) || c.metric == Cosine && norm != 0 && norm < minLength {
		return float32(math.Inf(1)), roundUp(size * (1 + tiny))
	}
	return roundUp(miss), roundUp(size * (1 + tiny))
}

// missL2 returns a bound of how far x, of length norm, is from what its code by L2
// stands for.
func (c *flatCodes) missL2(code []byte, x []float32, norm float64) float64 {
	low, scale, far := float64(c.coder.Min), float64(c.coder.Scale), 0.0
	for i, v := range x {
		d := float64(v) - low - float64(code[i])/scale
		far += d * d
	}
	return c.miss(far, norm+math.Sqrt(float64(c.dim))*(math.Abs(low)+256/scale))
}

// miss returns a bound of the length of a difference whose computed square is far,
// of vectors of lengths that are at most large together.
func (c *flatCodes) miss(far, large float64) float64 {
	const each = 1.0 / (1 << 48) // of the numbers that a difference is of, for each element
	return math.Sqrt(far)*(1+tiny) + large*float64(c.dim+16)*each
}

// codeZero is the code of 0 for IP and Cosine.
const codeZero = 128

// length64 is the length of x, but for rounding in float64.
func length64(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

// roundUp returns a float32 that is not less than v; +Inf for NaN.
func roundUp(v float64) float32 {
	f := float32(v)
	switch {
	case v != v:
		return float32(math.Inf(1))
	case float64(f) < v:
		return math.Nextafter32(f, float32(math.Inf(1)))
	}
	return f
}
