package sparse

import (
	"context"

	"github.com/redkite-db/redkite/internal/vecindex"
)

// minKept is how many hits the first search of an iterator finds at least.
const minKept = 1 << 10

// iterator gives the hits of a search, and, when they are used up, those behind
// them of one that finds four times as many: answers are exact, so that each one
// begins with the last.
type iterator struct {
	x    *index
	q    vecindex.Query
	hits []vecindex.Hit
	at   int  // those before were given
	done bool // there are no more than hits
}

// Iterate implements vecindex.Index.
func (x *index) Iterate(_ context.Context, q *vecindex.Query) (vecindex.Iterator, error) {
	if err := checkQuery(q); err != nil {
		return nil, err
	}
	if _, err := x.rule(&q.Params.Sparse.BM25); err != nil {
		return nil, err
	}
	it := &iterator{x: x, q: *q}
	it.q.Range = nil
	it.q.K = max(minKept, q.K)
	return vecindex.Within(it, x.metric, q.Range), nil
}

// Next implements vecindex.Iterator.
func (it *iterator) Next(ctx context.Context, n int, out []vecindex.Hit) ([]vecindex.Hit, error) {
	start := len(out)
	for {
		m := min(n-(len(out)-start), len(it.hits)-it.at)
		out = append(out, it.hits[it.at:it.at+m]...)
		it.at += m
		if len(out)-start == n || it.done {
			return out, ctx.Err()
		}
		if len(it.hits) > 0 {
			it.q.K *= 4
		}
		it.q.K = max(min(max(it.q.K, it.at+n), it.x.Rows()), 1)
		var err error
		if it.hits, err = it.x.Search(ctx, &it.q, it.hits[:0]); err != nil {
			return out[:start], err
		}
		it.done = len(it.hits) < it.q.K || it.q.K >= it.x.Rows()
	}
}

// Bytes implements vecindex.Iterator.
func (it *iterator) Bytes() int64 { return 8 * int64(cap(it.hits)) }

// Close implements vecindex.Iterator.
func (it *iterator) Close() { it.hits, it.done = nil, true }
