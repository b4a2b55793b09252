package hnsw

import (
	"math"
	"slices"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// A graph compares rows in one of two spaces: by their vectors, or by codes of
// one byte an element, which the memory delivers four times as fast. In both a
// distance is a number of 32 bits of which the smaller is the nearer; it is the
// upper half of a key in a pool. For the vectors it is that of vecindex.Key, and
// exact; for codes it is a whole number, and rank puts exact scores in its place
// at the end of a search.

// coding is the space of codes.
type coding struct {
	vec.Coder
	stride int    // bytes of a row
	origin []byte // IP, COSINE: the codes of the zero vector
}

func newCoding(c vec.Coder, dim int) *coding {
	x := &coding{Coder: c, stride: vec.CodeStride(dim)}
	x.origin = make([]byte, x.stride)
	for i := range dim {
		x.origin[i] = 128
	}
	return x
}

// encode sets dst to the codes of a row; inv is its inverse norm for COSINE,
// unit room for its elements.
func (c *coding) encode(m vecindex.Metric, dst []byte, row, unit []float32, inv float32) {
	switch m {
	case vecindex.L2:
		c.EncodeL2(dst, row)
	case vecindex.IP:
		c.EncodeIP(dst, row)
	default:
		scale(unit, row, inv)
		c.EncodeIP(dst, unit)
	}
}

func scale(dst, x []float32, by float32) {
	for i, v := range x {
		dst[i] = v * by
	}
}

// target is what distances are measured from: a query or a row.
type target struct {
	vector []float32
	scale  float32 // COSINE: what makes vector a unit vector, 1 if it is one
	// The inner product is no distance: a row is not the nearest to itself, and a
	// graph by it leads to long vectors alone. Between rows it is therefore that
	// of vectors with one more element, which brings all to one length; a query
	// has 0 there, so that its order of rows is the same (Y. Bachrach et al.,
	// "Speeding up the Xbox recommender system", RecSys 2014, section 3).
	lift float32

	code  []byte  // in the space of codes: with a sign, except for L2
	base  uint32  // IP, COSINE: the distance of a row whose product with code is 0
	sigma float32 // IP, COSINE, of a query: the error of a distance by rounding, as a standard deviation
}

// far is the distance between orthogonal vectors in the space of codes: the
// middle, as inner products have a sign.
const far = math.MaxInt32

// query makes a target of a query vector.
func (g *graph) query(w *walker, q []float32) target {
	t := target{vector: q, scale: 1}
	if g.metric == vecindex.Cosine {
		w.unit = append(w.unit[:0], q...)
		g.kern.Normalize(w.unit, q)
		t.vector = w.unit
	}
	if g.coding == nil {
		return t
	}
	w.code = slices.Grow(w.code[:0], g.coding.stride)[:g.coding.stride]
	t.code = w.code
	if g.metric == vecindex.L2 {
		g.coding.EncodeL2(t.code, q)
		return t
	}
	scale := vec.EncodeQuery(t.code, t.vector)
	t.base = g.base(t.code)
	// An element is rounded by up to half a unit: a variance of 1/12, weighed
	// with the square of the element that it is multiplied with. That of a row is
	// about a quarter of the largest of its code.
	const row = 32 * 32
	t.sigma = sqrt32((g.kern.IP(t.vector, t.vector)*scale*scale + row*float32(g.dim)) / 12)
	return t
}

// margin returns how much farther than a row at distance dist by codes one may
// be that is nearer by vectors: four standard deviations of the error.
func (g *graph) margin(t *target, dist uint32) uint64 {
	sigma := t.sigma
	if g.metric == vecindex.L2 {
		// Both sides are rounded, and a difference d with an error e is squared:
		// (d + e)^2 - d^2 is about 2de.
		sigma = sqrt32(float32(dist) * 4 * 2 / 12)
	}
	return uint64(min(4*sigma, math.MaxUint32))
}

func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// base returns the distance that makes up for rows being coded by bytes without
// a sign, 128 too large each.
func (g *graph) base(code []byte) uint32 {
	var out [1]uint32
	g.kern.IPCodeRows(code, 0, g.coding.origin, out[:])
	return far - out[0]
}

// row makes a target of a row; code is room for its codes, used until the
// target is done with.
func (g *graph) row(v *view, row uint32, code *[]byte) target {
	at := int(row) * g.dim
	t := target{vector: v.vectors[at : at+g.dim], scale: 1}
	if g.metric == vecindex.IP {
		t.lift = v.lift[row]
	}
	if g.coding == nil {
		if g.metric == vecindex.Cosine {
			t.scale = v.inv[row]
		}
		return t
	}
	at = int(row) * g.coding.stride
	t.code = v.codes[at : at+g.coding.stride]
	if g.metric != vecindex.L2 {
		*code = slices.Grow((*code)[:0], g.coding.stride)[:g.coding.stride]
		vec.SignCodes(*code, t.code)
		t.code = *code
		t.base = g.base(t.code)
	}
	return t
}

// noPrefetch says to a kernel that all of a row is in the cache.
const noPrefetch = math.MaxInt

// distances sets w.dist[i] to the distance of t and row ids[i]. The first warm
// bytes of what is compared are on their way to the cache.
func (g *graph) distances(v *view, w *walker, t *target, ids []uint32, warm int) {
	out := w.dist[:len(ids)]
	switch {
	case g.coding == nil:
		exact := w.exact[:len(ids)]
		g.exact(v, t, ids, exact, warm)
		if t.lift != 0 {
			for i, id := range ids {
				exact[i] -= t.lift * v.lift[id]
			}
		}
		for i, d := range exact {
			out[i] = uint32(vecindex.Key(d, 0) >> 32)
		}
	case g.metric == vecindex.L2:
		g.kern.L2CodeIDs(t.code, v.codes, ids, out, warm)
	default:
		g.kern.IPCodeIDs(t.code, t.base, v.codes, ids, out, warm)
		if t.lift != 0 {
			for i, id := range ids {
				out[i] -= uint32(min(t.lift*v.lift[id], 1<<30))
			}
		}
	}
}

// exact sets out[i] to the distance (see vecindex.Key) of t's vector and that
// of row ids[i], the one without lift. For a query these are the bits that the
// exact scan computes.
func (g *graph) exact(v *view, t *target, ids []uint32, out []float32, warm int) {
	switch g.metric {
	case vecindex.L2:
		g.kern.L2IDs(t.vector, v.vectors, ids, out, warm)
	case vecindex.IP:
		g.kern.IPIDs(t.vector, v.vectors, ids, out, warm)
		for i, d := range out {
			out[i] = 0 - d
		}
	default:
		g.kern.IPIDs(t.vector, v.vectors, ids, out, warm)
		for i, id := range ids {
			out[i] = 0 - out[i]*v.inv[id]*t.scale
		}
	}
}

// compared returns what the graph's space has of the rows, and the bytes of
// each.
func (g *graph) compared(v *view) ([]byte, int) {
	if g.coding != nil {
		return v.codes, g.coding.stride
	}
	return mem.Bytes(v.vectors), 4 * g.dim
}

// rank returns the keys of the k best of the rows of keys, which are ascending,
// by their exact distance. Those that are too far by codes are not looked at.
func (g *graph) rank(v *view, w *walker, t *target, keys []uint64, k int) []uint64 {
	if g.coding == nil {
		return keys[:k]
	}
	n, bound := k, keys[k-1]>>32+g.margin(t, uint32(keys[k-1]>>32))
	for n < len(keys) && keys[n]>>32 <= bound {
		n++
	}
	keys = keys[:n]
	w.room(len(keys))
	ids, exact := w.ids[:len(keys)], w.exact[:len(keys)]
	for i, key := range keys {
		ids[i] = vecindex.KeyRow(key)
	}
	g.exact(v, t, ids, exact, 0)
	for i, id := range ids {
		keys[i] = vecindex.Key(exact[i], id)
	}
	slices.Sort(keys)
	return keys[:k]
}
