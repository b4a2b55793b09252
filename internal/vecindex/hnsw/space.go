package hnsw

import (
	"bytes"
	"math"
	"slices"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// A graph compares rows in a space: by their vectors, or by codes, which the
// memory delivers several times as fast. In all spaces a distance is a number of
// 32 bits of which the smaller is the nearer; it is the upper half of a key in a
// pool. For the vectors it is that of vecindex.Key, and exact; for codes of
// elements it is a whole number; rank puts exact scores in its place at the end
// of a search.

// target is what distances are measured from: a query or a row.
type target struct {
	probe  vec.Probe
	vector []float32 // in spaces of codes, of a query: its elements
	scale  float32   // COSINE: what makes probe a unit vector, 1 if it is one
	// The inner product is no distance: a row is not the nearest to itself, and a
	// graph by it leads to long vectors alone. Between rows it is therefore that
	// of vectors with one more element, which brings all to one length; a query
	// has 0 there, so that its order of rows is the same (Y. Bachrach et al.,
	// "Speeding up the Xbox recommender system", RecSys 2014, section 3).
	lift float32

	coding coding // whose space distances are in, nil: that of the vectors; the view's, but for queries that its codes cannot stand for
	code   []byte // in spaces of codes of elements: with a sign, except for L2
	base   uint32 // the distance of a row whose product with code is 0; of packed codes by L2, the square of code

	// Of a query in a space of codes: the error of a distance d has the variance
	// 4 * loss * d + variance.
	loss, variance float32
	exact          bool // distances by codes are distances

	tables []float32 // in the space of product codes: pq.TableSize for each byte
}

// query makes a target of a query vector, in a view's space.
func (g *graph) query(v *view, w *walker, q vec.Probe) target {
	t := target{probe: q, scale: 1, coding: v.coding}
	if g.metric == vecindex.Cosine {
		t.probe, t.scale, w.unit = vecindex.UnitProbe(g.kern, q, w.unit)
	}
	if t.vector = t.probe.Floats(); t.vector == nil && v.coding != nil {
		w.unit = slices.Grow(w.unit[:0], g.dim)[:g.dim]
		t.probe.Int8s(w.unit, t.scale)
		t.vector = w.unit
	}
	switch c := v.coding.(type) {
	case nil:
	case *octets:
		g.askOctets(w, &t, c)
	case *packed:
		g.askPacked(w, &t, c)
	case *halves:
		if g.metric == vecindex.L2 {
			t.lossy(c.loss)
		} else {
			t.variance = g.kern.IP(t.vector, t.vector) * c.loss
		}
	case *products:
		g.askProducts(w, &t, c)
	}
	return t
}

// margin returns how much farther than a row at distance dist by codes one may
// be that is nearer by vectors: four standard deviations of the error.
func (g *graph) margin(t *target, dist uint32) uint64 {
	switch t.coding.(type) {
	case nil:
		return 0
	case *halves, *products:
		d := vecindex.KeyDist(uint64(dist) << 32)
		return vecindex.Key(d+4*t.deviation(max(d, 0)), 0)>>32 - uint64(dist)
	default:
		return uint64(min(4*t.deviation(float32(dist)), math.MaxUint32))
	}
}

// lossy says that a query is compared by squared differences of elements, which
// have an error of variance loss.
func (t *target) lossy(loss float32) {
	t.loss, t.variance = loss, float32(len(t.vector))*loss*loss
}

// deviation is the standard deviation of a distance by codes. A difference d with
// an error e is squared: (d + e)^2 - d^2 is about 2de, and e^2 where e is large.
func (t *target) deviation(dist float32) float32 {
	if t.loss == 0 {
		return sqrt32(t.variance)
	}
	return sqrt32(4*dist*t.loss + t.variance)
}

func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// mostClipped is how much of a query codes may lack, in multiples of what they
// lack of rows, before it is compared by vectors.
const mostClipped = 4

// clipped returns how far t, the target of a query by L2, is outside of the range
// of codes c, in which they hold the nearest vector to it: the mean square of what
// they lack of an element, in units of bytes. Distances from that vector have
// another order: to the distance of a row, twice the product of what the query was
// moved by and the row's own difference is missing, which is larger the farther the
// row is from the edge.
func (t *target) clipped(c vec.Coder) float32 {
	code := t.code[:len(t.vector)]
	if bytes.IndexByte(code, 0) < 0 && bytes.IndexByte(code, math.MaxUint8) < 0 {
		return 0 // as of most queries
	}
	sum := float32(0)
	for _, x := range t.vector {
		y := (x - c.Min) * c.Scale
		if d := y - min(max(y, 0), 255); d != 0 {
			sum += d * d
		}
	}
	return sum / float32(len(t.vector))
}

// coded says how well codes c, which lack loss of rows, stand for t, the target of
// a query by L2. What is clipped of it is an error like any other where it is
// little; with more, the query is compared by vectors.
func (t *target) coded(c vec.Coder, loss float32) {
	clip := t.clipped(c)
	if clip > mostClipped*max(loss, rounding) {
		t.coding, clip = nil, 0
	}
	t.lossy(loss + rounding + clip)
}

// place is room for what a target of a row refers to.
type place struct {
	code   []byte
	floats []float32
}

// row makes a target of a row of a graph that is being built, by vectors or by
// bytes; at is used until the target is done with.
func (g *graph) row(v *view, row uint32, at *place) target {
	t := target{scale: 1, coding: v.coding}
	if g.metric == vecindex.IP {
		t.lift = v.lift[row]
	}
	if c, ok := v.coding.(*octets); ok {
		t.lift = t.lift * c.Scale * c.Scale // the product of two rows by codes is so many times as large
		g.rowOctets(v, row, &t, c, &at.code)
		return t
	}
	if g.elem != vecindex.Float32 {
		at.floats = slices.Grow(at.floats[:0], g.dim)[:g.dim]
	}
	t.probe = v.matrix.Probe(int(row), at.floats)
	if g.metric == vecindex.Cosine {
		t.scale = v.inv[row]
	}
	return t
}

// compared returns what t's space has of the rows, and the bytes of each. (The
// coding asked is the view's: a call by way of t would have all that a search
// refers to allocated.)
func (g *graph) compared(v *view, t *target) ([]byte, int) {
	if t.coding == nil {
		return v.matrix.Bytes(), v.matrix.RowSize()
	}
	return v.codes, v.coding.stride()
}

// noPrefetch says to a kernel that all of a row is in the cache.
const noPrefetch = math.MaxInt

// distances sets w.dist[i] to the distance of t and row ids[i]. The first warm
// bytes of what is compared are on their way to the cache. Bytes, by which graphs
// are built, have no other space's frame around them.
func (g *graph) distances(v *view, w *walker, t *target, ids []uint32, warm int) {
	out := w.dist[:len(ids)]
	switch _, ok := t.coding.(*octets); {
	case !ok:
		g.compare(v, w, t, ids, out, warm)
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

// compare is distances in the spaces other than that of bytes.
func (g *graph) compare(v *view, w *walker, t *target, ids, out []uint32, warm int) {
	room := w.exact[:len(ids)]
	switch c := t.coding.(type) {
	case *packed:
		if g.metric != vecindex.IP {
			g.kern.L2PackedIDs(c.Packing, t.code, t.base, v.codes, ids, out, warm)
			return
		}
		g.kern.IPPackedIDs(c.Packing, t.code, t.base, v.codes, ids, out, warm)
	case *halves:
		g.compareHalves(v.codes, t, c, ids, out, room, warm)
	case *products:
		g.compareProducts(v.codes, t, c, ids, out, room)
	default:
		g.exact(v, t, ids, room, warm)
		if t.lift != 0 {
			for i, id := range ids {
				room[i] -= t.lift * v.lift[id]
			}
		}
		for i, d := range room {
			out[i] = uint32(vecindex.Key(d, 0) >> 32)
		}
	}
}

// exact sets out[i] to the distance (see vecindex.Key) of t's vector and that
// of row ids[i], the one without lift. For a query these are the bits that the
// exact scan computes.
func (g *graph) exact(v *view, t *target, ids []uint32, out []float32, warm int) {
	g.kern.IDs(g.metric.Measure(), &t.probe, &v.matrix, ids, out, warm)
	switch g.metric {
	case vecindex.IP:
		for i, d := range out {
			out[i] = 0 - d
		}
	case vecindex.Cosine:
		for i, id := range ids {
			out[i] = 0 - out[i]*v.inv[id]*t.scale
		}
	}
}

// best returns the keys of the k best of the rows of keys, which are ascending,
// by their exact distance, of the first candidates; of so many as rank chooses
// if candidates is 0.
func (g *graph) best(v *view, w *walker, t *target, keys []uint64, k, candidates int) []uint64 {
	if candidates == 0 || t.coding == nil || t.exact {
		return g.rank(v, w, t, keys, k)
	}
	return g.refine(v, w, t, keys[:min(max(k, candidates), len(keys))], k)
}

// rank returns the keys of the k best of the rows of keys, which are ascending,
// by their exact distance. Those that are too far by codes are not looked at.
func (g *graph) rank(v *view, w *walker, t *target, keys []uint64, k int) []uint64 {
	if t.coding == nil {
		return keys[:k]
	}
	if t.exact {
		for i, key := range keys[:k] {
			keys[i] = exactKey(key)
		}
		return keys[:k]
	}
	n, bound := k, keys[k-1]>>32+g.margin(t, uint32(keys[k-1]>>32))
	for n < len(keys) && keys[n]>>32 <= bound {
		n++
	}
	return g.refine(v, w, t, keys[:n], k)
}

// refine returns the keys of the k best of the rows of keys by their exact
// distance.
func (g *graph) refine(v *view, w *walker, t *target, keys []uint64, k int) []uint64 {
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
