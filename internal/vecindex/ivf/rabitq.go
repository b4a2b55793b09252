package ivf

import (
	"context"
	"math"
	"math/bits"
	"math/rand/v2"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// rabitq holds a bit for each element of a rotated residual (J. Gao and C. Long,
// "RaBitQ: quantizing high-dimensional vectors with a theoretical error bound
// for approximate nearest neighbor search", SIGMOD 2024, section 3). With o the
// unit vector of the residual r, rotated, and b the vector of its signs, each
// 1/sqrt(D), the inner product of o and anything rotated is about that of b,
// divided by <b, o>. It is applied to q - c, so that the error does not depend
// on where the center lies; the part of c is in the bias.
//
// Four bits are one code of a block, whose table has the sums of the query's
// four elements with each combination of signs.
type rabitq struct {
	*index
	blocks
	turn *rotation
}

func newRaBitQ(x *index) *rabitq {
	turn := newRotation(x.src.Dim(), x.seed)
	return &rabitq{index: x, blocks: blocks{x: x, pairs: turn.size / 8, first: x.blocksOf(vec.NibbleRows)}, turn: turn}
}

func (c *rabitq) codeBytes() int                                   { return c.blocks.codeBytes() }
func (c *rabitq) learn(context.Context, *builder, []float32) error { return nil }

func (c *rabitq) encoder() func(list, i int, residual []float32) {
	turned, center := make([]float32, c.turn.size), make([]float32, c.turn.size)
	spare := make([]float32, c.turn.size)
	last := -1
	return func(list, i int, residual []float32) {
		if list != last {
			c.turn.apply(center, spare, c.center(list))
			last = list
		}
		c.turn.apply(turned, spare, residual)
		square, sum, cross := 0.0, 0.0, 0.0 // |r|², sqrt(D)|r|<b, o>, sqrt(D)<b, c>
		for j, v := range turned {
			square += float64(v) * float64(v)
			if v > 0 {
				c.set(list, i, j/4, 1<<(j%4))
				sum += float64(v)
				cross += float64(center[j])
			} else {
				sum -= float64(v)
				cross -= float64(center[j])
			}
		}
		scale := 0.0 // |r| / (sqrt(D) <b, o>)
		if sum > 0 {
			scale = square / sum
		}
		at := int(c.ends[list]) + i
		if c.metric != vecindex.IP {
			c.scale[at], c.bias[at] = float32(-2*scale), float32(square+2*scale*cross)
			return
		}
		inner := 0.0 // <r, c>
		for j, v := range c.center(list) {
			inner += float64(v) * float64(residual[j])
		}
		c.scale[at], c.bias[at] = float32(-scale), float32(scale*cross-inner)
	}
}

// ask makes the tables of signed sums of the rotated query.
func (c *rabitq) ask(s *scratch) {
	n := c.turn.size
	s.turned, s.spare = room(s.turned, n), room(s.spare, n)
	c.turn.apply(s.turned, s.spare, s.query)
	s.products = room(s.products, 4*n)
	for j := 0; j < n; j += 4 {
		q, t := (*[4]float32)(s.turned[j:]), (*[16]float32)(s.products[4*j:])
		t[0] = -(q[0] + q[1] + q[2] + q[3])
		for i := 1; i < 16; i++ {
			t[i] = t[i&(i-1)] + 2*q[bits.TrailingZeros8(uint8(i))]
		}
	}
	c.asBytes(s, s.products, 16)
}

// rotation is a random orthogonal map: thrice, random signs, Hadamard transforms
// of blocks of powers of two that make up the size, and a random order.
type rotation struct {
	size  int // a multiple of 8
	signs [turns][]float32
	order [turns][]uint32
}

const turns = 3

// newRotation returns a rotation of vectors of dim elements, which are filled
// up with zeros to a multiple of 8. It is a function of its arguments.
func newRotation(dim int, seed uint64) *rotation {
	r := &rotation{size: (dim + 7) &^ 7}
	rng := rand.New(rand.NewPCG(seed, 0x726f74617465))
	for t := range turns {
		r.signs[t], r.order[t] = make([]float32, r.size), make([]uint32, r.size)
		for i := range r.size {
			r.signs[t][i] = float32(1 - 2*int(rng.Uint64()>>63))
			r.order[t][i] = uint32(i)
		}
		for i := r.size - 1; i > 0; i-- {
			j := rng.IntN(i + 1)
			r.order[t][i], r.order[t][j] = r.order[t][j], r.order[t][i]
		}
	}
	return r
}

// apply sets dst to the rotated v; dst and spare have size elements.
func (r *rotation) apply(dst, spare, v []float32) {
	clear(dst[copy(dst, v):])
	for t := range turns {
		for i, s := range r.signs[t] {
			spare[i] = dst[i] * s
		}
		for at := 0; at < r.size; {
			n := 1 << (bits.Len(uint(r.size-at)) - 1)
			hadamard(spare[at : at+n])
			at += n
		}
		for i, from := range r.order[t] {
			dst[i] = spare[from]
		}
	}
}

// hadamard applies the orthonormal Walsh-Hadamard transform to v, whose length
// is a power of two.
func hadamard(v []float32) {
	for h := 1; h < len(v); h *= 2 {
		for i := 0; i < len(v); i += 2 * h {
			a, b := v[i:i+h], v[i+h:i+2*h]
			for j, x := range a {
				y := b[j]
				a[j], b[j] = x+y, x-y
			}
		}
	}
	scale := float32(1 / math.Sqrt(float64(len(v))))
	for i := range v {
		v[i] *= scale
	}
}
