package segment

import (
	"context"
	"fmt"
	"unsafe"

	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// minLiveRows is the number of rows from which an index pays.
const minLiveRows = 2048

// Extend brings an index of a vector field up to the rows of now, and makes it
// first if the segment has enough rows; searches use it for the rows that it
// has and compare the rest. It does nothing for a kind of index that cannot
// grow. It ends early, without loss, when ctx does. One call at a time.
//
// Rows need no index to be found: the caller extends when cores are idle.
func (g *Growing) Extend(ctx context.Context, spec *schema.Index, threads int) error {
	if err := g.err(); err != nil {
		return err
	}
	s := g.snap.Load()
	c := s.column(spec.Field)
	if c == nil || c.Type != schema.FloatVector || s.rows < minLiveRows || g.released.Load() {
		return nil
	}
	first := unsafe.SliceData(c.Floats)
	a := g.indexes.vectors(spec.Field)
	if a != nil && (a.id != spec.ID || g.liveAt[spec.Field] != first) {
		// Another index is wanted, or the vectors were moved: begin anew.
		a.drop()
		g.indexes.remove(func(x *attached) bool { return x.field == spec.Field })
		a = nil
	}
	if a == nil {
		var err error
		if a, err = g.newLive(spec, c.Dim); err != nil || a == nil {
			return err
		}
		g.liveAt[spec.Field] = first
	}
	defer a.drop()
	live, ok := a.index.(vecindex.Live)
	if !ok || live.Rows() >= s.rows {
		return nil
	}
	return live.Extend(ctx, vecindex.Vectors{Data: c.Floats, Dimension: c.Dim, Present: c.Valid}, threads)
}

// newLive makes an empty index and returns it with a reference for the caller,
// nil if its kind does not grow.
func (g *Growing) newLive(spec *schema.Index, dim int) (*attached, error) {
	kind, err := g.engine.Kind(spec.Type)
	if err != nil || kind.Live == nil {
		return nil, err
	}
	metric, err := vecindex.ParseMetric(spec.Metric)
	if err != nil {
		return nil, err
	}
	x, err := kind.Live(dim, metric, spec.Params, vecindex.LiveOptions{
		MaxRows: vectorRoom / (4 * dim), Seed: uint64(g.cfg.ID), Budget: g.engine.growing,
	})
	if err != nil {
		return nil, fmt.Errorf("index %d of segment %d: %w", spec.ID, g.cfg.ID, err)
	}
	a := &attached{id: spec.ID, field: spec.Field, kind: kind, metric: metric, index: x}
	a.refs.born()
	a.refs.acquire()
	g.indexes.put(a)
	if g.released.Load() {
		g.indexes.clear() // Release did not see it
	}
	return a, nil
}
