package hnsw

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// Codes of a growing graph are judged by all rows when there are growth times as
// many as the last time, and out of turn when new rows do not suit them, at most
// once for each share of the rows that came. docs/adr/0012 has the argument.
const (
	codedFrom = 1000 // nodes, from which on there are codes
	growth    = 2
	oneIn     = 8

	// The newest rows are asked for their neighbours among themselves and those
	// before.
	newestEvery    = 256  // rows
	newestAmong    = 1024 // rows, at least
	newestProbes   = 4
	newestFaithful = 0.9

	// Elements out of the bounds: as many as of fewOutside rows, and one in
	// oneOutside of all. A coder leaves out fewer of its sample.
	fewOutside = 16
	oneOutside = 1000
)

// follower is what a growing graph knows of its codes: that of its rows, not only
// of those which are linked already.
type follower struct {
	budget  *mem.Budget
	lease   *lease   // of the codes, nil if there are none
	retired []*lease // that others took the place of

	rows    int // that have codes
	due     int // nodes from which on codes are judged
	soonest int // and from which on they are out of turn
	asked   int // rows when the newest were asked last

	elements, outside int64 // that were coded, and those of them out of the bounds, since codes were judged
}

// newGrowing returns an empty graph that grows.
func (e *env) newGrowing(dim int, m vecindex.Metric, par params, o vecindex.LiveOptions) (*live, error) {
	x, err := e.newLive(dim, m, par, o)
	if err != nil {
		return nil, err
	}
	size := 0 // of a row of an element that has codes
	switch x.elem {
	case vecindex.Float32:
		size = 4 * dim
	case vecindex.Float16, vecindex.BFloat16:
		size = 2 * dim
	}
	// Vectors that are no larger than their codes are walked on as they are.
	if dim <= vec.MaxCodeDim && size > vec.CodeStride(dim) {
		x.follower = &follower{budget: o.Budget, due: codedFrom, soonest: codedFrom}
	}
	return x, nil
}

// follow has the codes follow the rows of s, of which nodes have a vector, before
// those behind the present view are linked.
func (x *live) follow(ctx context.Context, s vecindex.Source, nodes, threads int) error {
	f, before := x.follower, x.coding
	if f == nil {
		return nil
	}
	err := x.codeNew(ctx, s, nodes, threads)
	suits := true
	if err == nil {
		suits, err = x.suits(ctx, s, threads)
	}
	switch {
	case err != nil:
		return err
	case nodes >= f.due || !suits && nodes >= f.soonest:
		err = x.judge(ctx, s, suits, nodes, threads)
	case !suits:
		x.dropCodes(f.soonest)
	}
	if err == nil && x.coding != before {
		v := x.view.Load()
		x.publish(s, v.rows, v.nodes)
		err = x.sweep()
	}
	return err
}

// codeNew makes codes of the rows that have none, with the bounds that there are.
func (x *live) codeNew(ctx context.Context, s vecindex.Source, nodes, threads int) error {
	f, n := x.follower, s.Rows()
	c, ok := x.coding.(*octets)
	if !ok || n <= f.rows {
		return nil
	}
	if err := f.lease.slab.Grow(n * c.bytes); err != nil {
		if refused(err) {
			x.dropCodes(growth * nodes)
			return nil
		}
		return fmt.Errorf("HNSW index of %d rows: %w", n, err)
	}
	var outside atomic.Int64
	var lost atomic.Bool
	exact := c.lossless(x.dim)
	x.encodeRows(ctx, s, c, f.lease.slab.Bytes(), f.rows, threads, func(code []byte, vector []float32) {
		if out := c.outside(code, vector); out > 0 {
			outside.Add(int64(out))
		}
		if exact && !lost.Load() && !same(c.Coder, code, vector) {
			lost.Store(true)
		}
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	f.elements += int64(x.dim) * int64(vecindex.Nodes(s.Valid(), f.rows, n))
	f.outside += outside.Load()
	f.rows = n
	if lost.Load() {
		other := *c // searches read the one that there is
		other.loss = rounding
		x.coding = &other
	}
	return nil
}

// suits reports whether the codes suit the rows that came since they were judged.
// What does not suit them is so until they are judged or dropped, also where a call
// was canceled before that.
func (x *live) suits(ctx context.Context, s vecindex.Source, threads int) (bool, error) {
	f, n := x.follower, s.Rows()
	c, ok := x.coding.(*octets)
	switch {
	case !ok:
		return true, nil
	case c.lossless(x.dim):
		f.asked = n // all are told apart
		return true, nil
	case f.outside > fewOutside*int64(x.dim)+f.elements/oneOutside:
		return false, nil
	case n-f.asked < newestEvery:
		return true, nil
	}
	t := trial{from: min(f.asked, max(n-newestAmong, 0)), asked: f.asked, probes: newestProbes}
	found, err := x.found(ctx, s, c, f.lease.slab.Bytes(), t, threads)
	if err != nil || found < newestFaithful {
		return false, err
	}
	f.asked = n
	return true, nil
}

// outside returns how many elements of v are beyond the bounds of its codes.
func (c *octets) outside(code []byte, v []float32) int {
	low := byte(1)
	if c.metric == vecindex.L2 {
		low = 0
	}
	if code = code[:len(v)]; bytes.IndexByte(code, low) < 0 && bytes.IndexByte(code, math.MaxUint8) < 0 {
		return 0 // as of most rows
	}
	n := 0
	for _, e := range v {
		if y := (e - c.Min) * c.Scale; y < float32(low)-0.5 || y > math.MaxUint8+0.5 {
			n++
		}
	}
	return n
}

// judge chooses the bounds by all rows, makes codes of these where those that
// there are do not do, and drops them where they do not serve. suits says that
// new rows suit those that there are.
func (x *live) judge(ctx context.Context, s vecindex.Source, suits bool, nodes, threads int) error {
	f, n := x.follower, s.Rows()
	old, had := x.coding.(*octets)
	c, ok := x.chooseBounds(s, old, suits)
	if err := ctx.Err(); err != nil {
		return err
	}
	if !ok {
		x.judged(n, nodes)
		x.dropCodes(f.due)
		return nil
	}
	made := f.lease
	if c != old {
		var err error
		if made, err = x.recodeAll(ctx, s, c, threads); err != nil {
			if !refused(err) {
				return err
			}
			if x.judged(n, nodes); !had || !suits {
				x.dropCodes(f.due)
			}
			return nil
		}
	}
	serves, err := x.serves(ctx, s, c, made.slab.Bytes(), threads)
	if made != f.lease && (err != nil || !serves) {
		err = errors.Join(err, made.slab.Free())
	}
	if err != nil {
		return err
	}
	x.judged(n, nodes)
	switch {
	case !serves:
		x.dropCodes(f.due)
	case made != f.lease:
		x.dropCodes(f.due)
		x.coding, x.slabs.codes = c, made.slab
		f.lease, f.rows = made, n
	}
	return nil
}

// judged says that codes were judged when there were n rows.
func (x *live) judged(n, nodes int) {
	f := x.follower
	f.due, f.soonest = growth*nodes, nodes+nodes/oneIn+1
	f.asked, f.elements, f.outside = n, 0, 0
}

// chooseBounds returns the coding that suits all rows: old, if it is not nil and does.
func (x *live) chooseBounds(s vecindex.Source, old *octets, suits bool) (*octets, bool) {
	coder, ok := x.train(s)
	if !ok {
		return nil, false
	}
	if old != nil {
		if suits && (old.Coder == coder || !old.mayBeLossless(x.dim) && covers(x.metric, old.Coder, coder)) {
			return old, true
		}
		if !suits {
			coder = widened(x.metric, old.Coder, coder)
		}
	}
	return newOctets(&x.graph, codesHeader{min: coder.Min, scale: coder.Scale})
}

// bounds returns the elements of the first and the last code.
func bounds(m vecindex.Metric, c vec.Coder) (low, high float32) {
	if m == vecindex.L2 {
		return c.Min, c.Min + math.MaxUint8/c.Scale
	}
	return -math.MaxInt8 / c.Scale, math.MaxInt8 / c.Scale
}

// Bounds that differ by little serve as well.
const (
	littleOut  = 1.0 / 16 // of the range
	littleWide = 1.5
	room       = 0.25 // beyond bounds that rows left
)

// covers reports whether the bounds of c serve rows for which those of other were
// chosen.
func covers(m vecindex.Metric, c, other vec.Coder) bool {
	low, high := bounds(m, c)
	from, to := bounds(m, other)
	wide := to - from
	return low-from <= littleOut*wide && to-high <= littleOut*wide && high-low <= littleWide*wide
}

// widened is a coder whose bounds are beyond those of c, where these are beyond
// those of old: rows are moving there. Whole numbers keep their steps of 1.
func widened(m vecindex.Metric, old, c vec.Coder) vec.Coder {
	low, high := bounds(m, old)
	from, to := bounds(m, c)
	wide := to - from
	switch {
	case m != vecindex.L2 && to > high:
		to *= 1 + room
		return vec.Coder{Min: -128 * (to / math.MaxInt8), Scale: math.MaxInt8 / to}
	case m != vecindex.L2 || c.Scale == 1:
		return c
	}
	if from < low {
		from -= room * wide
	}
	if to > high {
		to += room * wide
	}
	return vec.Coder{Min: from, Scale: math.MaxUint8 / (to - from)}
}

// recodeAll makes codes of all rows in a slab that can grow.
func (x *live) recodeAll(ctx context.Context, s vecindex.Source, c *octets, threads int) (*lease, error) {
	slab, err := mem.NewSlab(x.follower.budget, c.bytes*s.Rows(), c.bytes*x.maxRows)
	if err != nil {
		return nil, fmt.Errorf("HNSW index: %w", err)
	}
	x.encodeRows(ctx, s, c, slab.Bytes(), 0, threads, nil)
	x.measureLoss(ctx, s, c, slab.Bytes(), threads)
	if err := ctx.Err(); err != nil {
		return nil, errors.Join(err, slab.Free())
	}
	return &lease{slab: slab}, nil
}

// serves reports whether codes tell rows apart as a build wants it, and the newest
// ones from each other too.
func (x *live) serves(ctx context.Context, s vecindex.Source, c *octets, codes []byte, threads int) (bool, error) {
	if c.lossless(x.dim) {
		return true, nil
	}
	if ok, err := x.faithful(ctx, s, c, codes, threads); !ok || err != nil {
		return false, err
	}
	newest := max(s.Rows()-newestAmong, 0)
	found, err := x.found(ctx, s, c, codes, trial{from: newest, asked: newest, probes: probes}, threads)
	return found >= newestFaithful, err
}

// dropCodes has the graph go on by vectors, until there are due nodes.
func (x *live) dropCodes(due int) {
	f := x.follower
	if f.lease != nil {
		f.retired = append(f.retired, f.lease)
	}
	x.coding, x.slabs.codes = nil, nil
	f.lease, f.rows, f.due = nil, 0, due
}

// yield drops the codes when memory is refused for what the graph cannot do
// without, and reports whether that may help.
func (x *live) yield(err error, s vecindex.Source, rows, nodes int) (bool, error) {
	if !refused(err) || x.follower == nil || x.coding == nil {
		return false, nil
	}
	x.dropCodes(growth * nodes)
	x.publish(s, rows, nodes)
	return true, x.sweep()
}

func refused(err error) bool {
	var be *mem.BudgetError
	return errors.As(err, &be)
}

// sweep frees codes that no search reads any more. The present view is not of them.
func (x *live) sweep() error {
	f := x.follower
	if f == nil {
		return nil
	}
	var errs []error
	kept := f.retired[:0]
	for _, l := range f.retired {
		if l.users.Load() > 0 {
			kept = append(kept, l)
			continue
		}
		errs = append(errs, l.slab.Free())
	}
	clear(f.retired[len(kept):])
	f.retired = kept
	return errors.Join(errs...)
}
