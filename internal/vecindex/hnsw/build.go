package hnsw

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"sync"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// step is the number of rows after which an Extend publishes a view, reports
// progress and looks at its context.
const step = 512

// live is a graph in memory, built at once or growing. It owns its slabs.
type live struct {
	graph
	writer   *writer
	maxRows  int
	slabs    struct{ links, first, upper, inv, lift, codes *mem.Slab }
	lists    int       // lists of upper in use
	prepared int       // rows that have lists
	lifted   float64   // IP: the squared length to which rows are lifted
	coding   coding    // of slabs.codes, if there are any
	follower *follower // of the codes of a graph that grows, if it is to have any; else nil

	progress func(done, total int) // may be nil

	// extending is held by Extend and WriteTo, which exclude each other; that
	// they wait here and do not fail is for a caller's comfort.
	extending sync.Mutex
}

func (e *env) build(ctx context.Context, s vecindex.Source, m vecindex.Metric, par params, o vecindex.BuildOptions) (vecindex.Index, error) {
	x, err := e.newBuild(s, m, par, o)
	if err != nil {
		return nil, err
	}
	if err := x.encode(ctx, s, o.Threads, o.Budget); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	if err := x.Extend(ctx, s, o.Threads); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	if err := x.fillLists(ctx, s.Rows(), o.Threads); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	if err := x.recode(ctx, s, o.Threads, o.Budget); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

// newBuild returns an empty graph with room for all rows.
func (e *env) newBuild(s vecindex.Source, m vecindex.Metric, par params, o vecindex.BuildOptions) (*live, error) {
	rows := s.Matrix()
	x, err := e.newLive(s.Dim(), m, par, vecindex.LiveOptions{
		MaxRows: s.Rows(), Element: vecindex.ElementOf(&rows), Seed: o.Seed, Budget: o.Budget,
	})
	if err != nil {
		return nil, err
	}
	x.progress = o.Progress
	// All at once: too small a budget is known before the work, and the kernel
	// can give huge pages.
	if err := x.grow(s.Rows(), 0); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

func (e *env) newLive(dim int, m vecindex.Metric, par params, o vecindex.LiveOptions) (*live, error) {
	if dim < 1 || o.MaxRows < 0 || int64(o.MaxRows) >= maxRows || o.MaxRows > math.MaxInt/4/max(par.m0(), dim) {
		return nil, fmt.Errorf("HNSW index of up to %d rows of dimension %d: too large", o.MaxRows, dim)
	}
	elem := max(o.Element, vecindex.Float32)
	if !takes(elem, m, par.codes.kind) {
		return nil, fmt.Errorf("HNSW index by %v of a %v", m, elem)
	}
	x := &live{maxRows: o.MaxRows}
	x.graph = graph{env: e, params: par, metric: m, elem: elem, dim: dim, seed: o.Seed}
	x.writer = &writer{g: &x.graph}
	x.view.Store(&view{})

	// About 1/(m-1) lists above level 0 a row, with room for bad luck: a row
	// that finds no room stays in level 0, where all rows are.
	lists := o.MaxRows/(par.m-1) + o.MaxRows/8 + 64
	inv, lift := 0, 0
	switch m {
	case vecindex.Cosine:
		inv = 4 * o.MaxRows
	case vecindex.IP:
		lift = 4 * o.MaxRows
	}
	for _, s := range []struct {
		slab **mem.Slab
		size int
	}{
		{&x.slabs.links, 4 * par.m0() * o.MaxRows},
		{&x.slabs.first, 4 * o.MaxRows},
		{&x.slabs.upper, 4 * par.m * lists},
		{&x.slabs.inv, inv},
		{&x.slabs.lift, lift},
	} {
		var err error
		if *s.slab, err = mem.NewSlab(o.Budget, 0, s.size); err != nil {
			return nil, errors.Join(fmt.Errorf("HNSW index: %w", err), x.Close())
		}
	}
	return x, nil
}

// Extend implements vecindex.Live.
func (x *live) Extend(ctx context.Context, s vecindex.Source, threads int) error {
	x.extending.Lock()
	defer x.extending.Unlock()
	from, to := x.view.Load(), s.Rows()
	if to > x.maxRows {
		return fmt.Errorf("HNSW index for %d rows cannot take %d", x.maxRows, to)
	}
	if err := vecindex.CheckSource(s, x.metric, x.elem); err != nil {
		return err
	}
	if from.nodes == 0 && x.metric == vecindex.IP {
		x.lifted = x.liftTo(s)
	}
	if err := x.sweep(); err != nil {
		return err
	}
	nodes := from.nodes
	if to > from.rows {
		if err := x.follow(ctx, s, nodes+vecindex.Nodes(s.Valid(), from.rows, to), threads); err != nil {
			return err
		}
	}
	for done := from.rows; done < to; {
		v, err := x.prepare(s, done, min(done+step, to))
		if yielded, bad := x.yield(err, s, done, nodes); bad != nil {
			return bad
		} else if yielded {
			v, err = x.prepare(s, done, min(done+step, to))
		}
		if err != nil {
			return err
		}
		before := done
		done = x.insertAll(ctx, v, s.Valid(), done, threads)
		nodes += vecindex.Nodes(s.Valid(), before, done)
		x.publish(s, done, nodes)
		if err := errors.Join(x.sweep(), ctx.Err()); err != nil {
			return err
		}
		if x.progress != nil {
			x.progress(done, to)
		}
	}
	return ctx.Err()
}

// publish lets searches see the first rows rows, which are complete, and takes
// back what was prepared for those behind.
func (x *live) publish(s vecindex.Source, rows, nodes int) {
	for _, first := range words[uint32](x.slabs.first)[rows:x.prepared] {
		if first != none {
			x.lists = int(first)
			break
		}
	}
	x.prepared = rows
	v := x.cut(s, rows)
	v.nodes = nodes
	v.entry, v.top = x.writer.entryPoint()
	v.top = max(v.top, 0)
	x.view.Store(v)
}

// cut makes a view of the first rows.
func (x *live) cut(s vecindex.Source, rows int) *view {
	v := &view{
		rows: rows, matrix: s.Matrix().Head(rows),
		links: words[uint32](x.slabs.links)[:rows*x.m0()],
		first: words[uint32](x.slabs.first)[:rows],
		upper: words[uint32](x.slabs.upper)[:x.lists*x.m],
	}
	switch x.metric {
	case vecindex.Cosine:
		v.inv = words[float32](x.slabs.inv)[:rows]
	case vecindex.IP:
		v.lift = words[float32](x.slabs.lift)[:rows]
	}
	if x.coding != nil {
		v.coding, v.codes = x.coding, x.slabs.codes.Bytes()[:rows*x.coding.stride()]
	}
	if x.follower != nil {
		v.lease = x.follower.lease
	}
	return v
}

// grow makes room for rows and for lists above level 0.
func (x *live) grow(rows, lists int) error {
	errs := []error{
		x.slabs.links.Grow(4 * x.m0() * rows), x.slabs.first.Grow(4 * rows), x.slabs.upper.Grow(4 * x.m * lists),
	}
	switch x.metric {
	case vecindex.Cosine:
		errs = append(errs, x.slabs.inv.Grow(4*rows))
	case vecindex.IP:
		errs = append(errs, x.slabs.lift.Grow(4*rows))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("HNSW index of %d rows: %w", rows, err)
	}
	return nil
}

// liftTo returns the squared length to which rows are lifted: that of the
// longest of a sample, but no more than four times the median, lest a few very
// long rows drown the differences of all others in rounding. Rows beyond are
// not lifted, and none is if all have about the same length already.
func (x *live) liftTo(s vecindex.Source) float64 {
	const sample, equal = 1024, 0.99
	var squares []float64
	m, room := s.Matrix(), make([]float32, x.dim)
	for row := range vecindex.Spread(s, sample) {
		v := m.Floats(row, room)
		squares = append(squares, min(float64(x.kern.IP(v, v)), math.MaxFloat32/4))
	}
	if len(squares) == 0 {
		return 0
	}
	slices.Sort(squares)
	longest := squares[len(squares)-1]
	if squares[0] >= equal*longest {
		return 0
	}
	return min(longest, 4*squares[len(squares)/2])
}

// prepare makes a view of the first rows rows, in which those from done on have
// empty lists.
func (x *live) prepare(s vecindex.Source, done, rows int) (*view, error) {
	lists := x.lists
	room := x.slabs.upper.Cap() / 4 / x.m
	levels := make([]int, rows-done)
	for row := vecindex.NextNode(s.Valid(), done); row < rows; row = vecindex.NextNode(s.Valid(), row+1) {
		if l := level(x.seed, row, x.m); lists+l <= room {
			levels[row-done] = l
			lists += l
		}
	}
	if err := x.grow(rows, lists); err != nil {
		return nil, err
	}
	first := x.lists
	x.lists, x.prepared = lists, rows
	v, elements := x.cut(s, rows), make([]float32, x.dim)
	for i, l := range levels {
		row := uint32(done + i)
		v.first[row] = none
		if l > 0 {
			v.first[row] = uint32(first)
			first += l
		}
		for at := 0; at <= l; at++ {
			list := x.list(v, row, at)
			for j := range list {
				list[j] = row
			}
		}
		x.measure(v, s.Valid(), done+i, elements)
	}
	return v, nil
}

// measure sets what a view has of a row's vector beside the vector. room is for
// its elements.
func (x *live) measure(v *view, valid column.Bitset, row int, room []float32) {
	null := !present(valid, row)
	switch {
	case x.metric == vecindex.Cosine && null:
		v.inv[row] = 0
	case x.metric == vecindex.Cosine:
		v.inv[row] = x.kern.InvNormOf(&v.matrix, row, room)
	case x.metric == vecindex.IP && null:
		v.lift[row] = 0
	case x.metric == vecindex.IP:
		vector := v.matrix.Floats(row, room)
		short := x.lifted - float64(x.kern.IP(vector, vector))
		v.lift[row] = float32(math.Sqrt(max(short, 0)))
	}
}

// words views a slab, whose start is aligned for every type.
func words[T mem.Word](s *mem.Slab) []T {
	w, _ := mem.View[T](s.Bytes())
	return w
}

// insertAll inserts the rows of v from done on with up to threads goroutines,
// until ctx is canceled, and returns how many rows are complete then: rows are
// taken in order, and who takes one finishes it.
func (x *live) insertAll(ctx context.Context, v *view, valid column.Bitset, done, threads int) int {
	return done + share(ctx, v.rows-done, 1, threads, func(taken iter.Seq[int]) {
		w := x.walkers.Get().(*walker)
		defer x.walkers.Put(w)
		for i := range taken {
			if row := done + i; present(valid, row) {
				x.writer.insert(v, w, uint32(row))
			}
		}
	})
}

// WriteTo implements io.WriterTo.
func (x *live) WriteTo(w io.Writer) (int64, error) {
	x.extending.Lock()
	defer x.extending.Unlock()
	return x.graph.write(w)
}

// Close frees the slabs.
func (x *live) Close() error {
	x.view.Store(&view{})
	var errs []error
	for _, s := range []**mem.Slab{&x.slabs.links, &x.slabs.first, &x.slabs.upper, &x.slabs.inv, &x.slabs.lift, &x.slabs.codes} {
		if *s != nil {
			errs = append(errs, (*s).Free())
		}
	}
	if x.follower != nil {
		for _, l := range x.follower.retired {
			errs = append(errs, l.slab.Free())
		}
		x.follower.retired = nil
	}
	return errors.Join(errs...)
}
