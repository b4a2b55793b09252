package hnsw

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// Whether codes are good enough is measured: for some of the rows the nearest
// others are looked up by codes among all rows, as a perfect walk would, some
// more than are wanted, and compared with the exact ones. If codes would lose
// more than the share 1 - faithful of the hits, the graph is one of vectors.
const (
	probes    = 32
	probeHits = 10
	probeEf   = 24
	faithful  = 0.99
)

// sampleFloats is about how many elements a coder is trained on.
const sampleFloats = 1 << 19

// encode makes codes of all rows, if they are good enough for their graph. Vectors
// that are no larger than their codes would be are walked on as they are.
func (x *live) encode(ctx context.Context, s vecindex.Source, threads int, budget *mem.Budget) error {
	if x.dim > vec.MaxCodeDim || s.Rows() == 0 || x.elem == vecindex.Int8 || x.elem == vecindex.Binary {
		return nil
	}
	coder, ok := x.train(s)
	if !ok {
		return nil
	}
	c, ok := newOctets(&x.graph, codesHeader{min: coder.Min, scale: coder.Scale})
	if !ok {
		return nil
	}
	slab, err := x.encodeAll(ctx, s, c, threads, budget)
	if err != nil {
		return err
	}
	x.measureLoss(ctx, s, c, slab.Bytes(), threads)
	x.slabs.codes, x.coding = slab, c
	if c.lossless(x.dim) {
		return nil
	}
	if ok, err = x.faithful(ctx, s, c, slab.Bytes(), threads); ok || err != nil {
		return err
	}
	x.coding, x.slabs.codes = nil, nil
	return slab.Free()
}

// each calls a function of work for each row below rows, with up to threads
// goroutines that make one each, until ctx is canceled.
func each(ctx context.Context, rows, threads int, work func() func(row int)) {
	share(ctx, rows, 256, threads, func(taken iter.Seq[int]) {
		fn := work()
		for row := range taken {
			fn(row)
		}
	})
}

// share calls work in up to threads goroutines, each with the numbers below n that
// it takes, block at a time and in order, until ctx is canceled. It returns how many
// were taken: who takes a block finishes it.
func share(ctx context.Context, n, block, threads int, work func(taken iter.Seq[int])) int {
	var next atomic.Int64
	take := func(yield func(int) bool) {
		for ctx.Err() == nil {
			from := int(next.Add(int64(block))) - block
			for i := from; i < min(from+block, n); i++ {
				if !yield(i) {
					return
				}
			}
			if from+block >= n {
				return
			}
		}
	}
	var wg sync.WaitGroup
	for range min(threads, (n+block-1)/block) - 1 {
		wg.Go(func() { work(take) })
	}
	work(take)
	wg.Wait()
	return min(int(next.Load()), n)
}

// train makes a coder that suits a sample of the rows.
func (x *live) train(s vecindex.Source) (vec.Coder, bool) {
	return vecindex.TrainCoder(x.metric, x.sample(s, max(sampleFloats/x.dim, 64)))
}

// faithful reports whether the rows nearest by codes hold those nearest by
// vectors.
func (x *live) faithful(ctx context.Context, s vecindex.Source, c *octets, codes []byte, threads int) (bool, error) {
	found, err := x.found(ctx, s, c, codes, trial{probes: probes}, threads)
	return found >= faithful, err
}

// trial is which rows codes are tried with.
type trial struct {
	from   int // the first of those that are looked up
	asked  int // the first of those whose neighbours are asked for
	probes int // how many are asked
}

// found returns which share of the rows nearest by vectors those nearest by codes
// hold; 1 where there are none.
func (x *live) found(ctx context.Context, s vecindex.Source, c *octets, codes []byte, t trial, threads int) (float64, error) {
	var rows []int
	for row := range vecindex.SpreadFrom(s, t.asked, t.probes) {
		rows = append(rows, row)
	}
	v := &view{rows: s.Rows(), matrix: s.Matrix(), coding: c, codes: codes}
	if x.metric == vecindex.Cosine {
		v.inv = make([]float32, v.rows)
		room := make([]float32, x.dim)
		for row := vecindex.NextNode(s.Valid(), t.from); row < v.rows; row = vecindex.NextNode(s.Valid(), row+1) {
			v.inv[row] = x.kern.InvNormOf(&v.matrix, row, room)
		}
	}
	var skip []uint64
	if !s.Valid().IsZero() {
		nulls := s.Valid().Clone()
		nulls.Not()
		skip = nulls.Words()
	}
	var found, wanted atomic.Int64
	share(ctx, len(rows), 1, threads, func(taken iter.Seq[int]) {
		w := x.walkers.Get().(*walker)
		defer x.walkers.Put(w)
		for i := range taken {
			f, n := x.probe(ctx, v, w, c, rows[i], t.from, skip)
			found.Add(int64(f))
			wanted.Add(int64(n))
		}
	})
	if wanted.Load() == 0 {
		return 1, ctx.Err()
	}
	return float64(found.Load()) / float64(wanted.Load()), ctx.Err()
}

// probe looks up the rows nearest to a row, of those from first on, by codes and by
// vectors, and returns how many of the latter the former hold, or equally near ones.
func (x *live) probe(ctx context.Context, v *view, w *walker, c *octets, row, first int, skip []uint64) (found, wanted int) {
	from := v.matrix.Probe(row, make([]float32, x.dim))
	w.scan.Start(x.kern, x.metric, from, probeHits+1)
	if err := w.scan.Rows(ctx, &v.matrix, v.inv, first, v.rows, skip); err != nil {
		return 0, 0
	}
	nearest := w.scan.Top.Keys()
	if wanted = len(nearest); wanted == 0 {
		return 0, 0
	}
	worst := nearest[wanted-1] >> 32

	t := x.query(v, w, from)
	t.coding = c // also of a row out of their range, by which they are judged too
	w.best.Reset(min(probeEf, v.rows))
	w.room(codeBlock)
	for from := first; from < v.rows; from += codeBlock {
		out := w.dist[:min(codeBlock, v.rows-from)]
		block := v.codes[from*c.bytes:]
		if x.metric == vecindex.L2 {
			x.kern.L2CodeRows(t.code, block, out)
		} else {
			x.kern.IPCodeRows(t.code, t.base, block, out)
		}
		bound := w.best.Bound()
		for i, d := range out {
			r := from + i
			if key := uint64(d)<<32 | uint64(r); key < bound && (skip == nil || skip[r/64]>>(r%64)&1 == 0) {
				w.best.Offer(key)
				bound = w.best.Bound()
			}
		}
	}
	for _, key := range x.rank(v, w, &t, w.best.Keys(), wanted) {
		if key>>32 <= worst {
			found++
		}
	}
	return found, wanted
}

// codeBlock is how many rows of codes one kernel call of probe takes.
const codeBlock = 256

// present reports whether a row has a vector.
func present(valid column.Bitset, row int) bool { return valid.IsZero() || valid.Get(row) }
