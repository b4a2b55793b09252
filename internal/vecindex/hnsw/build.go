package hnsw

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// step is the number of rows after which an Extend publishes a view, reports
// progress and looks at its context.
const step = 512

// live is a graph in memory, built at once or growing. It owns its slabs.
type live struct {
	graph
	writer  *writer
	maxRows int
	slabs   struct{ links, first, upper, inv, lift *mem.Slab }
	lists   int     // lists of upper in use
	lifted  float64 // IP: the squared length to which rows are lifted

	progress func(done, total int) // may be nil

	// extending is held by Extend and WriteTo, which exclude each other; that
	// they wait here and do not fail is for a caller's comfort.
	extending sync.Mutex
}

func build(ctx context.Context, kern vec.Kernels, s vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) (vecindex.Index, error) {
	x, err := newLive(kern, s.Dim(), m, p, vecindex.LiveOptions{MaxRows: s.Rows(), Seed: o.Seed, Budget: o.Budget})
	if err != nil {
		return nil, err
	}
	x.progress = o.Progress
	if err := x.Extend(ctx, s.Vectors()[:s.Rows()*s.Dim()], o.Threads); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

func newLive(kern vec.Kernels, dim int, m vecindex.Metric, p vecindex.Params, o vecindex.LiveOptions) (*live, error) {
	par, err := parse(p)
	if err != nil {
		return nil, err
	}
	if dim < 1 || o.MaxRows < 0 || o.MaxRows >= maxRows || o.MaxRows > math.MaxInt/4/max(par.m0(), dim) {
		return nil, fmt.Errorf("HNSW index of up to %d rows of dimension %d: too large", o.MaxRows, dim)
	}
	x := &live{maxRows: o.MaxRows}
	x.graph = graph{params: par, kern: kern, metric: m, dim: dim, seed: o.Seed}
	x.graph.walkers.New = newWalker
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
		if *s.slab, err = mem.NewSlab(o.Budget, 0, s.size); err != nil {
			return nil, errors.Join(fmt.Errorf("HNSW index: %w", err), x.Close())
		}
	}
	return x, nil
}

func newWalker() any { return new(walker) }

// Extend implements vecindex.Live.
func (x *live) Extend(ctx context.Context, vectors []float32, threads int) error {
	x.extending.Lock()
	defer x.extending.Unlock()
	from, to := x.Rows(), len(vectors)/x.dim
	if to > x.maxRows {
		return fmt.Errorf("HNSW index for %d rows cannot take %d", x.maxRows, to)
	}
	if from == 0 && x.metric == vecindex.IP {
		x.lifted = x.liftTo(vectors[:to*x.dim])
	}
	for done := from; done < to; {
		if err := ctx.Err(); err != nil {
			return err
		}
		next := min(done+step, to)
		v, err := x.prepare(vectors[:next*x.dim], done)
		if err != nil {
			return err
		}
		x.insertAll(v, done, threads)
		row, top := x.writer.entryPoint()
		v.entry, v.top = row, top
		x.view.Store(v)
		done = next
		if x.progress != nil {
			x.progress(done, to)
		}
	}
	return ctx.Err()
}

// liftTo returns the squared length to which rows are lifted: that of the
// longest of a sample, but no more than four times the median, lest a few very
// long rows drown the differences of all others in rounding. Rows beyond are
// not lifted.
func (x *live) liftTo(vectors []float32) float64 {
	const sample = 1024
	rows := len(vectors) / x.dim
	var squares []float64
	for row := 0; row < rows; row += rows/sample + 1 {
		v := vectors[row*x.dim : (row+1)*x.dim]
		squares = append(squares, min(float64(x.kern.IP(v, v)), math.MaxFloat32/4))
	}
	if len(squares) == 0 {
		return 0
	}
	slices.Sort(squares)
	return min(squares[len(squares)-1], 4*squares[len(squares)/2])
}

// prepare makes a view in which the rows from done on have empty lists.
func (x *live) prepare(vectors []float32, done int) (*view, error) {
	rows := len(vectors) / x.dim
	lists := x.lists
	room := x.slabs.upper.Cap() / 4 / x.m
	levels := make([]int, rows-done)
	for i := range levels {
		if l := level(x.seed, done+i, x.m); lists+l <= room {
			levels[i] = l
			lists += l
		}
	}
	inv, lift := 0, 0
	switch x.metric {
	case vecindex.Cosine:
		inv = rows
	case vecindex.IP:
		lift = rows
	}
	err := errors.Join(x.slabs.links.Grow(4*x.m0()*rows), x.slabs.first.Grow(4*rows),
		x.slabs.upper.Grow(4*x.m*lists), x.slabs.inv.Grow(4*inv), x.slabs.lift.Grow(4*lift))
	if err != nil {
		return nil, fmt.Errorf("HNSW index of %d rows: %w", rows, err)
	}
	v := &view{
		rows: rows, vectors: vectors,
		links: words[uint32](x.slabs.links), first: words[uint32](x.slabs.first),
		upper: words[uint32](x.slabs.upper), inv: words[float32](x.slabs.inv), lift: words[float32](x.slabs.lift),
	}
	for i, l := range levels {
		row := uint32(done + i)
		v.first[row] = none
		if l > 0 {
			v.first[row] = uint32(x.lists)
			x.lists += l
		}
		for at := 0; at <= l; at++ {
			list := x.list(v, row, at)
			for j := range list {
				list[j] = row
			}
		}
		vector := vectors[int(row)*x.dim : int(row+1)*x.dim]
		if inv > 0 {
			v.inv[row] = x.kern.InvNorm(vector)
		}
		if lift > 0 {
			short := x.lifted - float64(x.kern.IP(vector, vector))
			v.lift[row] = float32(math.Sqrt(max(short, 0)))
		}
	}
	return v, nil
}

// words views a slab, whose start is aligned for every type.
func words[T mem.Word](s *mem.Slab) []T {
	w, _ := mem.View[T](s.Bytes())
	return w
}

// insertAll inserts the rows of v from done on with up to threads goroutines.
func (x *live) insertAll(v *view, done, threads int) {
	var next atomic.Int64
	next.Store(int64(done))
	work := func() {
		w := x.walkers.Get().(*walker)
		defer x.walkers.Put(w)
		for {
			row := next.Add(1) - 1
			if row >= int64(v.rows) {
				return
			}
			x.writer.insert(v, w, uint32(row))
		}
	}
	var wg sync.WaitGroup
	for range min(threads, v.rows-done) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
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
	for _, s := range []**mem.Slab{&x.slabs.links, &x.slabs.first, &x.slabs.upper, &x.slabs.inv, &x.slabs.lift} {
		if *s != nil {
			errs = append(errs, (*s).Free())
		}
	}
	return errors.Join(errs...)
}
