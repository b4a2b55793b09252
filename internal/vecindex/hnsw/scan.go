package hnsw

import (
	"context"
	"math"

	"github.com/redkite-db/redkite/internal/vecindex"
)

// A scan by codes collects the rows that may be among the nearest, by a bound that
// falls as the scan goes on: the distance of the last row that is wanted so far,
// and the margin. It is made for up to scanWant rows: to keep more in order takes
// longer than to compare vectors.
const (
	scanWant  = 1024
	scanFew   = 96   // up to so many rows are compared by vectors in any case
	scanFirst = 32   // rows before there is a bound at all
	scanBlock = 512  // rows a kernel call, at most
	scanRoom  = 2048 // rows that are collected before they are looked through
	sparse    = 8    // where one row in so many passes, or fewer, hardly two lie side by side
)

// scan compares all rows that pass: by codes of a byte an element, if there are
// such, and by vectors those of them that may be among the nearest.
func (s *sieve) scan(ctx context.Context) ([]uint64, error) {
	if s.want > scanWant || s.f.Allowed <= scanFew {
		return s.scanExactly(ctx)
	}
	s.ask()
	if _, ok := s.t.coding.(*octets); !ok {
		return s.scanExactly(ctx)
	}
	c := collector{s: s, bound: math.MaxUint32}
	w := s.w
	w.room(scanBlock)
	w.hold(scanRoom + scanBlock)
	w.pool.Reset(s.want)
	w.best.Reset(s.want)
	for at := 0; at < s.f.Limit; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var ids []uint32
		ids, at = s.f.Rows(s.g.kern, w.ids[:0:scanBlock], at)
		s.g.distances(s.v, w, &s.t, ids, 0)
		c.collect(ids, w.dist[:len(ids)])
	}
	keys := c.rank()
	if len(keys) < s.want {
		return s.scanExactly(ctx) // the filter's count is wrong
	}
	return keys, nil
}

// collector is what a scan has found: w.pool has the nearest rows by codes, w.heldIDs
// and w.heldDist those that may be among the nearest by vectors, w.best the nearest
// by vectors of those that there was no room for.
type collector struct {
	s     *sieve
	n     int    // rows held
	seen  int    // rows compared
	bound uint32 // what a row's distance may be
}

// collect takes the rows of a block that are within the bound. Of the first rows
// it takes few at a time, as the bound falls fast.
func (c *collector) collect(ids, dist []uint32) {
	s, w := c.s, c.s.w
	for len(ids) > 0 {
		part := min(len(ids), max(c.seen, scanFirst))
		n := s.g.kern.AtMost(ids[:part], dist[:part], c.bound, w.heldIDs[c.n:], w.heldDist[c.n:])
		if n > 0 {
			s.g.kern.Offer(&w.pool, w.heldIDs[c.n:c.n+n], w.heldDist[c.n:], nil, 0)
			c.tighten()
		}
		c.n += n
		c.seen += part
		ids, dist = ids[part:], dist[part:]
		if c.n > scanRoom {
			c.makeRoom()
		}
	}
}

// tighten lowers the bound to what the pool says.
func (c *collector) tighten() {
	keys := c.s.w.pool.Keys()
	if len(keys) < c.s.want {
		return
	}
	last := uint32(keys[len(keys)-1] >> 32)
	c.bound = uint32(min(uint64(last)+c.s.g.margin(&c.s.t, last), math.MaxUint32))
}

// sift lets go of the rows held that are not within the bound any more.
func (c *collector) sift() {
	w := c.s.w
	c.n = c.s.g.kern.AtMost(w.heldIDs[:c.n], w.heldDist[:c.n], c.bound, w.heldIDs, w.heldDist)
}

// makeRoom lets go of what it can, and of all rows held, into w.best, where codes
// do not tell enough of them apart.
func (c *collector) makeRoom() {
	if c.sift(); c.n > scanRoom/2 {
		c.compare()
	}
}

// compare moves the rows held to w.best.
func (c *collector) compare() {
	s, w := c.s, c.s.w
	for at := 0; at < c.n; at += scanBlock {
		ids := w.heldIDs[at:min(at+scanBlock, c.n)]
		exact := w.exact[:len(ids)]
		s.g.exact(s.v, &s.t, ids, exact, 0)
		bound := w.best.Bound()
		for i, id := range ids {
			if key := vecindex.Key(exact[i], id); key < bound {
				w.best.Offer(key)
				bound = w.best.Bound()
			}
		}
	}
	c.n = 0
}

// rank returns the keys of the nearest rows by vectors, ascending.
func (c *collector) rank() []uint64 {
	c.sift()
	c.compare()
	return c.s.w.best.Keys()
}

// scanExactly compares all rows that pass by their vectors: few of them one by one,
// many as they lie.
func (s *sieve) scanExactly(ctx context.Context) ([]uint64, error) {
	w, scan := s.w, &s.w.scan
	scan.Start(s.g.kern, s.g.metric, s.q.Probe(s.g.elem), s.want)
	if s.f.Allowed > s.f.Limit/sparse {
		if err := scan.Rows(ctx, &s.v.matrix, s.v.inv, 0, s.f.Limit, s.q.Skip); err != nil {
			return nil, err
		}
		return scan.Top.Keys(), nil
	}
	w.room(scanBlock)
	for at := 0; at < s.f.Limit; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var ids []uint32
		ids, at = s.f.Rows(s.g.kern, w.ids[:0:scanBlock], at)
		scan.IDs(&s.v.matrix, s.v.inv, ids)
	}
	return scan.Top.Keys(), nil
}

// hold makes room for n rows that a scan collects.
func (w *walker) hold(n int) {
	if len(w.heldIDs) < n {
		w.heldIDs, w.heldDist = make([]uint32, n), make([]uint32, n)
	}
}
