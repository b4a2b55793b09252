package binivf

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

const (
	rowsPerCenter = 64   // of the sample that centers are made of
	rounds        = 10   // of Lloyd's algorithm
	block         = 1024 // rows that a goroutine takes at a time
)

// builder makes one index.
type builder struct {
	*index
	o    vecindex.BuildOptions
	dim  int
	rng  *rand.Rand
	near *mem.Slab // the list of each row, of the build alone
}

func (e *env) build(ctx context.Context, s vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) (*index, error) {
	asked, err := lists(p)
	if err == nil {
		err = check(s, m)
	}
	if err != nil {
		return nil, err
	}
	n := s.Rows()
	if int64(n) >= maxRows {
		return nil, fmt.Errorf("BIN_IVF_FLAT index of %d rows: too large", n)
	}
	x := &index{env: e, metric: m, src: s, rows: s.Matrix(), nodes: vecindex.Nodes(s.Valid(), 0, n), seed: o.Seed}
	x.lists = max(1, min(asked, x.nodes/minRowsPerList))
	b := &builder{index: x, o: o, dim: s.Dim(), rng: rand.New(rand.NewPCG(o.Seed, 0))}
	ids, err := mem.NewSlab(o.Budget, 4*x.nodes, 4*x.nodes)
	if err != nil {
		return nil, fmt.Errorf("BIN_IVF_FLAT index of %d rows: %w", n, err)
	}
	x.close = ids.Free
	if b.near, err = mem.NewSlab(o.Budget, 4*n, 4*n); err != nil {
		return nil, errors.Join(fmt.Errorf("BIN_IVF_FLAT index of %d rows: %w", n, err), x.Close())
	}
	x.ids, _ = mem.View[uint32](ids.Bytes())
	if err = errors.Join(b.run(ctx), b.near.Free()); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

// run makes the centers, finds the nearest one of each row, and makes the lists.
func (b *builder) run(ctx context.Context) error {
	n, valid := b.src.Rows(), b.src.Valid()
	b.centers = make([]byte, b.lists*b.rows.RowSize())
	b.center = vec.Packed(vec.Bits, b.dim, b.centers)
	if err := b.train(ctx); err != nil {
		return err
	}
	near, _ := mem.View[uint32](b.near.Bytes())
	if err := b.assign(ctx, &b.rows, valid, near); err != nil {
		return err
	}
	counts := make([]uint32, b.lists+1)
	for row := vecindex.NextNode(valid, 0); row < n; row = vecindex.NextNode(valid, row+1) {
		counts[near[row]+1]++
	}
	for i := range b.lists {
		counts[i+1] += counts[i]
	}
	b.ends = append([]uint32(nil), counts...)
	for row := vecindex.NextNode(valid, 0); row < n; row = vecindex.NextNode(valid, row+1) {
		b.ids[counts[near[row]]] = uint32(row)
		counts[near[row]]++
	}
	if b.o.Progress != nil {
		b.o.Progress(n, n)
	}
	return ctx.Err()
}

// train makes the centers of a sample of the rows.
func (b *builder) train(ctx context.Context) error {
	size := b.rows.RowSize()
	var sample []byte
	for row := range vecindex.Spread(b.src, b.lists*rowsPerCenter) {
		sample = append(sample, b.rows.Bytes()[row*size:(row+1)*size]...)
	}
	rows := vec.Packed(vec.Bits, b.dim, sample)
	if rows.Rows() == 0 {
		return ctx.Err()
	}
	for i, row := range b.rng.Perm(rows.Rows())[:min(b.lists, rows.Rows())] {
		copy(b.centers[i*size:(i+1)*size], sample[row*size:])
	}
	near := make([]uint32, rows.Rows())
	for range rounds {
		if err := b.assign(ctx, &rows, column.Bitset{}, near); err != nil {
			return err
		}
		b.majorities(sample, near)
	}
	return nil
}

// majorities makes each center one of the bits that more than half of its rows
// have; what just half have stays as it is. A center without rows becomes one of
// the rows.
func (b *builder) majorities(sample []byte, near []uint32) {
	size := b.rows.RowSize()
	ones, rows := make([]int32, b.lists*b.dim), make([]int32, b.lists)
	for i, list := range near {
		rows[list]++
		of := ones[int(list)*b.dim:][:b.dim]
		for j, v := range sample[i*size : (i+1)*size] {
			for ; v != 0; v &= v - 1 {
				of[8*j+bits.TrailingZeros8(v)]++
			}
		}
	}
	for list, n := range rows {
		center := b.centers[list*size : (list+1)*size]
		if n == 0 {
			copy(center, sample[b.rng.IntN(len(near))*size:])
			continue
		}
		for i, c := range ones[list*b.dim:][:b.dim] {
			switch bit := byte(1) << (i % 8); {
			case 2*c > n:
				center[i/8] |= bit
			case 2*c < n:
				center[i/8] &^= bit
			}
		}
	}
}

// assign sets near[i] to the center nearest to row i, if that has a vector.
func (b *builder) assign(ctx context.Context, rows *vec.Matrix, valid column.Bitset, near []uint32) error {
	var at atomic.Int64
	work := func() {
		out := make([]float32, b.lists)
		for ctx.Err() == nil {
			from := int(at.Add(block)) - block
			for i := from; i < min(from+block, len(near)); i++ {
				if valid.IsZero() || valid.Get(i) {
					q := rows.Probe(i, nil)
					near[i] = b.nearestCenter(&q, out)
				}
			}
			if from >= len(near) {
				return
			}
		}
	}
	var wg sync.WaitGroup
	for range min(b.o.Threads, len(near)/block+1) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	return ctx.Err()
}

func (b *builder) nearestCenter(q *vec.Probe, out []float32) uint32 {
	b.kern.Rows(b.metric.Measure(), q, &b.center, 0, out)
	best := 0
	for i, d := range out {
		if d < out[best] {
			best = i
		}
	}
	return uint32(best)
}
