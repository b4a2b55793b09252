package minhash

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// builder makes an index in two passes: the rows are hashed, a chunk of them at
// a time, and then the tables are sorted, each by one goroutine. Either is a
// function of the rows, whatever the number of goroutines.
type builder struct {
	*index
	o      vecindex.BuildOptions
	shift  int        // bucketBits
	hashes [][]uint64 // of the bands at work and each node: bucket << 16 | tag
	slabs  mem.Slabs  // of the index
	spare  mem.Slabs  // of the build alone

	mu struct {
		sync.Mutex
		done int64 // entries, of both passes
	}
}

// chunkRows is how many rows are hashed between two looks at the context.
const chunkRows = 1 << 10

// build makes an index over s.
func (e *env) build(ctx context.Context, s vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) (*index, error) {
	par, err := parse(p, s.Dim(), m)
	if err != nil {
		return nil, err
	}
	x := &index{env: e, params: par, src: s, bits: bytesOf(s), nodes: vecindex.Nodes(s.Valid(), 0, s.Rows()), tables: make([]table, par.bands)}
	if int64(s.Rows()) >= maxRows {
		return nil, fmt.Errorf("%s index of %d rows: too large, the bound is %d", name, s.Rows(), maxRows)
	}
	b := &builder{index: x, o: o, shift: bucketBits(x.nodes)}
	x.close = b.slabs.Free
	if err = errors.Join(b.run(ctx), b.spare.Free()); err != nil {
		if ctx.Err() == nil {
			err = fmt.Errorf("%s index of %d rows: %w", name, s.Rows(), err)
		}
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

// run makes the tables of some bands at a time.
func (b *builder) run(ctx context.Context) error {
	rows, err := b.allocate()
	if err != nil {
		return err
	}
	chunks := (b.nodes + chunkRows - 1) / chunkRows
	for from := 0; from < len(b.tables); from += len(b.hashes) {
		to := min(from+len(b.hashes), len(b.tables))
		err := b.each(ctx, chunks, func(i int) error {
			b.hashRows(rows, i*chunkRows, min((i+1)*chunkRows, b.nodes), from, to)
			return nil
		})
		if err == nil {
			err = b.each(ctx, to-from, func(i int) error { return b.fill(ctx, &b.tables[from+i], b.hashes[i], rows) })
		}
		if err != nil {
			return err
		}
	}
	if b.o.Progress != nil {
		b.o.Progress(b.src.Rows(), b.src.Rows())
	}
	return ctx.Err()
}

// allocate makes room for the tables and for the hashes of some bands, and lists
// the nodes where these are not all rows.
func (b *builder) allocate() (rows []uint32, err error) {
	for i := range b.tables {
		t := &b.tables[i]
		if t.starts, err = mem.Alloc[uint32](&b.slabs, b.o.Budget, 1<<b.shift+1); err != nil {
			return nil, err
		}
		if t.rows, err = mem.Alloc[uint32](&b.slabs, b.o.Budget, b.nodes); err != nil {
			return nil, err
		}
		if t.tags, err = mem.Alloc[uint16](&b.slabs, b.o.Budget, b.nodes); err != nil {
			return nil, err
		}
	}
	for range min(len(b.tables), max(b.o.Threads, minGroup)) {
		h, err := mem.Alloc[uint64](&b.spare, b.o.Budget, b.nodes)
		if err != nil {
			return nil, err
		}
		b.hashes = append(b.hashes, h)
	}
	if b.nodes == b.src.Rows() {
		return nil, nil
	}
	if rows, err = mem.Alloc[uint32](&b.spare, b.o.Budget, b.nodes); err != nil {
		return nil, err
	}
	valid := b.src.Valid()
	row := -1
	for i := range rows {
		row = valid.Next(row + 1)
		rows[i] = uint32(row)
	}
	return rows, nil
}

// minGroup is how many bands are hashed in one pass over the rows, at least.
const minGroup = 4

// each calls fn for the numbers below n, from several goroutines.
func (b *builder) each(ctx context.Context, n int, fn func(i int) error) error {
	var next atomic.Int64
	workers := max(1, min(b.o.Threads, n))
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		work := func() {
			for errs[w] == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if errs[w] = ctx.Err(); errs[w] == nil {
					errs[w] = fn(i)
				}
				if errs[w] != nil {
					next.Store(math.MaxInt32) // the others stop too
				}
			}
		}
		if w == workers-1 {
			work()
		} else {
			wg.Go(work)
		}
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.Join(errs...)
}

// report says that so many entries went through one of the passes.
func (b *builder) report(entries int) {
	if b.o.Progress == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.done += int64(entries)
	share := float64(b.mu.done) / float64(2*max(b.nodes, 1)*len(b.tables))
	b.o.Progress(int(share*float64(b.src.Rows())), b.src.Rows())
}

// hashRows hashes the bands [first, last) of the nodes [from, to), of which rows
// has the rows, or nil if all rows are nodes.
func (b *builder) hashRows(rows []uint32, from, to, first, last int) {
	size := b.bandBytes()
	for i := from; i < to; i++ {
		elements := b.row(rowOf(rows, i))[first*size : last*size]
		for h := range last - first {
			bucket, tag := hash(elements[h*size:][:size], b.shift)
			b.hashes[h][i] = uint64(bucket)<<16 | uint64(tag)
		}
	}
	b.report((to - from) * (last - first))
}

// rowOf returns the row of a node.
func rowOf(rows []uint32, node int) uint32 {
	if rows == nil {
		return uint32(node)
	}
	return rows[node]
}

// fill fills a table with the hashes of the nodes, which it overwrites: a counting
// sort by buckets, then each bucket by tags. Rows of one tag stay in order.
func (b *builder) fill(ctx context.Context, t *table, hashes []uint64, rows []uint32) error {
	for _, h := range hashes {
		t.starts[h>>16+1]++
	}
	for i := range t.starts[1:] {
		t.starts[i+1] += t.starts[i]
	}
	for from := 0; from < len(hashes); from += fillRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		for i := from; i < min(from+fillRows, len(hashes)); i++ {
			h := hashes[i]
			at := t.starts[h>>16]
			t.starts[h>>16]++
			t.rows[at], t.tags[at] = rowOf(rows, i), uint16(h)
		}
	}
	copy(t.starts[1:], t.starts) // each has become the next one's
	t.starts[0] = 0
	sorted := 0
	for i, from := range t.starts[:len(t.starts)-1] {
		if int(from)-sorted >= fillRows {
			if sorted = int(from); ctx.Err() != nil {
				return ctx.Err()
			}
		}
		to := t.starts[i+1]
		keys := hashes[:to-from]
		for j := range keys {
			keys[j] = uint64(t.tags[int(from)+j])<<32 | uint64(t.rows[int(from)+j])
		}
		slices.Sort(keys)
		for j, key := range keys {
			t.tags[int(from)+j], t.rows[int(from)+j] = uint16(key>>32), uint32(key)
		}
	}
	b.report(len(hashes))
	return nil
}

// fillRows is how many entries are placed between two looks at the context.
const fillRows = 1 << 14
