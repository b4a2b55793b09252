package ivf

import (
	"math"

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
	if !ok {
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

// choose sets s.lists to the n lists whose centers are nearest to the query, the
// nearest first; Score is the distance.
func (x *index) choose(s *scratch, n int) {
	more := n + n/8 + 4
	if len(x.coarse) == 0 || 4*more > x.lists || !x.codeQuery(s) {
		x.distances(s)
		s.nearest(n)
		return
	}
	s.order.Reset(more)
	limit := uint32(math.MaxUint32)
	for i, d := range s.far {
		if d > limit {
			continue
		}
		s.order.Offer(uint64(d)<<32 | uint64(i))
		limit = uint32(s.order.Bound() >> 32)
	}
	s.near = s.near[:0]
	for _, key := range s.order.Keys() {
		s.near = append(s.near, uint32(key))
	}
	dist := room(s.coarse, len(s.near))
	s.coarse = dist
	if x.metric == vecindex.L2 {
		x.kern.L2IDs(s.query, x.centers, s.near, dist, 0)
	} else {
		x.kern.IPIDs(s.query, x.centers, s.near, dist, 0)
	}
	s.order.Reset(n)
	for i, d := range dist {
		if x.metric != vecindex.L2 {
			d = 0 - d
		}
		s.order.Offer(vecindex.Key(d, s.near[i]))
	}
	s.lists = s.order.Hits(vecindex.L2, s.lists[:0])
}

// codeQuery sets s.far to numbers that order the lists as their distances do. It
// reports false if the query lies beyond what codes can tell.
func (x *index) codeQuery(s *scratch) bool {
	stride := vec.CodeStride(x.src.Dim())
	if cap(s.code) < stride || cap(s.far) < x.lists {
		s.code, s.far = make([]byte, stride), make([]uint32, x.lists)
	}
	s.code, s.far = s.code[:stride], s.far[:x.lists]
	if x.metric != vecindex.L2 {
		vec.EncodeQuery(s.code, s.query)
		x.kern.IPCodeRows(s.code, 1<<31, x.coarse, s.far)
		return true
	}
	c := x.coarseCoder
	low, high := c.Min-0.5/c.Scale, c.Min+255.5/c.Scale
	for _, v := range s.query {
		if v < low || v > high {
			return false
		}
	}
	c.EncodeL2(s.code, s.query)
	x.kern.L2CodeRows(s.code, x.coarse, s.far)
	return true
}

// chooseAll sets s.lists to all lists, those of its beginning that were read
// where they are, the others by distance.
func (x *index) chooseAll(s *scratch, read int) {
	s.before = append(s.before[:0], s.lists[:read]...)
	s.listed = append(s.listed[:0], make([]uint64, (x.lists+63)/64)...)
	for _, l := range s.before {
		s.listed[l.Row/64] |= 1 << (l.Row % 64)
	}
	x.distances(s)
	s.nearest(x.lists)
	for _, l := range s.lists {
		if s.listed[l.Row/64]>>(l.Row%64)&1 == 0 {
			s.before = append(s.before, l)
		}
	}
	s.lists, s.before = s.before, s.lists
}
