package sparse

import (
	"math"
	"math/bits"

	"github.com/redkite-db/redkite/internal/vecindex"
)

// scorer computes exact scores of rows for one query. A score is a sum of
// float32 in the order of the dimensions: an inner product of the products of
// weight and value, BM25 of the products of weight and
//
//	tf*(k1+1) / (tf + (k1*(1-b) + k1*b/avgdl*len))
//
// where tf is the value, none if it is not above 0, and len the sum of those of
// the row. Each operation is rounded to float32; k1*(1-b) and k1*b/avgdl are
// rounded once.
type scorer struct {
	rows   vecindex.SparseRows
	length []float32 // of each row, for BM25; else nil
	factor float32
	base   float32
	slope  float32

	// A hash table of the query's terms, at most a quarter full: a term is the
	// first one from its place on that has its dimension; weight 0 ends the
	// search.
	slots []slot
	shift int
}

type slot struct {
	dim    uint32
	weight float32
}

// set takes the terms of a query, of weights that are not 0.
func (s *scorer) set(dims []uint32, weights []float32) {
	size := bits.Len(uint(4*len(dims) | 15))
	s.shift = 32 - size
	if n := 1 << size; cap(s.slots) < n {
		s.slots = make([]slot, n)
	} else {
		s.slots = s.slots[:n]
		clear(s.slots)
	}
	for i, d := range dims {
		at := place(d, s.shift)
		for s.slots[at].weight != 0 {
			at = (at + 1) % len(s.slots)
		}
		s.slots[at] = slot{d, weights[i]}
	}
}

// place returns where a dimension is looked for first (D. Knuth, The Art of
// Computer Programming 3, 6.4: multiplicative hashing).
func place(dim uint32, shift int) int { return int(dim * 2654435769 >> shift) }

// weight returns the weight of a dimension in the query, 0 if it has none.
func (s *scorer) weight(dim uint32) float32 {
	at := place(dim, s.shift)
	for {
		t := s.slots[at]
		if t.dim == dim || t.weight == 0 {
			return t.weight
		}
		at = (at + 1) & (len(s.slots) - 1)
	}
}

// score returns the score of a row.
func (s *scorer) score(row uint32) float32 {
	from, to := s.rows.Offsets[row], s.rows.Offsets[row+1]
	dims, values := s.rows.Dims[from:to], s.rows.Values[from:to]
	values = values[:len(dims)]
	sum := float32(0)
	if s.length == nil {
		for i, d := range dims {
			if w := s.weight(d); w != 0 {
				sum += float32(w * values[i])
			}
		}
		return sum
	}
	norm := s.base + float32(s.slope*s.length[row])
	for i, d := range dims {
		if w := s.weight(d); w != 0 {
			if tf := values[i]; tf > 0 {
				sum += float32(w * float32(float32(tf*s.factor)/float32(tf+norm)))
			}
		}
	}
	return sum
}

// setRule sets the parameters of BM25.
func (s *scorer) setRule(r rule) {
	s.factor, s.base, s.slope = float32(r.factor), float32(r.base), float32(r.slope)
}

// lengthOf returns the length of a row for BM25.
func lengthOf(values []float32) float32 {
	sum := float32(0)
	for _, v := range values {
		if v > 0 {
			sum += v
		}
	}
	return sum
}

// roundUp returns a float32 of at least v, for a finite v.
func roundUp(v float64) float32 {
	f := float32(v)
	if float64(f) < v {
		f = math.Nextafter32(f, math.MaxFloat32)
	}
	return f
}
