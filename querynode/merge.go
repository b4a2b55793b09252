package querynode

import (
	"context"

	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/segment"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// merge iterates over several segments at a time: it gives the nearest of the
// hits that are next in each.
type merge struct {
	metric  vecindex.Metric
	streams []stream
	// filled, if not nil, is told of the hits that were taken from a stream.
	filled func(i int, hits []vecindex.Hit) error
}

// stream is an iterator over rows of a segment, with hits that were taken from it.
type stream struct {
	vecindex.Iterator
	part int            // the segment
	hits []vecindex.Hit // those before at were given
	at   int
	done bool
}

// prepared prepares a request for all readers.
func (n *Node) prepared(ctx context.Context, readers []*segment.Reader, q *segment.SearchRequest) ([]*segment.Prepared, error) {
	out := make([]*segment.Prepared, len(readers))
	err := n.each(len(readers), func(i int) (err error) {
		out[i], err = readers[i].Prepare(ctx, q)
		return err
	})
	if err != nil {
		closePrepared(out)
		return nil, err
	}
	return out, nil
}

// closePrepared is called before the readers are closed.
func closePrepared(parts []*segment.Prepared) {
	for _, p := range parts {
		if p != nil {
			p.Close()
		}
	}
}

// newMerge begins to iterate over all segments, by vector q of what was prepared.
func (n *Node) newMerge(ctx context.Context, of []*segment.Prepared, metric vecindex.Metric, q int) (*merge, error) {
	parts := make([][]vecindex.Iterator, len(of))
	err := n.each(len(of), func(i int) (err error) {
		parts[i], err = of[i].Iterate(ctx, q)
		return err
	})
	m := &merge{metric: metric}
	for i, iterators := range parts {
		for _, it := range iterators {
			m.streams = append(m.streams, stream{Iterator: it, part: i})
		}
	}
	if err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// prepare takes up to step hits from each stream of which none are left, on
// several goroutines if there are idle ones.
func (m *merge) prepare(ctx context.Context, n *Node, step int) error {
	var empty []int
	for i := range m.streams {
		if s := &m.streams[i]; s.at == len(s.hits) && !s.done {
			empty = append(empty, i)
		}
	}
	if len(empty) == 0 {
		return nil
	}
	return n.each(len(empty), func(i int) error { return m.fill(ctx, empty[i], step) })
}

func (m *merge) fill(ctx context.Context, i, step int) (err error) {
	s := &m.streams[i]
	s.hits, err = s.Next(ctx, step, s.hits[:0])
	s.at, s.done = 0, len(s.hits) < step
	if err == nil && m.filled != nil {
		err = m.filled(i, s.hits)
	}
	return err
}

// next returns the stream whose next hit is the nearest, -1 at the end; the
// caller takes the hit by moving at on. step is as in prepare.
func (m *merge) next(ctx context.Context, step int) (i int, err error) {
	best := -1
	for i := range m.streams {
		s := &m.streams[i]
		if s.at == len(s.hits) && !s.done {
			if err := m.fill(ctx, i, step); err != nil {
				return -1, err
			}
		}
		if s.at < len(s.hits) && (best < 0 || m.metric.Better(s.hits[s.at].Score, m.streams[best].hits[m.streams[best].at].Score)) {
			best = i
		}
	}
	return best, nil
}

// ended reports that no hits are left.
func (m *merge) ended() bool {
	for i := range m.streams {
		if s := &m.streams[i]; !s.done || s.at < len(s.hits) {
			return false
		}
	}
	return true
}

// bytes is the memory that is held.
func (m *merge) bytes() int64 {
	var n int64
	for i := range m.streams {
		n += m.streams[i].Bytes() + int64(8*cap(m.streams[i].hits))
	}
	return n
}

// close ends the iterators; before what was prepared is closed.
func (m *merge) close() {
	for i := range m.streams {
		m.streams[i].Close()
	}
	m.streams = nil
}

// rangeOf turns the bounds of a request into distances; nil if it has none.
func rangeOf(r *role.SearchRequest, metric vecindex.Metric) *vecindex.Range {
	if r.Range == nil {
		return nil
	}
	out := vecindex.Everything()
	out.High = metric.Distance(r.Range.Radius)
	if r.Range.Filter != nil {
		out.Low = metric.Distance(*r.Range.Filter)
	}
	return &out
}
