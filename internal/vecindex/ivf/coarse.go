package ivf

import (
	"math"
	"slices"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// To compare a query with the centers of many lists takes as long as to read the
// lists. So it is compared with codes of these, of one byte an element, which are
// a quarter of the memory; by vectors it is compared with the nearest ones, of
// which there are a few more than lists to be read.
const (
	leastCoded  = 64      // lists, from which on there are codes
	coderSample = 1 << 16 // elements, of rows, that bounds are made of
)

// codeCenters makes the codes of the centers, unless they would not serve.
func (b *builder) codeCenters() (err error) {
	if b.lists < leastCoded || b.dim > vec.MaxCodeDim {
		return nil
	}
	// What is beyond the bounds is clipped, so that they are those of rows, as
	// queries are like these.
	sample := append([]float32(nil), b.sampled[:min(len(b.sampled), coderSample/b.dim*b.dim+b.dim)]...)
	c, ok := vecindex.TrainCoder(b.metric, append(sample, b.centers...))
	if !ok || c.Scale > math.MaxFloat32/c.Scale { // reach squares it
		return nil
	}
	encode := c.EncodeIP
	if b.metric == vecindex.L2 {
		encode = c.EncodeL2
	}
	b.coarseCoder = c // is zero without codes
	stride := vec.CodeStride(b.dim)
	if b.coarse, err = mem.Alloc[byte](&b.slabs, b.o.Budget, b.lists*stride); err != nil {
		return err
	}
	for i := range b.lists {
		encode(b.coarse[i*stride:(i+1)*stride], b.center(i))
	}
	return nil
}

// Of two lists whose centers are as far from a query, the one whose rows are
// farther from the center has more that are near to the query. Those that count
// lie in the direction of the query, not by chance as in many dimensions any row
// lies at a right angle to it: a row at the distance of the spread r counts as if
// the cosine of the angle, at the center, between it and the query were the
// constant. So lists are in the order of
//
//	|q - c|² + r² - 2 * toQueryL2 * |q - c| * r
//	-<q, c> - toQueryIP * |q| * r
//
// The centers of COSINE are unit vectors, on which spreads do not tell more.
const (
	toQueryL2 = 0.5
	toQueryIP = 0.35
)

// reach returns what turns distances to centers into the order of lists, if a
// unit of them is unit of the codes. Of L2 unit is that of distances, not of
// their squares.
func (x *index) reach(s *scratch, unit float32) vec.Reach {
	switch x.metric {
	case vecindex.L2:
		return vec.Reach{Square: unit * unit, Root: -2 * toQueryL2 * unit}
	case vecindex.IP:
		return vec.Reach{Flat: -toQueryIP * s.length * unit}
	}
	return vec.Reach{}
}

// choose sets s.lists to the n lists to read for a query, the first of them in
// their order; Score is the distance of query and center.
func (x *index) choose(s *scratch, n int) {
	more := n + n/8 + 4
	if len(x.coarse) == 0 || 4*more > x.lists {
		x.distances(s)
		x.first(s, nil, n)
		return
	}
	unit, ok := x.codeQuery(s)
	if !ok {
		x.distances(s)
		x.first(s, nil, n)
		return
	}
	r := x.reach(s, unit)
	s.keys, s.room = room(s.keys, x.lists), room(s.room, x.lists)
	x.kern.ListKeys(&r, s.far, x.spread, s.keys)
	x.kern.Least(s.keys, more, more, s.room)
	s.near = s.near[:0]
	for _, key := range s.keys[:more] {
		s.near = append(s.near, uint32(key))
	}
	s.coarse = room(s.coarse, more)
	if x.metric == vecindex.L2 {
		x.kern.L2IDs(s.query, x.centers, s.near, s.coarse, 0)
	} else {
		x.kern.IPIDs(s.query, x.centers, s.near, s.coarse, 0)
		negate(s.coarse)
	}
	x.first(s, s.near, n)
}

// ordered is how many lists, the first ones, are read in their order: with the
// candidates of these, few rows of others are any.
const ordered = 16

// first sets s.lists to the n of these lists, all if that is nil, that are the
// first in their order; s.coarse has the distances to their centers.
func (x *index) first(s *scratch, lists []uint32, n int) {
	r := x.reach(s, 1)
	s.keys = s.keys[:0]
	for i, d := range s.coarse {
		list := i
		if lists != nil {
			list = int(lists[i])
		}
		s.keys = append(s.keys, vecindex.Key(r.Of(d, x.spread[list]), uint32(i)))
	}
	if n < len(s.keys) {
		s.room = room(s.room, len(s.keys))
		x.kern.Least(s.keys, n, n, s.room)
		front := min(n, ordered)
		x.kern.Least(s.keys[:n], front, front, s.room)
		slices.Sort(s.keys[:front])
	} else {
		slices.Sort(s.keys)
	}
	s.lists = s.lists[:0]
	for _, key := range s.keys[:n] {
		i := vecindex.KeyRow(key)
		list := i
		if lists != nil {
			list = lists[i]
		}
		s.lists = append(s.lists, vecindex.Hit{Row: list, Score: s.coarse[i]})
	}
}

// codeQuery sets s.far to the distances to the centers by codes, numbers with a
// sign, and returns what is a unit of distances there, of L2 before they are
// squared. It reports false if the query lies beyond what codes can tell.
func (x *index) codeQuery(s *scratch) (unit float32, ok bool) {
	stride := vec.CodeStride(x.src.Dim())
	if cap(s.code) < stride || cap(s.far) < x.lists {
		s.code, s.far = make([]byte, stride), make([]uint32, x.lists)
	}
	s.code, s.far = s.code[:stride], s.far[:x.lists]
	if x.metric != vecindex.L2 {
		scale := vec.EncodeQuery(s.code, s.query)
		x.kern.IPCodeRows(s.code, 0, x.coarse, s.far)
		return scale * x.coarseCoder.Scale, true
	}
	c := x.coarseCoder
	low, high := c.Min-0.5/c.Scale, c.Min+255.5/c.Scale
	for _, v := range s.query {
		if v < low || v > high {
			return 0, false
		}
	}
	c.EncodeL2(s.code, s.query)
	x.kern.L2CodeRows(s.code, x.coarse, s.far)
	return c.Scale, true
}

// chooseAll sets s.lists to all lists, those of its beginning that were read
// where they are, the others in their order.
func (x *index) chooseAll(s *scratch, read int) {
	s.before = append(s.before[:0], s.lists[:read]...)
	s.listed = append(s.listed[:0], make([]uint64, (x.lists+63)/64)...)
	for _, l := range s.before {
		s.listed[l.Row/64] |= 1 << (l.Row % 64)
	}
	x.distances(s)
	x.first(s, nil, x.lists)
	for _, l := range s.lists {
		if s.listed[l.Row/64]>>(l.Row%64)&1 == 0 {
			s.before = append(s.before, l)
		}
	}
	s.lists, s.before = s.before, s.lists
}
