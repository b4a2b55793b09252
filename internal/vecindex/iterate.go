package vecindex

import (
	"context"
	"math"
	"slices"
)

// Iterator gives the rows that a query lets pass, a batch at a time. It reads
// what the query refers to, and the rows of its index, until Close. One
// goroutine at a time uses it.
type Iterator interface {
	// Next appends the next hits to out and returns it: n of them, fewer only at
	// the end, none from then on. Over the iterator's life every allowed row comes
	// exactly once, with the score of the exact scan; a Range may end it earlier.
	// An exact kind gives them in order; an approximate one gives the nearest
	// first as far as it knows, so that a hit may come late, in the order of its
	// batch. The error is ctx's; after one only Close may be called.
	Next(ctx context.Context, n int, out []Hit) ([]Hit, error)
	// Bytes is the memory that the iterator holds now.
	Bytes() int64
	// Close gives the memory back.
	Close()
}

// FewRows are so few that an iterator compares all of them, whatever the kind,
// which is exact: it takes a millisecond or two.
const FewRows = 1 << 13

// Range leaves out hits by their distance (see Metric.Distance): Low <= d < High
// stays. A High of infinity leaves out nothing.
type Range struct{ Low, High float32 }

// Everything is the range of all distances.
func Everything() Range {
	return Range{Low: float32(math.Inf(-1)), High: float32(math.Inf(1))}
}

// Keys returns the range as keys: low <= Key(d, row) < high.
func (r *Range) Keys() (low, high uint64) {
	low, high = Key(r.Low, 0), Key(r.High, 0)
	if math.IsInf(float64(r.High), 1) {
		high = math.MaxUint64
	}
	return low, max(low, high)
}

// patience is for how many hits in a row beyond a radius an approximate
// iterator goes on looking for hits within it, of those it has seen at least
// one in patienceShare.
const (
	patience      = 32
	patienceShare = 100
)

// Within bounds an approximate iterator by the query's range, if it has one.
// It ends when the hits have been beyond for long enough.
func Within(it Iterator, m Metric, r *Range) Iterator {
	if r == nil {
		return it
	}
	w := &within{Iterator: it, metric: m}
	w.low, w.high = r.Keys()
	return w
}

type within struct {
	Iterator
	metric       Metric
	low, high    uint64
	seen, beyond int
	done         bool
	step         int
	hits         []Hit
}

// smallStep is the number of hits that a range is looked for in at first: the
// request may ask for many more than there are.
const smallStep = 32

func (w *within) Next(ctx context.Context, n int, out []Hit) ([]Hit, error) {
	start := len(out)
	for len(out)-start < n && !w.done {
		w.step = max(smallStep, w.step)
		want := min(w.step, n-(len(out)-start))
		w.step *= 2
		var err error
		if w.hits, err = w.Iterator.Next(ctx, want, w.hits[:0]); err != nil {
			return out[:start], err
		}
		w.done = len(w.hits) < want
		for i, h := range w.hits {
			w.seen++
			switch key := Key(w.metric.Distance(h.Score), h.Row); {
			case key < w.high:
				w.beyond = 0
				if key >= w.low {
					out = append(out, w.hits[i])
				}
			default:
				w.beyond++
				w.done = w.done || w.beyond > max(patience, w.seen/patienceShare)
			}
		}
	}
	return out, nil
}

func (w *within) Bytes() int64 { return w.Iterator.Bytes() + 8*int64(cap(w.hits)) }

// iterable is the part of Index that a range search needs.
type iterable interface {
	Iterate(ctx context.Context, q *Query) (Iterator, error)
}

// RangeSearch is Index.Search of a query with a range, for kinds that find the
// rows of a range by their Iterate.
func RangeSearch(ctx context.Context, x iterable, m Metric, q *Query, out []Hit) ([]Hit, error) {
	it, err := x.Iterate(ctx, q)
	if err != nil {
		return out, err
	}
	defer it.Close()
	start := len(out)
	if out, err = it.Next(ctx, q.K, out); err != nil {
		return out[:start], err
	}
	Sort(m, out[start:])
	return out, nil
}

// Sort sorts hits, the best first, those of equal score by row.
func Sort(m Metric, hits []Hit) {
	slices.SortFunc(hits, func(a, b Hit) int {
		x, y := Key(m.Distance(a.Score), a.Row), Key(m.Distance(b.Score), b.Row)
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
}

// none is the iterator over no rows.
type none struct{}

func (none) Next(_ context.Context, _ int, out []Hit) ([]Hit, error) { return out, nil }
func (none) Bytes() int64                                            { return 0 }
func (none) Close()                                                  {}

// NoRows returns the iterator over no rows.
func NoRows() Iterator { return none{} }
