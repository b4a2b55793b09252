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
	// filled, if not nil, is told of the hits that were taken from a segment.
	filled func(part int, hits []vecindex.Hit) error
}

// stream is the iterator over one segment, with hits that were taken from it.
type stream struct {
	*segment.Iterator
	hits []vecindex.Hit // those before at were given
	at   int
	done bool
}

// newMerge begins to iterate over all readers.
func (n *Node) newMerge(ctx context.Context, readers []*segment.Reader, q *segment.SearchRequest) (*merge, error) {
	m := &merge{metric: q.Metric, streams: make([]stream, len(readers))}
	err := n.each(len(readers), func(i int) (err error) {
		m.streams[i].Iterator, err = readers[i].Iterate(ctx, q)
		return err
	})
	if err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// prepare takes up to step hits from each segment of which none are left, on
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

func (m *merge) fill(ctx context.Context, part, step int) (err error) {
	s := &m.streams[part]
	s.hits, err = s.Next(ctx, step, s.hits[:0])
	s.at, s.done = 0, len(s.hits) < step
	if err == nil && m.filled != nil {
		err = m.filled(part, s.hits)
	}
	return err
}

// next returns the part whose next hit is the nearest, -1 at the end; the
// caller takes the hit by moving at on. step is as in prepare.
func (m *merge) next(ctx context.Context, step int) (part int, err error) {
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

// close ends the iterators; before the readers are closed.
func (m *merge) close() {
	for i := range m.streams {
		if it := m.streams[i].Iterator; it != nil {
			it.Close()
		}
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
