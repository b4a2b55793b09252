package querynode

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/segment"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// cursor is where an iterator of one shard stands: iterators over the segments
// of its first batch, pinned, and the hits that were taken from them and not
// delivered. Hits are delivered when the next request comes with the bound that
// the last answer had; until then the same request gets the same answer. One
// request at a time has the cursor.
//
// The bound is a score, and all of an iterator that outlives its cursor: a new
// one begins with the hits behind it. So an answer ends where the score changes
// if it can, and is a little shorter than asked for.
type cursor struct {
	key     cursorKey
	request *role.SearchRequest // of the first batch
	at      base.Timestamp
	readers []*segment.Reader
	parts   []*segment.Prepared // of readers
	*merge                      // of parts

	pending  []pendingHit // by distance, segment, row
	answered int          // of pending, in the last answer
	bound    float32      // distance: what came with the request of the last answer
	served   float32      // what it was answered with
	used     time.Time
}

type cursorKey struct {
	token string
	shard base.Shard
}

// pendingHit is a hit that was not delivered yet.
type pendingHit struct {
	distance float32
	part     int32
	row      uint32
}

// iterate answers one batch of an iterator.
func (n *Node) iterate(ctx context.Context, r *role.SearchRequest, metric vecindex.Metric) (*role.SearchResult, error) {
	if _, err := n.open(ctx, r.Collection, r.Shard, r.Partitions); err != nil {
		return nil, err
	}
	bound := float32(math.Inf(-1))
	if r.Cursor.Bound != nil {
		bound = metric.Distance(*r.Cursor.Bound)
	}
	c := n.held.take(cursorKey{r.Cursor.Token, r.Shard})
	if c != nil && !(c.asks(r) && c.deliver(bound, r.Cursor.Together)) {
		c.close()
		c = nil
	}
	if c == nil {
		var err error
		if c, err = n.newCursor(ctx, r, metric, bound); err != nil {
			return nil, err
		}
	}
	result, err := c.answer(ctx, n, r)
	if err != nil {
		c.close()
		return nil, searchError(err)
	}
	n.wantIndex(r)
	if len(result.Scores) == 0 && !result.More {
		c.close() // the end: nobody asks for more
	} else {
		n.held.put(c)
	}
	return result, nil
}

// newCursor begins behind a bound.
func (n *Node) newCursor(ctx context.Context, r *role.SearchRequest, metric vecindex.Metric, bound float32) (_ *cursor, err error) {
	c := &cursor{key: cursorKey{r.Cursor.Token, r.Shard}, request: r, bound: bound, served: bound}
	if c.readers, c.at, err = n.readers(ctx, r.Collection, r.Shard, r.Partitions, r.At, r.IgnoreGrowing); err != nil {
		return nil, err
	}
	q := segmentRequest(r, metric)
	if !math.IsInf(float64(bound), -1) {
		if q.Range == nil {
			everything := vecindex.Everything()
			q.Range = &everything
		}
		q.Range.Low = max(q.Range.Low, behind(bound))
	}
	if c.parts, err = n.prepared(ctx, c.readers, q); err == nil {
		c.merge, err = n.newMerge(ctx, c.parts, metric, 0)
	}
	if err != nil {
		closePrepared(c.parts)
		closeReaders(c.readers)
		return nil, searchError(err)
	}
	return c, nil
}

// behind returns the smallest distance that is larger than another one; NaN,
// which no row has, for infinity.
func behind(distance float32) float32 {
	if math.IsInf(float64(distance), 1) {
		return float32(math.NaN())
	}
	return math.Nextafter32(distance, float32(math.Inf(1)))
}

// asks reports whether a request is for a batch of the same iterator.
func (c *cursor) asks(r *role.SearchRequest) bool {
	o := c.request
	return r.Collection.Version == o.Collection.Version && r.Field == o.Field && r.Metric == o.Metric &&
		slices.Equal(r.Vectors, o.Vectors) && slices.Equal(r.Partitions, o.Partitions) &&
		r.IgnoreGrowing == o.IgnoreGrowing && samePlan(r, o) && sameRange(r.Range, o.Range) &&
		(r.At.Exactly == 0 || r.At.Exactly == c.at)
}

func samePlan(a, b *role.SearchRequest) bool {
	if a.Plan == nil || b.Plan == nil {
		return a.Plan == b.Plan
	}
	return a.Plan == b.Plan || a.Plan.String() == b.Plan.String()
}

func sameRange(a, b *role.Range) bool {
	if a == nil || b == nil {
		return a == b
	}
	filter := a.Filter == b.Filter || a.Filter != nil && b.Filter != nil && *a.Filter == *b.Filter
	return a.Radius == b.Radius && filter
}

// deliver takes out the hits of the last answer that the client has by the
// bound of its next request. It reports false if the cursor is not where that
// request goes on.
func (c *cursor) deliver(bound float32, together bool) bool {
	delivered := 0
	switch {
	case bound == c.served || together && bound > c.served && c.ended():
		delivered = c.answered
	case together && bound >= c.bound && bound < c.served:
		for delivered < c.answered && c.pending[delivered].distance <= bound {
			delivered++
		}
	case bound != c.bound: // else the last request again
		return false
	}
	c.pending = slices.Delete(c.pending, 0, delivered)
	c.bound, c.answered = bound, 0
	return true
}

// ended reports that the last answer had all that is left.
func (c *cursor) ended() bool {
	return c.answered == len(c.pending) && c.merge.ended()
}

// answer answers with the next hits.
func (c *cursor) answer(ctx context.Context, n *Node, r *role.SearchRequest) (*role.SearchResult, error) {
	if err := c.take(ctx, n, r.K+1, r.K); err != nil {
		return nil, err
	}
	cut, whole, err := c.cut(ctx, n, r.K, r.Cursor.Together)
	if err != nil {
		return nil, err
	}
	c.answered, c.served = cut, c.bound
	if cut > 0 {
		c.served = c.pending[cut-1].distance
		if !whole {
			// Who begins anew behind it has the other hits of this score too.
			c.served = math.Nextafter32(c.served, float32(math.Inf(-1)))
		}
		c.served = max(c.served, c.bound)
	}
	hits := make([][][]vecindex.Hit, len(c.readers))
	for i := range hits {
		hits[i] = make([][]vecindex.Hit, 1)
	}
	for _, h := range c.pending[:cut] {
		list := &hits[h.part][0]
		*list = append(*list, vecindex.Hit{Row: h.row, Score: c.metric.Distance(h.distance)})
	}
	one := *r
	one.K = cut
	result, err := answer(c.readers, hits, &one, c.metric, c.at)
	if err != nil {
		return nil, err
	}
	if !math.IsInf(float64(c.served), -1) {
		score := c.metric.Distance(c.served)
		result.Bound = &score
	}
	result.More = cut < len(c.pending) || !c.ended()
	return result, nil
}

// cut says how many of the pending hits make the answer of k. It ends where the
// score changes; whole reports that. Where k hits and more have one score, it
// has k of them, or, if several shards answer, all of them.
func (c *cursor) cut(ctx context.Context, n *Node, k int, together bool) (cut int, whole bool, err error) {
	late := 0 // nearer than what was delivered already: an approximate index found them late
	for late < len(c.pending) && c.pending[late].distance <= c.bound {
		late++
	}
	if together {
		k = max(k, late)
	}
	if len(c.pending) <= k {
		return len(c.pending), true, nil
	}
	first := k
	for first > 0 && c.pending[first-1].distance == c.pending[k].distance {
		first--
	}
	if first > 0 {
		return first, true, nil
	}
	if !together {
		return k, false, nil
	}
	last := k
	for {
		for last < len(c.pending) && c.pending[last].distance == c.pending[0].distance {
			last++
		}
		if last < len(c.pending) {
			return last, true, nil
		}
		if err := c.take(ctx, n, 2*last, last); err != nil || len(c.pending) == last {
			return last, true, err
		}
	}
}

// take makes at least count hits pending, if there are so many; step is how
// many are taken from a segment at a time.
func (c *cursor) take(ctx context.Context, n *Node, count, step int) error {
	if len(c.pending) >= count {
		return nil
	}
	if err := c.prepare(ctx, n, step); err != nil {
		return err
	}
	for len(c.pending) < count {
		i, err := c.merge.next(ctx, step)
		if err != nil {
			return err
		}
		if i < 0 {
			break
		}
		s := &c.streams[i]
		h := s.hits[s.at]
		c.pending = append(c.pending, pendingHit{distance: c.metric.Distance(h.Score), part: int32(s.part), row: h.Row})
		s.at++
	}
	slices.SortStableFunc(c.pending, func(a, b pendingHit) int {
		switch {
		case a.distance < b.distance:
			return -1
		case a.distance > b.distance:
			return 1
		}
		return 0
	})
	return nil
}

// bytes is the memory that the cursor holds, without the segments.
func (c *cursor) bytes() int64 {
	n := c.merge.bytes() + int64(12*cap(c.pending)) + int64(4*len(c.request.Vectors))
	for _, p := range c.parts {
		n += p.Bytes()
	}
	return n
}

// close gives the segments up.
func (c *cursor) close() {
	c.merge.close()
	closePrepared(c.parts)
	closeReaders(c.readers)
	c.readers, c.parts, c.pending = nil, nil, nil
}
