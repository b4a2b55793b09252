package segment

import (
	"context"
	"fmt"
	"sync"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// SearchRequest asks for the rows nearest to each of NQ vectors.
type SearchRequest struct {
	Field   base.ID
	Metric  vecindex.Metric
	Vectors []float32 // NQ x dimension, row-major
	NQ, K   int
	Params  map[string]any // what the index's CheckSearch reads; an exact scan needs none
	Plan    *expr.Plan     // nil: no filter. Evaluated once for all vectors
	Range   *vecindex.Range
}

// Search returns for each vector the K best visible rows that match and have a
// vector, best first, fewer if there are fewer; with a Range, of those within
// it. An index of the field that has the metric is used; without one all rows
// are compared. The error is of type vecindex.ParamError for parameters that the
// index refuses.
func (r *Reader) Search(ctx context.Context, q *SearchRequest) ([][]vecindex.Hit, error) {
	out := make([][]vecindex.Hit, q.NQ)
	vectors, query, err := r.query(ctx, q)
	if err != nil || vectors == nil {
		return out, err
	}
	k := q.K
	if q.Range != nil {
		k = 1 // of a range there may be fewer hits than K, and no candidates for K
	}
	find, err := r.searcher(q, vectors, query, k)
	if err != nil {
		return nil, err
	}
	defer find.close()
	return out, find.all(ctx, q, query, out)
}

// query returns what a request asks of an index, without a vector, and the
// column to search; nil if no row can be found.
func (r *Reader) query(ctx context.Context, q *SearchRequest) (*column.Column, *vecindex.Query, error) {
	vectors, err := r.stored(q.Field)
	if err != nil || vectors == nil || r.rows == 0 {
		return nil, nil, err
	}
	if vectors.Type != schema.FloatVector || q.NQ < 1 || len(q.Vectors) != q.NQ*vectors.Dim {
		return nil, nil, fmt.Errorf("search of field %d: %d floats for %d vectors of dimension %d (%v)",
			q.Field, len(q.Vectors), q.NQ, vectors.Dim, vectors.Type)
	}
	query := &vecindex.Query{K: q.K, Allowed: -1, Limit: r.rows, Range: q.Range}
	if q.Plan == nil || q.Plan.AlwaysTrue() {
		query.Skip = orNot(r.hidden(), vectors.Valid, r.rows)
		return vectors, query, nil
	}
	keep, n, _, err := r.visible(ctx, q.Plan)
	if err != nil || n == 0 {
		return nil, nil, err
	}
	keep.Not()
	query.Skip, query.Allowed = keep.Words(), n
	if !vectors.Valid.IsZero() {
		query.Skip, query.Allowed = orNot(query.Skip, vectors.Valid, r.rows), -1
	}
	return vectors, query, nil
}

// orNot adds the first rows that are not in valid (zero: all are) to a set of
// rows to skip; it does not change skip.
func orNot(skip []uint64, valid column.Bitset, rows int) []uint64 {
	if valid.IsZero() {
		return skip
	}
	out := make([]uint64, (rows+63)/64)
	copy(out, skip)
	for i, w := range valid.Words()[:len(out)] {
		out[i] |= ^w
	}
	return out
}

// searcher answers the searches of one request.
type searcher struct {
	r       *Reader
	metric  vecindex.Metric
	vectors []float32 // of the view's rows, row-major
	dim     int
	a       *attached // the field's index with a reference; nil: every row is compared
	indexed int       // rows of the view that the index has
}

// searcher returns what answers a request: the field's index if it has the
// metric, whose parameters for k hits it puts into the query, else a scan.
func (r *Reader) searcher(q *SearchRequest, vectors *column.Column, query *vecindex.Query, k int) (*searcher, error) {
	s := &searcher{r: r, metric: q.Metric, vectors: vectors.Floats[:r.rows*vectors.Dim], dim: vectors.Dim}
	a := r.index(q.Field)
	if a == nil {
		return s, nil
	}
	if a.metric != q.Metric {
		a.drop()
		return s, nil
	}
	params, err := a.kind.CheckSearch(q.Params, k)
	if err != nil {
		a.drop()
		return nil, err
	}
	s.a, query.Params = a, params
	if s.indexed = min(a.index.Rows(), r.rows); s.indexed < r.rows {
		query.Limit, query.Allowed = s.indexed, -1
	}
	return s, nil
}

func (s *searcher) close() {
	if s.a != nil {
		s.a.drop()
	}
}

// all answers every vector of a request. Through an index several are answered
// at a time, as many as the engine has threads; a scan uses these itself.
func (s *searcher) all(ctx context.Context, q *SearchRequest, query *vecindex.Query, out [][]vecindex.Hit) error {
	one := func(query vecindex.Query, i int) (err error) {
		if i > 0 { // stored did it for the first
			s.r.engine.reading()
		}
		query.Vector = q.Vectors[i*s.dim : (i+1)*s.dim]
		out[i], err = s.one(ctx, &query)
		return err
	}
	workers := 1
	if s.a != nil {
		workers = min(s.r.engine.threads, len(out))
	}
	if workers == 1 {
		for i := range out {
			if err := one(*query, i); err != nil {
				return err
			}
		}
		return nil
	}
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(out) && errs[w] == nil; i += workers {
				errs[w] = one(*query, i)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// one answers one vector.
func (s *searcher) one(ctx context.Context, query *vecindex.Query) ([]vecindex.Hit, error) {
	e := s.r.engine
	switch {
	case s.a == nil || s.indexed == 0:
		query.Limit = s.r.rows
		x, err := e.flat.Build(ctx, vecindex.Vectors{Data: s.vectors, Dimension: s.dim}, s.metric, nil, vecindex.BuildOptions{Threads: 1})
		if err != nil {
			return nil, err
		}
		return x.Search(ctx, query, nil) // a scan has nothing to close
	case s.indexed == s.r.rows:
		return s.a.index.Search(ctx, query, nil)
	}
	// The rows that the index does not have yet are compared.
	hits, err := s.a.index.Search(ctx, query, nil)
	if err != nil {
		return nil, err
	}
	scan := e.scans.Get().(*vecindex.Scan)
	defer e.scans.Put(scan)
	scan.Start(e.kernels, s.metric, vec.FloatProbe(query.Vector), min(query.K, s.r.rows))
	if query.Range != nil {
		scan.Within(query.Range.Keys())
	}
	for _, h := range hits {
		scan.Top.Offer(vecindex.Key(s.metric.Distance(h.Score), h.Row))
	}
	rows := vec.Floats(s.dim, s.vectors)
	if err := scan.Rows(ctx, &rows, nil, s.indexed, s.r.rows, query.Skip); err != nil {
		return nil, err
	}
	return scan.Top.Hits(s.metric, hits[:0]), nil
}
