package sparse

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

// builder makes an index window by window, twice: first the lists are counted,
// then, when it is known where each run begins, they are filled.
type builder struct {
	*index
	o     vecindex.BuildOptions
	slabs mem.Slabs
	held  int64 // bytes of counts in the budget

	windows [][]count
	mu      struct {
		sync.Mutex
		done int // windows, of both passes
	}
}

// count is what a window has of a list.
type count struct {
	key  key
	rows uint32
	most float32 // largest worth, rounded up
	at   uint32  // where the run begins, or ends when it is filled
	list uint32
}

// maxRows is the bound of row numbers.
const maxRows = 1 << 31

// build makes an index over s.
func (e *env) build(ctx context.Context, s vecindex.SparseSource, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) (*index, error) {
	par, err := parse(p, m)
	if err != nil {
		return nil, err
	}
	x := newIndex(e, s, m)
	x.params, x.shift = par, e.windowBits
	b := &builder{index: x, o: o}
	x.close = b.slabs.Free
	err = b.run(ctx)
	if o.Budget != nil {
		o.Budget.Release(b.held)
	}
	if err != nil {
		if ctx.Err() == nil {
			err = fmt.Errorf("sparse index of %d rows: %w", s.Rows(), err)
		}
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

// alloc sets to to n zeroed elements, which count in the budget and are freed with
// the index.
func alloc[T mem.Word](b *builder, to *[]T, n int) (err error) {
	*to, err = mem.Alloc[T](&b.slabs, b.o.Budget, n)
	return err
}

func (b *builder) run(ctx context.Context) error {
	rows := b.src.Rows()
	if int64(rows) >= maxRows {
		return fmt.Errorf("too large, the bound is %d", maxRows)
	}
	if b.metric == vecindex.BM25 {
		if err := alloc(b, &b.lens, rows); err != nil {
			return err
		}
	}
	b.windows = make([][]count, b.windowCount())
	if err := b.each(ctx, b.count); err != nil {
		return err
	}
	b.lengths()
	if err := b.layOut(); err != nil {
		return err
	}
	if err := b.each(ctx, b.fill); err != nil {
		return err
	}
	if b.o.Progress != nil {
		b.o.Progress(rows, rows)
	}
	return ctx.Err()
}

// each calls fn for all windows, from several goroutines; a tally belongs to one
// of them.
func (b *builder) each(ctx context.Context, fn func(t *tally, window int) error) error {
	var next atomic.Int64
	workers := max(1, min(b.o.Threads, len(b.windows)))
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for i := range workers {
		work := func() {
			var t tally
			for errs[i] == nil {
				w := int(next.Add(1)) - 1
				if w >= len(b.windows) {
					return
				}
				if errs[i] = ctx.Err(); errs[i] == nil {
					errs[i] = fn(&t, w)
				}
				if errs[i] != nil {
					next.Store(int64(len(b.windows))) // the others stop too
				}
				b.report()
			}
		}
		if i == workers-1 {
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

// report says that one of the windows, of both passes, is done.
func (b *builder) report() {
	if b.o.Progress == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.done++
	rows := b.src.Rows()
	b.o.Progress(int(int64(rows)*int64(b.mu.done)/int64(2*len(b.windows))), rows)
}

// elements calls fn for the elements of a window that lists have: the row in the
// window, the list, and what the value is worth.
func (b *builder) elements(window int, fn func(id int, k key, worth float64)) {
	from := window << b.shift
	to := min(from+1<<b.shift, b.src.Rows())
	rows := b.src.SparseRows()
	rule := newRule(b.k1, b.b, max(b.avgdl, 1))
	for row := vecindex.NextNode(b.src.Valid(), from); row < to; row = vecindex.NextNode(b.src.Valid(), row+1) {
		at, end := rows.Offsets[row], rows.Offsets[row+1]
		length := 0.0
		if b.lens != nil {
			b.lens[row] = lengthOf(rows.Values[at:end])
			length = float64(b.lens[row])
		}
		for ; at < end; at++ {
			v := float64(rows.Values[at])
			switch {
			case v == 0 || b.lens != nil && v < 0:
			case b.lens != nil:
				fn(row-from, keyOf(rows.Dims[at], false), rule.worth(v, length))
			default:
				fn(row-from, keyOf(rows.Dims[at], v < 0), math.Abs(v))
			}
		}
	}
}

// count counts the lists of a window.
func (b *builder) count(t *tally, window int) error {
	t.reset()
	var counts []count
	b.elements(window, func(_ int, k key, worth float64) {
		n, fresh := t.number(k)
		if fresh {
			counts = append(counts, count{key: k})
		}
		c := &counts[n]
		c.rows++
		c.most = max(c.most, roundUp(worth))
	})
	const size = 24 // bytes of a count
	if b.o.Budget != nil {
		need := int64(size * len(counts))
		if err := b.o.Budget.Reserve(need); err != nil {
			return err
		}
		b.mu.Lock()
		b.held += need
		b.mu.Unlock()
	}
	b.windows[window] = slices.Clone(counts)
	return nil
}

// lengths sets the bounds of lengths and counts.
func (b *builder) lengths() {
	if b.lens == nil {
		return
	}
	b.leastTF, b.leastLen = math.MaxFloat32, math.MaxFloat32
	rows := b.src.SparseRows()
	for row := vecindex.NextNode(b.src.Valid(), 0); row < b.src.Rows(); row = vecindex.NextNode(b.src.Valid(), row+1) {
		b.leastLen, b.mostLen = min(b.leastLen, b.lens[row]), max(b.mostLen, b.lens[row])
		for _, v := range rows.Values[rows.Offsets[row]:rows.Offsets[row+1]] {
			if v > 0 {
				b.leastTF = min(b.leastTF, v)
			}
		}
	}
}

// layOut sorts the lists and decides where their runs are.
func (b *builder) layOut() error {
	var lists tally
	var rows []uint64
	var most []float32
	runs, entries := 0, uint64(0)
	for _, counts := range b.windows {
		for i := range counts {
			c := &counts[i]
			n, fresh := lists.number(c.key)
			if fresh {
				rows, most = append(rows, 0), append(most, 0)
			}
			c.list = uint32(n)
			rows[n] += uint64(c.rows)
			most[n] = max(most[n], c.most)
		}
		runs += len(counts)
	}
	order := make([]uint32, len(rows))
	denses := 0
	for i := range order {
		order[i] = uint32(i)
		if b.isDense(rows[i]) {
			denses++
		} else {
			entries += rows[i]
		}
	}
	if entries > math.MaxUint32 || runs > math.MaxInt32 {
		return fmt.Errorf("too large: %d entries in %d runs", entries, runs)
	}
	slices.SortFunc(order, func(i, j uint32) int {
		if lists.keys[i] < lists.keys[j] {
			return -1
		}
		return 1
	})
	if err := b.allocate(len(order), runs, int(entries), denses); err != nil {
		return err
	}
	rank := make([]uint32, len(order))
	dense := uint32(0)
	for r, i := range order {
		k := lists.keys[i]
		rank[i] = uint32(r)
		b.dims[r], b.scales[r] = k.dim(), scaleOf(most[i])
		if k.negative() {
			b.scales[r] = -b.scales[r]
		}
		if b.isDense(rows[i]) {
			dense++
			b.dense[r] = dense
		}
	}
	b.placeRuns(rank)
	return nil
}

// allocate makes room for the parts.
func (b *builder) allocate(lists, runs, entries, denses int) error {
	return errors.Join(
		alloc(b, &b.dims, lists), alloc(b, &b.scales, lists), alloc(b, &b.dense, lists), alloc(b, &b.first, lists+1),
		alloc(b, &b.heads, runs), alloc(b, &b.ats, runs+1),
		alloc(b, &b.ids, entries), alloc(b, &b.codes, entries), alloc(b, &b.maps, denses*b.windowCount()<<b.shift))
}

// isDense reports whether a list of so many rows has a place for every row.
func (b *builder) isDense(rows uint64) bool {
	return rows*denseShare >= uint64(b.src.Rows())
}

// placeRuns decides where runs begin; rank has the place of each list.
func (b *builder) placeRuns(rank []uint32) {
	for _, counts := range b.windows {
		for i := range counts {
			c := &counts[i]
			c.list = rank[c.list]
			b.first[c.list+1]++
		}
	}
	for i := range b.dims {
		b.first[i+1] += b.first[i]
	}
	next := slices.Clone(b.first[:len(b.dims)])
	for w, counts := range b.windows {
		for i := range counts {
			c := &counts[i]
			run := next[c.list]
			next[c.list]++
			b.heads[run] = uint32(w)<<8 | uint32(b.code(c.list, float64(c.most)))
			if b.dense[c.list] == 0 {
				b.ats[run+1] = c.rows
			}
			c.at = run
		}
	}
	for i := range b.heads {
		b.ats[i+1] += b.ats[i]
	}
	for _, counts := range b.windows {
		for i := range counts {
			counts[i].at = b.ats[counts[i].at]
		}
	}
}

// scaleOf returns the worth of a step of a list's codes.
func scaleOf(most float32) float32 {
	s := roundUp(float64(most) / 255)
	for float64(s)*255 < float64(most) {
		s = math.Nextafter32(s, math.MaxFloat32)
	}
	return s
}

// code returns the least code of at least that worth.
func (b *builder) code(list uint32, worth float64) byte {
	step := math.Abs(float64(b.scales[list]))
	c := math.Ceil(worth / step)
	if c*step < worth {
		c++
	}
	return byte(min(max(c, 1), 255))
}

// fill writes the entries of a window.
func (b *builder) fill(t *tally, window int) error {
	t.reset()
	counts := b.windows[window]
	for _, c := range counts {
		t.number(c.key)
	}
	b.elements(window, func(id int, k key, worth float64) {
		n, _ := t.number(k)
		c := &counts[n]
		code := b.code(c.list, worth)
		if d := b.dense[c.list]; d > 0 {
			b.denseMap(d, window)[id] = code
			return
		}
		b.ids[c.at], b.codes[c.at] = uint16(id), code
		c.at++
	})
	return nil
}
