package vecindex

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/redkite-db/redkite/internal/vec"
)

// blockRows is how many rows one kernel call of a scan takes: one word of Skip.
const blockRows = 64

// Scan is the exact search: it compares a query with rows one after the other
// and keeps the k best. It is what FLAT is made of, what graphs fall back to,
// and what reads the rows that no index covers yet. A Scan is reused from
// query to query, by one goroutine at a time, and then allocates nothing.
type Scan struct {
	Top TopK // the best so far; keys hold row numbers

	kern   vec.Kernels
	metric Metric
	by     vec.Measure
	q      vec.Probe
	scale  float32   // Cosine: what makes q a unit vector, 1 if it is one
	unit   []float32 // backs q for Cosine
	row    []float32 // room for a row
	ids    []uint32  // blockRows
	dist   []float32 // blockRows

	low, high uint64 // keys in [low, high) are kept

	codes *codeRoom // of the first byCodes on
}

// Start begins a search for the k rows nearest to q, which is read until the
// search ends.
func (s *Scan) Start(kern vec.Kernels, m Metric, q vec.Probe, k int) {
	s.kern, s.metric, s.by = kern, m, m.Measure()
	s.low, s.high = 0, math.MaxUint64
	if m.IsMatch() {
		s.high = Key(float32(math.Inf(1)), 0) // the distance of rows that do not match
	}
	s.Top.Reset(k)
	if s.ids == nil {
		s.ids, s.dist = make([]uint32, 0, 2*blockRows), make([]float32, 2*blockRows)
	}
	s.q = q
	if m == Cosine {
		s.q, s.scale, s.unit = UnitProbe(kern, q, s.unit)
	}
}

// UnitProbe returns the query of a search by COSINE, and what inner products with
// it have to be multiplied with to be those of a unit vector. A query of floats is
// made one in room, which is returned, longer if need be.
func UnitProbe(kern vec.Kernels, q vec.Probe, room []float32) (vec.Probe, float32, []float32) {
	if q.Floats() == nil {
		return q, kern.InvNormOfProbe(&q), room
	}
	room = append(room[:0], q.Floats()...)
	kern.Normalize(room, q.Floats())
	return vec.FloatProbe(room), 1, room
}

// Within makes a search that was started keep only rows with keys in [low, high).
func (s *Scan) Within(low, high uint64) { s.low, s.high = low, max(low, min(s.high, high)) }

// room returns how far above s.low a key may be that is of use.
func (s *Scan) room() uint64 { return min(max(s.Top.Bound(), s.low), s.high) - s.low }

// far returns a distance beyond which there is no key of use: to compare with it is
// quicker than to make the key.
func (s *Scan) far() float32 { return KeyDist(min(s.Top.Bound(), s.high)) }

// Rows compares the rows [from, to) of m except those whose bit in skip is set
// (see Query.Skip). For Cosine, invNorms has a factor for each row; nil computes
// them. The error is ctx's.
func (s *Scan) Rows(ctx context.Context, m *vec.Matrix, invNorms []float32, from, to int, skip []uint64) error {
	if to > m.Rows() || !s.q.Fits(m) || !s.metric.Measures(ElementOf(m)) {
		return fmt.Errorf("scan of rows [%d, %d) by %v: %d rows of a %v, dimension %d", from, to, s.metric, m.Rows(), ElementOf(m), m.Dim())
	}
	s.ids = s.ids[:0]
	for r, n := from, 0; r < to; n++ {
		if n%64 == 63 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		end := min(r-r%blockRows+blockRows, to)
		live := liveRows(skip, r, end)
		switch c := bits.OnesCount64(live); {
		case c == 0:
		case 4*c >= 3*(end-r):
			s.block(m, invNorms, r, end, live)
		default:
			for ; live != 0; live &= live - 1 {
				s.ids = append(s.ids, uint32(r+bits.TrailingZeros64(live)))
			}
			if len(s.ids) >= blockRows {
				s.gathered(m, invNorms)
			}
		}
		r = end
	}
	s.gathered(m, invNorms)
	return ctx.Err()
}

// liveRows returns those of the rows [from, to), of one block, that are not in skip:
// bit i is row from+i.
func liveRows(skip []uint64, from, to int) uint64 {
	live := ^uint64(0)
	if w := from / blockRows; w < len(skip) {
		live = ^skip[w]
	}
	return live >> (from % blockRows) << (64 - (to - from)) >> (64 - (to - from))
}

// block compares adjacent rows; bit i of live lets row from+i pass.
func (s *Scan) block(m *vec.Matrix, invNorms []float32, from, to int, live uint64) {
	dist := s.dist[:to-from]
	s.kern.Stream(s.by, &s.q, m, from, dist)
	if s.by == vec.MeasureIP {
		s.similar(m, invNorms, from, nil, dist)
	}
	low, room, far := s.low, s.room(), s.far()
	for i, d := range dist {
		if d > far {
			continue
		}
		if key := Key(d, uint32(from+i)); key-low < room && live>>i&1 != 0 {
			s.Top.Offer(key)
			room, far = s.room(), s.far()
		}
	}
}

// gathered compares the rows of s.ids and empties it.
func (s *Scan) gathered(m *vec.Matrix, invNorms []float32) {
	s.IDs(m, invNorms, s.ids)
	s.ids = s.ids[:0]
}

// IDs compares rows ids of m, which Fits the query; otherwise as Rows.
func (s *Scan) IDs(m *vec.Matrix, invNorms []float32, ids []uint32) {
	for len(ids) > 0 {
		part := ids[:min(len(ids), len(s.dist))]
		ids = ids[len(part):]
		dist := s.dist[:len(part)]
		s.kern.IDs(s.by, &s.q, m, part, dist, 0)
		if s.by == vec.MeasureIP {
			s.similar(m, invNorms, 0, part, dist)
		}
		low, room := s.low, s.room()
		for i, d := range dist {
			if key := Key(d, part[i]); key-low < room {
				s.Top.Offer(key)
				room = s.room()
			}
		}
	}
}

// similar turns inner products into distances: dist[i] is that of row ids[i],
// or of row from+i when ids is nil.
func (s *Scan) similar(m *vec.Matrix, invNorms []float32, from int, ids []uint32, dist []float32) {
	if s.metric == IP {
		for i, d := range dist {
			dist[i] = 0 - d
		}
		return
	}
	if invNorms == nil {
		s.row = slices.Grow(s.row[:0], m.Dim())[:m.Dim()]
	}
	for i, d := range dist {
		row := from + i
		if ids != nil {
			row = int(ids[i])
		}
		if invNorms != nil {
			dist[i] = 0 - d*invNorms[row]*s.scale
		} else {
			dist[i] = 0 - d*s.kern.InvNormOf(m, row, s.row)*s.scale
		}
	}
}

// CheckQuery says what is wrong with the shape of a query on rows of dim
// floats.
func CheckQuery(q *Query, dim int) error { return q.Check(L2, Float32, dim) }
