package diskann

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/pq"
)

// index is a complete index, built in memory or opened from its file. It
// implements vecindex.Index.
//
// Its nodes are the rows that have a vector, numbered in the order in which a
// walk of all lists from the first node meets them: those that most searches
// read come first, and are what a cache holds.
type index struct {
	*env
	shape
	metric vecindex.Metric
	src    vecindex.Source
	nodes  int
	rows   []uint32 // of each node: its row
	quant  pq.Quantizer
	norms  []float32 // L2: see pq.Quantizer.Norms
	codes  []byte    // of each node: quant.M of them
	store  store
	close  func() error
}

func (x *index) Rows() int { return x.src.Rows() }

// Bytes is the memory that is held; the file of an opened index is not.
func (x *index) Bytes() int64 {
	if x.store == nil {
		return 0
	}
	return 4*int64(len(x.rows)+len(x.quant.Book)) + int64(len(x.codes)) + x.store.bytes()
}

// Reads is the number of blocks that searches of an opened index have asked the
// file for.
func (x *index) Reads() int64 {
	if s, ok := x.store.(*stored); ok {
		return s.reads.Load()
	}
	return 0
}

func (x *index) WriteTo(w io.Writer) (int64, error) {
	if s, ok := x.store.(*stored); ok {
		return io.Copy(w, io.NewSectionReader(s.r, 0, s.r.Size()))
	}
	return x.write(w)
}

func (x *index) Close() error {
	closing := x.close
	x.rows, x.codes, x.store, x.close = nil, nil, nil, nil
	if closing == nil {
		return nil
	}
	return closing()
}

// learnt sets what follows from the book.
func (x *index) learnt() {
	if x.metric == vecindex.L2 {
		x.norms = x.quant.Norms()
	}
}

// Search implements vecindex.Index: a walk of the graph, a scan of the codes, or
// one of the vectors, whichever is the cheapest.
func (x *index) Search(ctx context.Context, q *vecindex.Query, out []vecindex.Hit) ([]vecindex.Hit, error) {
	if err := errors.Join(vecindex.CheckQuery(q, x.dim), ctx.Err()); err != nil {
		return out, err
	}
	if q.Range != nil {
		return vecindex.RangeSearch(ctx, x, x.metric, q, out)
	}
	f := vecindex.NewFilter(x.src.Rows(), x.nodes, q)
	if f.Allowed == 0 {
		return out, nil
	}
	w := x.walkers.Get().(*walker)
	defer func() {
		w.query = nil // the caller's
		x.walkers.Put(w)
	}()
	want := min(q.K, f.Allowed)
	s := search{filter: &f, list: q.Params.List, beam: q.Params.Beam, want: want}
	if s.list == 0 {
		s.list = defaultSearchList
	}
	s.list = min(max(s.list, q.K), f.Allowed)
	if s.beam == 0 {
		s.beam = defaultBeam
	}
	s.beam = min(s.beam, maxBeam)
	if !x.scanVectors(&s) {
		found, err := x.approximate(ctx, w, q, &s)
		if err != nil {
			return out, fmt.Errorf("DISKANN: %w", err)
		}
		if found {
			return w.best.Hits(x.metric, out), nil
		}
	}
	w.scan.Start(x.kern, x.metric, vec.FloatProbe(q.Vector), want)
	rows := x.src.Matrix()
	if err := w.scan.Rows(ctx, &rows, nil, 0, f.Limit, q.Skip); err != nil {
		return out, err
	}
	return w.scan.Top.Hits(x.metric, out), nil
}

// search is what one search is to find, and how.
type search struct {
	filter     *vecindex.Filter
	list, beam int
	want       int
}

// approximate finds hits by codes and reports whether they are enough.
func (x *index) approximate(ctx context.Context, w *walker, q *vecindex.Query, s *search) (bool, error) {
	x.ask(w, q.Vector)
	w.best.Reset(s.want)
	done := false
	var err error
	switch {
	case s.filter.All:
		done, err = true, x.walk(ctx, w, s)
	case !x.scanCodes(s, q.Params.ScanFrom):
		done, err = x.walkFiltered(ctx, w, s)
	}
	if err == nil && !done {
		w.best.Reset(s.want)
		err = x.readCodes(ctx, w, s)
	}
	return w.best.Len() >= s.want, err
}

// A walk reads about as many nodes as are in the list, divided by the share of
// the rows that pass, and compares codes of half the neighbours of each. To read
// a node, in the system's memory or not, is taken to cost as much as readCost
// comparisons of codes, and a row is asked whether it passes testsPerCode times
// in that of one.
const (
	readCost     = 256
	testsPerCode = 16
	fewRows      = 16 // times the list: as quickly compared one after the other as walked
)

// scanVectors reports whether comparing all allowed rows by their vectors is
// cheaper than to find candidates.
func (x *index) scanVectors(s *search) bool {
	a := s.filter.Allowed
	if s.want > a/2 {
		return true
	}
	if s.filter.All {
		return a <= fewRows*s.list
	}
	return a <= 2*s.list
}

// scanCodes reports whether to compare all allowed rows by their codes rather
// than to walk: what the client says, from a share of rows left out on, or if it
// is cheaper.
func (x *index) scanCodes(s *search, from float64) bool {
	a := float64(s.filter.Allowed)
	if from > 0 {
		return 1-a/float64(x.nodes) >= from
	}
	walk := float64(s.list) * float64(x.nodes) / a * float64(readCost+x.degree/2)
	return a+float64(x.nodes)/testsPerCode <= walk
}
