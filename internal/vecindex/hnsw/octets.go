package hnsw

import (
	"slices"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// octets is the space of codes of one byte an element. On it graphs are built,
// where it serves; HNSW and HNSW_SQ with SQ8 are walked on it.
type octets struct {
	vec.Coder
	loss   float32 // mean squared error of an element of a row, in units of bytes: 0 or that of rounding
	metric vecindex.Metric
	bytes  int    // of a row
	origin []byte // IP, COSINE: the codes of the zero vector
}

func newOctets(g *graph, h codesHeader) (*octets, bool) {
	c := &octets{Coder: vec.Coder{Min: h.min, Scale: h.scale}, loss: h.loss, metric: g.metric, bytes: vec.CodeStride(g.dim)}
	if g.dim > vec.MaxCodeDim || !c.Usable() || !goodLoss(h.loss) {
		return nil, false
	}
	c.origin = origin(g.dim)
	return c, true
}

// origin is the codes of the zero vector, for IP and COSINE.
func origin(dim int) []byte {
	zero := make([]byte, vec.CodeStride(dim))
	for i := range dim {
		zero[i] = 128
	}
	return zero
}

func (c *octets) stride() int     { return c.bytes }
func (c *octets) book() []float32 { return nil }

func (c *octets) header() codesHeader {
	return codesHeader{kind: codesBytes, min: c.Min, scale: c.Scale, loss: c.loss}
}

func (c *octets) encoder() func(dst []byte, row []float32) {
	if c.metric == vecindex.L2 {
		return c.EncodeL2
	}
	return c.EncodeIP
}

// far is the distance between orthogonal vectors in the space of codes: the
// middle, as inner products have a sign.
const far = 1<<31 - 1

// base returns the distance that makes up for rows being coded by bytes without
// a sign, 128 too large each; zero is the codes of the zero vector.
func (g *graph) base(code, zero []byte) uint32 {
	var out [1]uint32
	g.kern.IPCodeRows(code, 0, zero, out[:])
	return far - out[0]
}

// askOctets makes t, the target of a query, ready for codes of one byte.
func (g *graph) askOctets(w *walker, t *target, c *octets) {
	w.code = slices.Grow(w.code[:0], c.bytes)[:c.bytes]
	t.code = w.code
	if g.metric == vecindex.L2 {
		c.EncodeL2(t.code, t.vector)
		if t.exact = c.lossless(g.dim) && same(c.Coder, t.code, t.vector); !t.exact {
			t.coded(c.Coder, c.loss)
		}
		return
	}
	scale := vec.EncodeQuery(t.code, t.vector)
	t.base = g.base(t.code, c.origin)
	// An element is rounded by up to half a unit: a variance of 1/12, weighed
	// with the square of the element that it is multiplied with. That of a row is
	// about a quarter of the largest of its code.
	const row = 32 * 32
	t.variance = (g.kern.IP(t.vector, t.vector)*scale*scale + row*float32(g.dim)) / 12
}

// rowOctets makes t, the target of a row, ready for codes of one byte; room is
// for its codes.
func (g *graph) rowOctets(v *view, row uint32, t *target, c *octets, room *[]byte) {
	at := int(row) * c.bytes
	t.code = v.codes[at : at+c.bytes]
	if g.metric != vecindex.L2 {
		*room = slices.Grow((*room)[:0], c.bytes)[:c.bytes]
		vec.SignCodes(*room, t.code)
		t.code = *room
		t.base = g.base(t.code, c.origin)
	}
}
