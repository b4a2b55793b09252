package vecindex

import (
	"context"
	"fmt"
	"math"
	"math/bits"

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
	q      []float32
	unit   []float32 // backs q for Cosine
	ids    []uint32  // blockRows
	dist   []float32 // blockRows

	low, high uint64 // keys in [low, high) are kept
}

// Start begins a search for the k rows nearest to q, which is read until the
// search ends.
func (s *Scan) Start(kern vec.Kernels, m Metric, q []float32, k int) {
	s.kern, s.metric = kern, m
	s.low, s.high = 0, math.MaxUint64
	s.Top.Reset(k)
	if s.ids == nil {
		s.ids, s.dist = make([]uint32, 0, 2*blockRows), make([]float32, 2*blockRows)
	}
	s.q = q
	if m == Cosine {
		s.unit = append(s.unit[:0], q...)
		kern.Normalize(s.unit, q)
		s.q = s.unit
	}
}

// Within makes a search that was started keep only rows with keys in [low, high).
func (s *Scan) Within(low, high uint64) { s.low, s.high = low, max(low, high) }

// room returns how far above s.low a key may be that is of use.
func (s *Scan) room() uint64 { return min(max(s.Top.Bound(), s.low), s.high) - s.low }

// Rows compares the rows [from, to) of vectors, row-major from row 0, except
// those whose bit in skip is set (see Query.Skip). For Cosine, invNorms has a
// factor for each row; nil computes them. The error is ctx's.
func (s *Scan) Rows(ctx context.Context, vectors, invNorms []float32, from, to int, skip []uint64) error {
	dim := len(s.q)
	if dim == 0 || to > len(vectors)/dim {
		return fmt.Errorf("scan of rows [%d, %d): %d floats of dimension %d", from, to, len(vectors), dim)
	}
	s.ids = s.ids[:0]
	for r, n := from, 0; r < to; n++ {
		if n%64 == 63 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		end := min(r-r%blockRows+blockRows, to)
		live := ^uint64(0)
		if w := r / blockRows; w < len(skip) {
			live = ^skip[w]
		}
		live = live >> (r % blockRows) << (64 - (end - r)) >> (64 - (end - r)) // bit i is row r+i
		switch c := bits.OnesCount64(live); {
		case c == 0:
		case 4*c >= 3*(end-r):
			s.block(vectors, invNorms, r, end, live)
		default:
			for ; live != 0; live &= live - 1 {
				s.ids = append(s.ids, uint32(r+bits.TrailingZeros64(live)))
			}
			if len(s.ids) >= blockRows {
				s.gathered(vectors, invNorms)
			}
		}
		r = end
	}
	s.gathered(vectors, invNorms)
	return ctx.Err()
}

// block compares adjacent rows; bit i of live lets row from+i pass.
func (s *Scan) block(vectors, invNorms []float32, from, to int, live uint64) {
	dim := len(s.q)
	dist := s.dist[:to-from]
	rows := vectors[from*dim : to*dim]
	if s.metric == L2 {
		s.kern.L2Rows(s.q, rows, dist)
	} else {
		s.kern.IPRows(s.q, rows, dist)
		s.similar(vectors, invNorms, from, nil, dist)
	}
	low, room := s.low, s.room()
	for i, d := range dist {
		if key := Key(d, uint32(from+i)); key-low < room && live>>i&1 != 0 {
			s.Top.Offer(key)
			room = s.room()
		}
	}
}

// gathered compares the rows of s.ids and empties it.
func (s *Scan) gathered(vectors, invNorms []float32) {
	dist := s.dist[:len(s.ids)]
	if s.metric == L2 {
		s.kern.L2IDs(s.q, vectors, s.ids, dist, 0)
	} else {
		s.kern.IPIDs(s.q, vectors, s.ids, dist, 0)
		s.similar(vectors, invNorms, 0, s.ids, dist)
	}
	low, room := s.low, s.room()
	for i, d := range dist {
		if key := Key(d, s.ids[i]); key-low < room {
			s.Top.Offer(key)
			room = s.room()
		}
	}
	s.ids = s.ids[:0]
}

// similar turns inner products into distances: dist[i] is that of row ids[i],
// or of row from+i when ids is nil.
func (s *Scan) similar(vectors, invNorms []float32, from int, ids []uint32, dist []float32) {
	if s.metric == IP {
		for i, d := range dist {
			dist[i] = 0 - d
		}
		return
	}
	dim := len(s.q)
	for i, d := range dist {
		row := from + i
		if ids != nil {
			row = int(ids[i])
		}
		if invNorms != nil {
			dist[i] = 0 - d*invNorms[row]
		} else {
			dist[i] = 0 - d*s.kern.InvNorm(vectors[row*dim:(row+1)*dim])
		}
	}
}

// CheckQuery says what is wrong with the shape of a query on rows of dim
// floats.
func CheckQuery(q *Query, dim int) error {
	switch {
	case len(q.Vector) != dim:
		return fmt.Errorf("vector dimension mismatch, expected vector size(%d), actual(%d)", dim, len(q.Vector))
	case q.K < 1:
		return fmt.Errorf("topk %d is not positive", q.K)
	}
	return nil
}
