package querynode

import (
	"context"
	"errors"
	"slices"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/reduce"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/segment"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// Search finds the nearest rows of one shard; see role.SearchRequest.
func (n *Node) Search(ctx context.Context, r *role.SearchRequest) (*role.SearchResult, error) {
	metric, err := vecindex.ParseMetric(r.Metric)
	if err != nil {
		return nil, merr.ParameterInvalid.Msg("%v", err)
	}
	switch {
	case r.Cursor != nil:
		return n.iterate(ctx, r, metric)
	case r.Group != nil:
		return n.grouped(ctx, r, metric)
	}
	readers, at, err := n.readers(ctx, r.Collection, r.Shard, r.Partitions, r.At, r.IgnoreGrowing)
	if err != nil {
		return nil, err
	}
	defer closeReaders(readers)
	request := segmentRequest(r, metric)
	hits := make([][][]vecindex.Hit, len(readers))
	err = n.each(len(readers), func(i int) (err error) {
		hits[i], err = readers[i].Search(ctx, request)
		return err
	})
	if err != nil {
		return nil, searchError(err)
	}
	n.wantIndex(r)
	return answer(readers, hits, r, metric, at)
}

// segmentRequest is what a search asks of each segment.
func segmentRequest(r *role.SearchRequest, metric vecindex.Metric) *segment.SearchRequest {
	return &segment.SearchRequest{
		Field: r.Field, Metric: metric, Vectors: r.Vectors, NQ: r.NQ, K: r.K, Params: r.Params, Plan: r.Plan, Range: rangeOf(r, metric),
	}
}

// wantIndex asks for the indexes of the growing segments that a search read.
func (n *Node) wantIndex(r *role.SearchRequest) {
	if v := n.view(r.Shard); v != nil && !r.IgnoreGrowing {
		n.live.want(v.growing, r.Collection.Indexes, r.Field)
	}
}

// answer merges the hits of each reader and fetches the output fields of the
// best K.
func answer(readers []*segment.Reader, hits [][][]vecindex.Hit, r *role.SearchRequest, metric vecindex.Metric, at base.Timestamp) (*role.SearchResult, error) {
	parts := make([]reduce.Hits, len(readers))
	rows := make([][]uint32, len(readers))
	for i := range readers {
		parts[i], rows[i] = part(readers[i], hits[i])
	}
	top := reduce.TopK(parts, r.NQ, 0, r.K, metric.IsSimilarity())
	keys := make([]*column.Column, len(parts))
	for i := range parts {
		keys[i] = parts[i].Keys
	}
	result := &role.SearchResult{Counts: top.Counts, Scores: top.Scores, Keys: reduce.Gather(keys, top.Picks), At: at}
	if result.Keys == nil {
		result.Keys = column.New(r.Collection.Primary())
	}
	var err error
	result.Rows, err = fetch(readers, rows, top.Picks, r.Collection.Collection, r.Output, 0)
	return result, err
}

// part turns one segment's hits into a part of the merge: equal scores by
// ascending key. rows has the segment's row of each hit.
func part(r *segment.Reader, hits [][]vecindex.Hit) (reduce.Hits, []uint32) {
	p := reduce.Hits{Counts: make([]int, len(hits))}
	var rows []uint32
	for q, list := range hits {
		p.Counts[q] = len(list)
		for _, h := range list {
			rows = append(rows, h.Row)
			p.Scores = append(p.Scores, h.Score)
		}
	}
	p.Keys = r.Keys(rows)
	order := tieOrder(p)
	if order == nil {
		return p, rows
	}
	sorted := make([]uint32, len(rows))
	for i, from := range order {
		sorted[i] = rows[from]
	}
	p.Keys = r.Keys(sorted) // scores of ties are equal: they stay as they are
	return p, sorted
}

// tieOrder returns the order in which hits of equal score ascend by key; nil
// if they do already.
func tieOrder(p reduce.Hits) []int {
	var order []int
	start := 0
	for _, count := range p.Counts {
		end := start + count
		for i := start; i < end; {
			j := i + 1
			for j < end && p.Scores[j] == p.Scores[i] {
				j++
			}
			if j-i > 1 {
				order = sortTies(order, p, i, j)
			}
			i = j
		}
		start = end
	}
	return order
}

func sortTies(order []int, p reduce.Hits, i, j int) []int {
	byKey := func(a, b int) int { return reduce.CompareKeys(p.Keys, a, p.Keys, b) }
	ids := make([]int, j-i)
	for k := range ids {
		ids[k] = i + k
	}
	if slices.IsSortedFunc(ids, byKey) {
		return order
	}
	if order == nil {
		order = make([]int, len(p.Scores))
		for k := range order {
			order[k] = k
		}
	}
	slices.SortFunc(ids, byKey)
	copy(order[i:j], ids)
	return order
}

// fetch reads the output fields of the picked rows alone. maxBytes bounds the
// result; 0: no bound.
func fetch(readers []*segment.Reader, rows [][]uint32, picks []reduce.Pick, c *schema.Collection, fields []base.ID, maxBytes int64) (*column.Batch, error) {
	if len(fields) == 0 {
		return &column.Batch{Rows: len(picks)}, nil
	}
	wanted := make([][]uint32, len(readers))
	moved := make([]reduce.Pick, len(picks))
	for i, p := range picks {
		moved[i] = reduce.Pick{Part: p.Part, Row: int32(len(wanted[p.Part]))}
		wanted[p.Part] = append(wanted[p.Part], rows[p.Part][p.Row])
	}
	batches := make([]*column.Batch, len(readers))
	var total int64
	for i, list := range wanted {
		if len(list) == 0 {
			continue
		}
		b, err := readers[i].Fetch(list, fields)
		if err != nil {
			return nil, err
		}
		batches[i] = b
		if total += b.Size(); maxBytes > 0 && total > maxBytes {
			return nil, merr.ParameterInvalid.Msg("query results exceed the maxOutputSize Limit %d", maxBytes)
		}
	}
	if len(picks) == 0 {
		return empty(c, fields), nil
	}
	return reduce.GatherBatch(batches, fields, moved), nil
}

// empty is a batch of no rows with the fields' columns.
func empty(c *schema.Collection, fields []base.ID) *column.Batch {
	b := &column.Batch{}
	for _, id := range fields {
		if f := c.FieldByID(id); f != nil {
			b.Add(id, column.New(f))
		}
	}
	return b
}

// readers opens every segment that a read concerns, at the time that its
// consistency asks for.
func (n *Node) readers(ctx context.Context, info *role.CollectionInfo, id base.Shard, partitions []base.ID, point role.ReadPoint, ignoreGrowing bool) ([]*segment.Reader, base.Timestamp, error) {
	if _, err := n.open(ctx, info, id, partitions); err != nil {
		return nil, 0, err // before waiting for any time
	}
	guarantee := point.Guarantee
	if point.Consistency == strong || point.Consistency == eventually {
		guarantee = 0
	}
	at, err := n.cfg.Times.ReadAt(ctx, info.Channel, guarantee)
	if err != nil {
		return nil, 0, err
	}
	if point.Exactly != 0 {
		at = point.Exactly
	}
	for {
		v, err := n.open(ctx, info, id, partitions)
		if err != nil {
			return nil, 0, err
		}
		readers, err := v.readers(at, info.Collection, partitions, ignoreGrowing)
		if !errors.Is(err, segment.ErrClosed) { // else the view was swapped meanwhile
			return readers, at, err
		}
	}
}

func (v *view) readers(at base.Timestamp, c *schema.Collection, partitions []base.ID, ignoreGrowing bool) (out []*segment.Reader, err error) {
	defer func() {
		if err != nil {
			closeReaders(out)
		}
	}()
	add := func(s segment.Segment) error {
		if len(partitions) > 0 && !slices.Contains(partitions, s.Partition()) {
			return nil
		}
		r, err := s.View(at, c)
		if err == nil {
			out = append(out, r)
		}
		return err
	}
	for _, s := range v.sealed {
		if err := add(s); err != nil {
			return out, err
		}
	}
	if ignoreGrowing {
		return out, nil
	}
	for _, g := range v.growing {
		if err := add(g); err != nil {
			return out, err
		}
	}
	return out, nil
}

func closeReaders(readers []*segment.Reader) {
	for _, r := range readers {
		r.Close()
	}
}

// each runs f for 0..count-1: on this goroutine, and on more as far as other
// requests leave cores idle.
func (n *Node) each(count int, f func(i int) error) error {
	if count == 1 {
		return f(0)
	}
	errs := make([]error, count)
	done := make(chan struct{}, count)
	running := 0
	for i := range count {
		if i == count-1 {
			errs[i] = f(i)
			break
		}
		select {
		case n.fan <- struct{}{}:
			running++
			go func() {
				errs[i] = f(i)
				<-n.fan
				done <- struct{}{}
			}()
		default:
			errs[i] = f(i)
		}
	}
	for range running {
		<-done
	}
	return errors.Join(errs...)
}

// searchError gives parameters that an index refuses the client's code.
func searchError(err error) error {
	var bad vecindex.ParamError
	if errors.As(err, &bad) {
		return merr.ParameterInvalid.Msg("%v", bad)
	}
	return err
}
