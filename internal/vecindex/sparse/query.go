package sparse

import (
	"fmt"
	"math"
	"slices"

	"github.com/redkite-db/redkite/internal/vecindex"
)

// checkQuery says what is wrong with a query.
func checkQuery(q *vecindex.Query) error {
	v := q.Sparse
	switch {
	case q.K < 1:
		return fmt.Errorf("topk %d is not positive", q.K)
	case len(v.Dims) != len(v.Values):
		return fmt.Errorf("sparse vector of %d dimensions and %d values", len(v.Dims), len(v.Values))
	}
	for i, d := range v.Dims {
		if w := float64(v.Values[i]); math.IsNaN(w) || math.IsInf(w, 0) {
			return fmt.Errorf("sparse vector: value %v of dimension %d", w, d)
		}
		if i > 0 && d <= v.Dims[i-1] {
			return fmt.Errorf("sparse vector: dimension %d after %d", d, v.Dims[i-1])
		}
	}
	return nil
}

// rule returns the rule of BM25 that a search asks for.
func (x *index) rule(p *vecindex.BM25Params) (rule, error) {
	if x.metric != vecindex.BM25 {
		return rule{}, nil
	}
	if p.AvgDL == 0 {
		return rule{}, vecindex.ParamError("BM25 parameter avgdl must be set when searching")
	}
	k1, b := x.k1, x.b
	if p.K1 != nil {
		k1 = *p.K1
	}
	if p.B != nil {
		b = *p.B
	}
	if (k1 != x.k1 || b != x.b) && !x.free {
		return rule{}, vecindex.ParamError("BM25 parameters k1 and b in search config must be same as built index")
	}
	return newRule(k1, b, max(p.AvgDL, 1)), nil
}

// terms sets dims and weights to those of the query that count: not of weight
// 0, and not dropped. The share of the ratio with the smallest weights is
// dropped, but no term whose weight is as large as that of one that stays.
func (s *scratch) terms(q *vecindex.Query) {
	v := q.Sparse
	least := float32(0)
	if n := int(q.Params.Sparse.DropRatio * float64(len(v.Values))); n > 0 {
		s.sizes = s.sizes[:0]
		for _, w := range v.Values {
			s.sizes = append(s.sizes, abs(w))
		}
		slices.Sort(s.sizes)
		least = s.sizes[n]
	}
	s.dims, s.weights = s.dims[:0], s.weights[:0]
	for i, w := range v.Values {
		if w != 0 && abs(w) >= least {
			s.dims, s.weights = append(s.dims, v.Dims[i]), append(s.weights, w)
		}
	}
}

func abs(w float32) float32 { return float32(math.Abs(float64(w))) }
