package vec

// A walk that does not know how many candidates it will need has a Pool that grows,
// and says behind which one they are of no use.

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

// Trim drops the keys that are behind key, whatever the marks.
func (p *Pool) Trim(key uint64) {
	was := p.n
	for p.n > 0 && p.buf[poolGuard+p.n-1] > key|1 {
		p.n--
	}
	if was == p.limit {
		was = poolEnd(p.limit) - poolGuard // what a full pool lost
	}
	empty(p.buf[poolGuard+p.n : poolGuard+was])
}
