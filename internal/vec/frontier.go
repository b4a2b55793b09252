package vec

import "math"

// A walk that does not know how many candidates it will need has a Pool that grows,
// and says from what distance on they are of no use.

// Grow makes p keep the limit nearest, if these are more than before.
func (p *Pool) Grow(limit int) {
	if limit <= p.limit {
		return
	}
	// Behind the old limit there may be what a full pool lost.
	kept, end := poolGuard+p.limit, poolEnd(limit)
	p.limit = limit
	if len(p.buf) < end {
		buf := newPoolPlaces(poolEnd(2 * limit))
		copy(buf, p.buf[:kept])
		p.buf = buf
	}
	empty(p.buf[kept:end])
}

// Trim drops the keys of the rows that are farther than bound.
func (p *Pool) Trim(bound uint32) {
	for p.n > 0 && uint32(p.buf[poolGuard+p.n-1]>>32) > bound {
		p.n--
		p.buf[poolGuard+p.n] = math.MaxUint64
	}
}
