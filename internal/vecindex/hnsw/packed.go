package hnsw

import (
	"math"
	"slices"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// packed is the space of codes of 4 or 6 bits an element, HNSW_SQ with SQ4U and
// SQ6. A query has a byte an element, and distances are in units of bytes. For
// COSINE they are those of unit vectors by L2: that of the error of a row counts
// with the difference of the two, which is short for near rows, by IP with the
// whole query. A zero vector is held as one far from all unit vectors.
type packed struct {
	vec.Coder
	vec.Packing
	loss   float32 // mean squared error of an element of a row, in units of bytes
	metric vecindex.Metric
	dim    int
	origin []byte // IP: the bytes of the zero vector
}

func newPacked(g *graph, h codesHeader) (*packed, bool) {
	c := &packed{
		Coder: vec.Coder{Min: h.min, Scale: h.scale}, Packing: vec.Packed4, loss: h.loss, metric: g.metric, dim: g.dim,
	}
	if h.kind == codesPacked6 {
		c.Packing = vec.Packed6
	}
	if c.QueryLen(g.dim) > vec.MaxCodeDim || !c.Usable() || !goodLoss(h.loss) {
		return nil, false
	}
	c.origin = make([]byte, c.QueryLen(g.dim))
	copy(c.origin, origin(g.dim))
	return c, true
}

// goodLoss reports whether a header's loss is one that training gives.
func goodLoss(loss float32) bool { return loss >= 0 && loss <= 1e30 }

// trainPacked returns codes of few bits that suit the rows, or nil.
func (x *live) trainPacked(s vecindex.Source) coding {
	h := x.codes
	p, ok := vec.Packed4, false
	if h.kind == codesPacked6 {
		p = vec.Packed6
	}
	var c vec.Coder
	if sample := x.sample(s, max(sampleFloats/x.dim, 64)); x.metric == vecindex.IP {
		c, h.loss, ok = p.TrainIP(sample)
	} else {
		c, h.loss, ok = p.TrainL2(sample)
	}
	h.min, h.scale = c.Min, c.Scale
	if !ok {
		return nil
	}
	if made, ok := newPacked(&x.graph, h); ok {
		return made
	}
	return nil
}

func (c *packed) stride() int     { return c.Stride(c.dim) }
func (c *packed) book() []float32 { return nil }

func (c *packed) header() codesHeader {
	h := codesHeader{kind: codesPacked4, min: c.Min, scale: c.Scale, loss: c.loss}
	if c.Packing == vec.Packed6 {
		h.kind = codesPacked6
	}
	return h
}

func (c *packed) encoder() func(dst []byte, row []float32) {
	bytes := make([]byte, vec.CodeStride(c.dim))
	return func(dst []byte, row []float32) {
		switch {
		case c.metric == vecindex.IP:
			c.EncodeIP(bytes, row)
		case c.metric == vecindex.Cosine && isZero(row):
			for i := range bytes {
				bytes[i] = math.MaxUint8
			}
		default:
			c.EncodeL2(bytes, row)
		}
		c.Pack(dst, bytes[:c.dim])
	}
}

// isZero reports whether a vector is the zero vector.
func isZero(v []float32) bool {
	for _, x := range v {
		if x != 0 {
			return false
		}
	}
	return true
}

// askPacked makes t, the target of a query, ready for packed codes.
func (g *graph) askPacked(w *walker, t *target, c *packed) {
	n := c.QueryLen(c.dim)
	w.code = slices.Grow(w.code[:0], n)[:n]
	t.code = w.code
	if g.metric != vecindex.IP {
		c.EncodeL2(t.code, t.vector)
		t.base = vec.SquareSum(t.code)
		t.coded(c.Coder, c.loss)
		return
	}
	scale := vec.EncodeQuery(t.code, t.vector)
	t.base = g.base(t.code, c.origin)
	// As for bytes, but that the error of a row is known.
	const row = 32 * 32 / 12.0
	t.variance = g.kern.IP(t.vector, t.vector)*scale*scale*c.loss + row*float32(g.dim)
}
