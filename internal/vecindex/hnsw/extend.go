package hnsw

import (
	"context"
	"errors"
	"fmt"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// An index is extended where the earlier graph has at least minKept of the new
// one's nodes, and at least minLeft of its own nodes are left:
// docs/vector-index.md says what is saved there.
const (
	minKept = 0.2
	minLeft = 0.5
	// sameLift is by how much the squared length to which rows are lifted may
	// differ, lest neighbours that were near be so no more.
	sameLift = 1.25
)

// fresh is in extension.levels a row that is no node of the earlier graph.
const fresh = 255

// extension makes a graph of an earlier one: nodes that are left get their new
// numbers, lists that lost neighbours are mended (mend.go), and the other rows
// are inserted. Codes are made anew, of all rows, as a build makes them: that is
// a small part of its work.
type extension struct {
	*live
	old    *opened
	was    *view // of old
	rows   vecindex.Source
	from   []int32 // of each old row the new one, or vecindex.Gone
	levels []uint8 // of each new row its highest level in the old graph, or fresh
	v      *view   // of all rows
}

// extend makes an index over s of an earlier one. It gives a pin of from.File
// back.
func (e *env) extend(ctx context.Context, from vecindex.Earlier, s vecindex.Source, m vecindex.Metric, par params, o vecindex.BuildOptions) (vecindex.Index, error) {
	index, err := e.open(from.File, from.Rows, m)
	if err != nil {
		return nil, err
	}
	old := index.(*opened)
	x := &extension{old: old, was: old.view.Load(), rows: from.Rows, from: from.Map}
	var slabs mem.Slabs
	err = x.run(ctx, &slabs, s, par, o)
	if err = errors.Join(err, slabs.Free(), old.Close()); err == nil {
		return x.live, nil
	}
	if x.live != nil {
		err = errors.Join(err, x.live.Close())
	}
	return nil, fmt.Errorf("extend HNSW index %s: %w", from.File.Name(), err)
}

// run makes x.live, which may be half done with an error. What is needed until
// then is in slabs.
func (x *extension) run(ctx context.Context, slabs *mem.Slabs, s vecindex.Source, par params, o vecindex.BuildOptions) (err error) {
	if x.old.m != par.m || x.old.efc != par.efc {
		return notExtended("M %d and efConstruction %d in the file, %d and %d wanted", x.old.m, x.old.efc, par.m, par.efc)
	}
	if x.live, err = x.old.newBuild(s, x.old.metric, par, o); err != nil {
		return err
	}
	if x.elem != x.old.elem || x.dim != x.old.dim {
		return notExtended("%d elements of %v in the file, %d of %v wanted", x.old.dim, x.old.elem, x.dim, x.elem)
	}
	if err = vecindex.CheckSource(s, x.metric, x.elem); err != nil {
		return err
	}
	if x.levels, err = mem.Alloc[uint8](slabs, o.Budget, s.Rows()); err != nil {
		return fmt.Errorf("HNSW index: %w", err)
	}
	if err = x.keep(s); err != nil {
		return err
	}
	if err = x.encode(ctx, s, o.Threads, o.Budget); err != nil {
		return err
	}
	if err = x.layOut(s); err != nil {
		return err
	}
	if err = x.join(ctx, s, o.Threads); err != nil {
		return err
	}
	if err = x.fillLists(ctx, s.Rows(), o.Threads); err != nil {
		return err
	}
	return x.recode(ctx, s, o.Threads, o.Budget)
}

func notExtended(format string, args ...any) error {
	return fmt.Errorf("%w: %s", vecindex.ErrNotExtended, fmt.Sprintf(format, args...))
}

// keep finds the nodes that are left and their levels, and refuses an earlier
// graph that does not suit the rows.
func (x *extension) keep(s vecindex.Source) error {
	if len(x.from) != x.was.rows {
		return notExtended("a map of %d rows for %d", len(x.from), x.was.rows)
	}
	if x.metric == vecindex.IP {
		before, now := x.liftTo(x.rows), x.liftTo(s)
		if before > sameLift*now || now > sameLift*before {
			return notExtended("rows are lifted to %v, not %v", now, before)
		}
		x.lifted = now
	}
	for i := range x.levels {
		x.levels[i] = fresh
	}
	kept := 0
	for row, to := range x.from {
		if to == vecindex.Gone {
			continue
		}
		if to < 0 || int(to) >= s.Rows() || x.levels[to] != fresh {
			return notExtended("row %d is to be row %d of %d", row, to, s.Rows())
		}
		if !present(x.rows.Valid(), row) || !present(s.Valid(), int(to)) {
			continue
		}
		height, err := x.height(row)
		if err != nil {
			return err
		}
		x.levels[to] = uint8(height)
		kept++
	}
	nodes := vecindex.Nodes(s.Valid(), 0, s.Rows())
	if kept == 0 || float64(kept) < minKept*float64(nodes) || float64(kept) < minLeft*float64(x.was.nodes) {
		return notExtended("%d of its %d nodes are left for %d", kept, x.was.nodes, nodes)
	}
	return nil
}

// height returns the highest level of a row of the old graph. Lists above level
// 0 are in the order of their rows, so a row's are those before the next one's;
// a file in which they are not is not extended.
func (x *extension) height(row int) (int, error) {
	first := x.was.first[row]
	if first == none {
		return 0, nil
	}
	behind := len(x.was.upper) / x.old.m
	for _, next := range x.was.first[row+1:] {
		if next != none {
			behind = int(next)
			break
		}
	}
	if n := behind - int(first); n >= 1 && n <= maxLevel {
		return n, nil
	}
	return 0, notExtended("row %d has lists %d to %d above level 0", row, first, behind)
}

// layOut makes room for all lists, those above level 0 in the order of their
// rows, sets those of fresh rows, which are empty, and finds where to begin.
func (x *extension) layOut(s vecindex.Source) error {
	total, room := 0, x.slabs.upper.Cap()/4/x.m
	entry, top := 0, -1
	for row, l := range x.levels {
		if l != fresh {
			if total += int(l); int(l) > top {
				entry, top = row, int(l)
			}
		}
	}
	if total > room {
		return notExtended("%d lists above level 0 are more than %d", total, room)
	}
	x.writer.entry.Store(uint64(top+1)<<32 | uint64(entry))
	first := words[uint32](x.slabs.first)
	for row, l := range x.levels {
		height := int(l)
		if l == fresh {
			height = 0
			if up := level(x.seed, row, x.m); present(s.Valid(), row) && total+up <= room {
				height = up
				total += up
			}
		}
		first[row] = none
		if height > 0 {
			first[row] = uint32(x.lists)
			x.lists += height
		}
	}
	if err := x.grow(s.Rows(), x.lists); err != nil {
		return err
	}
	x.prepared = s.Rows()
	x.v = x.cut(s, s.Rows())
	elements := make([]float32, x.dim)
	for row, l := range x.levels {
		x.measure(x.v, s.Valid(), row, elements)
		for at := 0; l == fresh && at <= x.graph.levels(x.v, uint32(row)); at++ {
			store(x.list(x.v, uint32(row), at), nil, uint32(row))
		}
	}
	return nil
}
