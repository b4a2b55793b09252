//go:build amd64 && !purego && !race

package vec

import "math"

// beamState is that of a walk in assembly, which stops now and then: a kernel cannot be
// preempted.
type beamState struct {
	pool           *uint64
	n, limit       int // keys in the pool, and how many at most
	cur            int // before it all are expanded
	lists          *uint32
	degree, stride int // of a list: numbers, bytes
	visited        *uint64
	rows           int
	codes          *byte
	size, warm     int // bytes of a row, and how many of these are prefetched
	query          *byte
	base           uint32
	dist           *uint32
	log            *uint32 // the rows met
	at, room       int     // where to append, and up to where there is room for a list
	from, pending  int     // those that are to be compared
	held           *uint32 // the list that is to be followed, or nil
	steps          int     // to go
	done           int     // 1 at the end
}

//go:noescape
func beamL2VNNI(s *beamState)

//go:noescape
func beamIPVNNI(s *beamState)

// In a call at most beamBytes are compared, or one list, where a place of the pool counts
// as a byte of each row: to put one into a long pool takes as long as to compare many.
// Hot that takes some hundredths of a millisecond; of pages that are not in memory,
// each of which the whole process may have to wait for, it is not too many.
const (
	beamBytes = 1 << 17
	beamSlack = 16 // numbers that are written at a time
)

func (k Kernels) beam(b *Beam, met []uint32) []uint32 {
	if k.isa != vnni || b.Rows > math.MaxInt32 {
		return k.beamInGo(b, met)
	}
	s := beamState{
		pool: &b.Pool.buf[poolGuard], n: b.Pool.n, limit: b.Pool.limit, cur: 0,
		lists: &b.Lists[0], degree: b.Degree, stride: 4 * b.Degree, visited: &b.Visited[0], rows: b.Rows,
		codes: &b.Codes[0], size: len(b.Query), warm: min(len(b.Query), WarmBytes),
		query: &b.Query[0], base: b.Base, dist: &b.Dist[0], at: len(met), from: len(met), pending: 0, held: nil,
	}
	for s.done == 0 {
		met = grown(met[:s.at], b.Degree+beamSlack)
		s.log, s.room = &met[:cap(met)][0], cap(met)-b.Degree-beamSlack
		s.steps = max(beamBytes/(b.Degree*(len(b.Query)+b.Pool.limit)), 1)
		if b.IP {
			beamIPVNNI(&s)
		} else {
			beamL2VNNI(&s)
		}
	}
	b.Pool.n = s.n
	return met[:s.at]
}
