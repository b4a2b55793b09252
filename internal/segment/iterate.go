package segment

import (
	"context"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// Iterator gives the visible rows of a segment that match and have a vector,
// the nearest first as far as the index knows. It reads its Reader until Close.
// One goroutine at a time uses it.
type Iterator struct {
	find  *searcher
	parts []stream // the index, and the rows that it does not have
}

// stream is an iterator with hits that were taken from it and not given.
type stream struct {
	vecindex.Iterator
	hits []vecindex.Hit // those before at were given
	at   int
	done bool
}

// Iterate begins to give the hits of a request of one vector, in batches of
// about K. It fails as Search does.
func (r *Reader) Iterate(ctx context.Context, q *SearchRequest) (*Iterator, error) {
	vectors, query, err := r.query(ctx, q)
	if err != nil || vectors == nil {
		return &Iterator{}, err
	}
	query.Vector = q.Vectors[:vectors.Dim]
	find, err := r.searcher(q, vectors, query, 1)
	if err != nil {
		return nil, err
	}
	it := &Iterator{find: find}
	if find.indexed > 0 {
		x, err := find.a.index.Iterate(ctx, query)
		if err != nil {
			it.Close()
			return nil, err
		}
		it.parts = append(it.parts, stream{Iterator: x})
	}
	if find.indexed < r.rows {
		query.Limit = r.rows
		scans := r.engine.scans
		scan := scans.Get().(*vecindex.Scan)
		it.parts = append(it.parts, stream{Iterator: vecindex.NewOrdered(vecindex.Rows{
			Kernels: r.engine.kernels, Metric: q.Metric, Matrix: vec.Floats(find.dim, find.vectors), From: find.indexed, To: r.rows,
		}, query, scan, func() { scans.Put(scan) })})
	}
	return it, nil
}

// Next is vecindex.Iterator's.
func (it *Iterator) Next(ctx context.Context, n int, out []vecindex.Hit) ([]vecindex.Hit, error) {
	if len(it.parts) == 1 {
		return it.parts[0].Next(ctx, n, out)
	}
	start := len(out)
	for len(out)-start < n {
		best := -1
		for i := range it.parts {
			p := &it.parts[i]
			if err := p.fill(ctx, n); err != nil {
				return out[:start], err
			}
			if p.at < len(p.hits) && (best < 0 || it.find.metric.Better(p.hits[p.at].Score, it.parts[best].next().Score)) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		out = append(out, it.parts[best].next())
		it.parts[best].at++
	}
	return out, nil
}

func (s *stream) next() vecindex.Hit { return s.hits[s.at] }

// fill takes up to n hits if none are left.
func (s *stream) fill(ctx context.Context, n int) (err error) {
	if s.at < len(s.hits) || s.done {
		return nil
	}
	s.hits, err = s.Next(ctx, n, s.hits[:0])
	s.at, s.done = 0, len(s.hits) < n
	return err
}

// Bytes is the memory that the iterator holds.
func (it *Iterator) Bytes() int64 {
	var n int64
	for i := range it.parts {
		n += it.parts[i].Bytes() + 8*int64(cap(it.parts[i].hits))
	}
	return n
}

// Close gives the memory and the index back; before the Reader is closed.
func (it *Iterator) Close() {
	for i := range it.parts {
		it.parts[i].Close()
	}
	if it.find != nil {
		it.find.close()
	}
	it.parts, it.find = nil, nil
}
