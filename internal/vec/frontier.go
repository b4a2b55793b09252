package vec

// A walk that does not know how many candidates it will need has a Pool that grows,
// and says from what distance on they are of no use.

// Grow makes p keep the limit nearest, if these are more than before.
func (p *Pool) Grow(limit int) {
	if p.limit = max(p.limit, limit); len(p.buf) < poolGuard+p.limit {
		buf := make([]uint64, poolGuard+2*p.limit)
		copy(buf, p.buf[:poolGuard+p.n])
		p.buf = buf
	}
}

// Trim drops the keys of the rows that are farther than bound.
func (p *Pool) Trim(bound uint32) {
	for p.n > 0 && uint32(p.buf[poolGuard+p.n-1]>>32) > bound {
		p.n--
	}
}
