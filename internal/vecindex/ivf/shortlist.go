package ivf

import (
	"math"
	"math/bits"
	"slices"

	"github.com/redkite-db/redkite/internal/vecindex"
)

// shortlist is the rows that are the nearest by codes, in no order. It takes what
// comes below the limit, and brings that up to date when it has many more rows
// than are wanted.
type shortlist struct {
	keys  []uint64
	room  []uint64
	want  int
	limit float32 // rows beyond this distance are of no use
}

func (l *shortlist) reset(want int) {
	l.keys, l.want, l.limit = l.keys[:0], want, float32(math.Inf(1))
}

// pick adds those of rows that near has bits of, by s.dist, to the shortlist.
func (x *index) pick(s *scratch, near uint64, rows []uint32) {
	l := &s.picked
	for ; near != 0; near &= near - 1 {
		i := bits.TrailingZeros64(near)
		l.keys = append(l.keys, vecindex.Key(s.dist[i], rows[i]))
		s.taken++
	}
	if len(l.keys) > 2*l.want+batch {
		x.shorten(l, l.want+l.want/2)
	}
}

// shorten leaves no fewer rows than are wanted, and no more than most.
func (x *index) shorten(l *shortlist, most int) {
	if len(l.keys) <= most || l.want == 0 {
		return
	}
	l.room = room(l.room, len(l.keys))
	l.keys = l.keys[:x.kern.Least(l.keys, l.want, most, l.room)]
	l.limit = vecindex.KeyDist(slices.Max(l.keys))
}

// bound is the distance above which an offer is of no use.
func bound(t *vecindex.TopK) float32 {
	b := t.Bound()
	if b == math.MaxUint64 {
		return float32(math.Inf(1))
	}
	return vecindex.KeyDist(b)
}

// A candidate is farther by its vector than by its code by about as much as those
// that were compared, whose mean and standard deviation are known. One that is
// farther by code than the last hit even if it is nearer by so many deviations is
// not compared.
const settleDeviations = 4

// settleStep is about how many candidates are compared at a time.
const settleStep = 16

// settle compares the candidates by their vectors and leaves the want best of
// them in s.best: all candidates if so many were asked for, else, the nearest by
// codes first, those that may be among the best.
func (x *index) settle(s *scratch, want int, all bool) {
	x.shorten(&s.picked, s.picked.want)
	s.best.Reset(want)
	unit := float32(1)
	if x.metric == vecindex.Cosine {
		unit = 0.5 // codes have the squared distance of unit vectors less 2
	}
	least, beyond := 2*want, math.Inf(1)
	n, sum, squares := 0, 0.0, 0.0
	for left := s.picked.keys; len(left) > 0; least = settleStep {
		part := left[:min(batch, len(left))]
		if !all {
			least = min(least, len(part))
			s.room = room(s.room, len(left))
			part = left[:x.kern.Least(left, least, min(least+least/2, len(part)), s.room)]
		}
		left = left[len(part):]
		ids := s.ids[:0]
		for i, key := range part {
			if d := unit * vecindex.KeyDist(key); !(float64(d) > beyond) {
				part[len(ids)] = part[i]
				ids = append(ids, vecindex.KeyRow(key))
			}
		}
		x.compare(s, ids)
		for i, key := range part[:len(ids)] {
			e := float64(s.dist[i]) - float64(unit*vecindex.KeyDist(key))
			sum, squares = sum+e, squares+e*e
		}
		if all {
			continue
		}
		if len(ids) < len(part) {
			return // those left are farther than any of part
		}
		n += len(part)
		mean := sum / float64(n)
		beyond = float64(bound(&s.best)) - mean + settleDeviations*math.Sqrt(max(squares/float64(n)-mean*mean, 0))
	}
}
