package indexnode

import (
	"context"
	"errors"
	"fmt"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/segment"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// vectorBuild is what the index of vectors is made of.
type vectorBuild struct {
	task    *role.BuildTask
	segment *segment.Sealed
	kind    vecindex.Kind
	metric  vecindex.Metric
	rows    vecindex.Source
	options vecindex.BuildOptions
}

// make makes the index: by extending that of the largest input, if the segment is
// a compaction's output, or else from nothing. Whatever stands in the way of the
// former, the latter takes its place.
func (n *Node) make(ctx context.Context, b *vectorBuild) (vecindex.Index, error) {
	in := largestIndexed(b.task)
	if in == nil || b.kind.Extend == nil {
		return b.kind.Build(ctx, b.rows, b.metric, b.task.Index.Params, b.options)
	}
	log := n.cfg.Logger.With("collection", b.task.Collection.Name, "index", b.task.Index.Name, "segment", b.task.Segment.ID, "from", in.ID)
	x, kept, err := n.extend(ctx, b, in)
	switch {
	case err == nil:
		log.Info("an index was extended", "rows", b.task.Segment.Rows, "kept", kept)
		return x, nil
	case ctx.Err() != nil:
		return nil, err
	case errors.Is(err, vecindex.ErrNotExtended):
		log.Info("an index is not extended but built anew", "reason", err)
	default:
		log.Warn("an index could not be extended and is built anew", "err", err)
	}
	return b.kind.Build(ctx, b.rows, b.metric, b.task.Index.Params, b.options)
}

// largestIndexed returns the input of a compaction that has the most rows in a
// file of the index, nil if none has one.
func largestIndexed(t *role.BuildTask) *role.Segment {
	var largest *role.Segment
	for _, in := range t.Inputs {
		if in.Indexes[t.Index.ID].Key != "" && (largest == nil || in.Rows > largest.Rows) {
			largest = in
		}
	}
	return largest
}

// extend makes the index of that of an input, and returns how many rows it had.
// Nothing of the input is used when it returns.
func (n *Node) extend(ctx context.Context, b *vectorBuild, in *role.Segment) (x vecindex.Index, kept int, err error) {
	earlier, err := segment.OpenSealed(ctx, n.cfg.Engine, n.cfg.Files, in.Manifest)
	if err != nil {
		return nil, 0, fmt.Errorf("compaction input %d: %w", in.ID, err)
	}
	defer earlier.Close()
	field := b.task.Index.Field
	rows, err := earlier.Vectors(field)
	if err != nil {
		return nil, 0, err
	}
	var slabs mem.Slabs
	defer func() {
		if e := slabs.Free(); e != nil {
			n.cfg.Logger.Warn("memory of an index build was not given back", "err", e)
		}
	}()
	to, err := mem.Alloc[int32](&slabs, n.cfg.Budget, rows.Rows())
	if err != nil {
		return nil, 0, err
	}
	if err := b.segment.MapRows(ctx, earlier, field, to); err != nil {
		return nil, 0, err
	}
	for _, row := range to {
		if row != vecindex.Gone {
			kept++
		}
	}
	f, err := n.cfg.Files.Pin(ctx, in.Indexes[b.task.Index.ID].Key)
	if err != nil {
		return nil, 0, fmt.Errorf("index of compaction input %d: %w", in.ID, err)
	}
	x, err = b.kind.Extend(ctx, vecindex.Earlier{File: f, Rows: rows, Map: to}, b.rows, b.metric, b.task.Index.Params, b.options)
	return x, kept, err
}
