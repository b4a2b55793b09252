package segment

import (
	"context"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// Prepared is a search request whose filter is evaluated, once for all its
// vectors. It reads its Reader until Close. Many goroutines may use it.
type Prepared struct {
	find    *searcher // nil: no row can be found
	query   *vecindex.Query
	vectors []float32
}

// Prepare makes ready to iterate. It fails as Search does.
func (r *Reader) Prepare(ctx context.Context, q *SearchRequest) (*Prepared, error) {
	vectors, query, err := r.query(ctx, q)
	if err != nil || vectors == nil {
		return &Prepared{}, err
	}
	find, err := r.searcher(q, vectors, query, 1)
	if err != nil {
		return nil, err
	}
	return &Prepared{find: find, query: query, vectors: q.Vectors}, nil
}

// Iterate begins to give the visible rows that match and have a vector, by their
// distance to vector i of the request, the nearest first as far as the index
// knows. Each row is given by one of the iterators: those of the index by one,
// those that it does not have by another. They are closed before p.
func (p *Prepared) Iterate(ctx context.Context, i int) ([]vecindex.Iterator, error) {
	find := p.find
	if find == nil {
		return nil, nil
	}
	var out []vecindex.Iterator
	vector := p.vectors[i*find.dim : (i+1)*find.dim]
	if find.indexed > 0 {
		query := *p.query
		query.Vector = vector
		x, err := find.a.index.Iterate(ctx, &query)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	if r := find.r; find.indexed < r.rows {
		query := *p.query
		query.Vector, query.Limit = vector, r.rows
		scans := r.engine.scans
		scan := scans.Get().(*vecindex.Scan)
		out = append(out, vecindex.NewOrdered(vecindex.Rows{
			Kernels: r.engine.kernels, Metric: find.metric, Matrix: vec.Floats(find.dim, find.vectors), From: find.indexed, To: r.rows,
		}, &query, scan, func() { scans.Put(scan) }))
	}
	return out, nil
}

// Bytes is the memory that is held beside the iterators.
func (p *Prepared) Bytes() int64 {
	if p.find == nil {
		return 0
	}
	return 8 * int64(cap(p.query.Skip))
}

// Close gives the memory and the index back; before the Reader is closed.
func (p *Prepared) Close() {
	if p.find != nil {
		p.find.close()
	}
	p.find, p.query = nil, nil
}
