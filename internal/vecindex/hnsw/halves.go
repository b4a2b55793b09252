package hnsw

import (
	"math"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// halves is the space of floats of 16 bits, HNSW_SQ with FP16 and BF16: distances
// of the query's own floats and these.
type halves struct {
	element vec.Element
	loss    float32 // mean squared error of an element
	dim     int
}

func newHalves(g *graph, h codesHeader) (*halves, bool) {
	c := &halves{element: vec.Float16s, loss: h.loss, dim: g.dim}
	if h.kind == codesBrain {
		c.element = vec.BFloat16s
	}
	return c, goodLoss(h.loss)
}

// halfLoss is how much of their square elements may lose. Within the range of
// either type it is no more than 2^-18 / 3.
const halfLoss = 1e-5

// trainHalves returns floats of 16 bits, or nil if the rows are out of their
// range.
func (x *live) trainHalves(s vecindex.Source) coding {
	c, _ := newHalves(&x.graph, x.codes)
	sample := x.sample(s, max(sampleFloats/x.dim, 64))
	codes, held := make([]byte, c.stride()), make([]float32, x.dim)
	encode := c.encoder()
	loss, square := 0.0, 0.0
	for i := 0; i < len(sample); i += x.dim {
		encode(codes, sample[i:i+x.dim])
		if c.element == vec.Float16s {
			vec.DecodeFloat16(held, codes)
		} else {
			vec.DecodeBFloat16(held, codes)
		}
		for j, v := range held {
			e := float64(v) - float64(sample[i+j])
			loss += e * e
			square += float64(sample[i+j]) * float64(sample[i+j])
		}
	}
	if !(loss <= halfLoss*square) {
		return nil
	}
	c.loss = float32(min(loss/float64(max(len(sample), 1)), 1e30))
	return c
}

func (c *halves) stride() int     { return 2 * c.dim }
func (c *halves) book() []float32 { return nil }

func (c *halves) header() codesHeader {
	if c.element == vec.BFloat16s {
		return codesHeader{kind: codesBrain, loss: c.loss}
	}
	return codesHeader{kind: codesHalf, loss: c.loss}
}

// encoder keeps what is beyond the range at its bounds.
func (c *halves) encoder() func(dst []byte, row []float32) {
	clipped := make([]float32, c.dim)
	limit, encode := float32(65504), vec.EncodeFloat16
	if c.element == vec.BFloat16s {
		limit, encode = math.Float32frombits(0x7f7f0000), vec.EncodeBFloat16
	}
	return func(dst []byte, row []float32) {
		for i, v := range row {
			clipped[i] = min(max(v, -limit), limit)
		}
		encode(dst, clipped)
	}
}

// compareHalves sets out[i] to the distance of t and row ids[i] of codes; room is
// for floats.
func (g *graph) compareHalves(codes []byte, t *target, c *halves, ids, out []uint32, room []float32, warm int) {
	m, q := vec.Packed(c.element, c.dim, codes), vec.FloatProbe(t.vector)
	if g.metric == vecindex.L2 {
		g.kern.IDs(vec.MeasureL2, &q, &m, ids, room, warm)
		for i, d := range room {
			out[i] = uint32(vecindex.Key(d, 0) >> 32)
		}
		return
	}
	g.kern.IDs(vec.MeasureIP, &q, &m, ids, room, warm)
	for i, d := range room {
		out[i] = uint32(vecindex.Key(0-d, 0) >> 32)
	}
}
