package segment

import (
	"context"
	"slices"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/exec"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/schema"
)

// fewRows: a plan is evaluated row by row if its primary keys leave at most
// this part of the rows.
const fewRows = 8

// excludes reports that a plan is true of no row, without looking at rows.
func (r *Reader) excludes(plan *expr.Plan) bool {
	return plan.AlwaysFalse() || r.sealed != nil && r.sealed.excludes(plan)
}

// match returns the rows for which a plan is true, hidden ones among them, in
// a set that the caller owns.
func (r *Reader) match(ctx context.Context, plan *expr.Plan) (column.Bitset, error) {
	rows, ok, err := r.candidates(plan)
	if err != nil {
		return column.Bitset{}, err
	}
	if !ok {
		in := &input{r: r}
		defer in.release()
		return exec.Eval(ctx, plan, in)
	}
	out := column.NewBitset(r.rows)
	if rows, err = r.among(ctx, plan, rows); err != nil {
		return column.Bitset{}, err
	}
	for _, row := range rows {
		out.Set(int(row))
	}
	return out, nil
}

// few returns the visible rows that match a plan, ascending, if its primary
// keys leave only few to look at; else false.
func (r *Reader) few(ctx context.Context, plan *expr.Plan) ([]uint32, bool, error) {
	if plan == nil || r.rows == 0 || plan.AlwaysTrue() {
		return nil, false, nil
	}
	if r.excludes(plan) {
		return nil, true, nil
	}
	rows, ok, err := r.candidates(plan)
	if err != nil || !ok {
		return nil, false, err
	}
	rows, err = r.among(ctx, plan, slices.DeleteFunc(rows, r.hidesRow()))
	return rows, err == nil, err
}

// hidesRow returns what says of a row that it is not visible, where this is
// asked of few: hidden is of all.
func (r *Reader) hidesRow() func(row uint32) bool {
	deleted := r.hides.hidden(r.at, r.rows)
	return func(row uint32) bool {
		return r.times[row] > r.at || deleted != nil && deleted[row/64]>>(row%64)&1 != 0
	}
}

// input gives exec the rows of a reader for one evaluation.
type input struct {
	r    *Reader
	held map[base.ID][]*attached // indexes asked for, with references
}

func (in *input) Rows() int { return in.r.rows }

func (in *input) Column(field base.ID) (*column.Column, error) { return in.r.stored(field) }

func (in *input) Indexes(field base.ID) []exec.FieldIndex {
	if in.r.sealed == nil {
		return nil
	}
	held, ok := in.held[field]
	if !ok {
		held = in.r.sealed.indexes.scalars(field)
		if in.held == nil {
			in.held = map[base.ID][]*attached{}
		}
		in.held[field] = held
	}
	out := make([]exec.FieldIndex, len(held))
	for i, a := range held {
		out[i] = *a.scalar
	}
	return out
}

// release gives the references back.
func (in *input) release() {
	for _, held := range in.held {
		for _, a := range held {
			a.drop()
		}
	}
}

// keysOf returns the primary keys, which the rows ascend by, and what a plan says
// of them; false if they are not sorted or it says nothing.
func (r *Reader) keysOf(plan *expr.Plan) (own *column.Column, b expr.Bound, ok bool, err error) {
	if !r.sorted() {
		return nil, b, false, nil
	}
	primary := r.collection.Primary().ID
	if b, ok = plan.Bound(primary); !ok {
		return nil, b, false, nil
	}
	own, err = r.stored(primary)
	return own, b, err == nil, err
}

// candidates returns the rows that can match a plan by their primary key; false
// if the plan does not say enough of it.
func (r *Reader) candidates(plan *expr.Plan) ([]uint32, bool, error) {
	own, b, ok, err := r.keysOf(plan)
	if err != nil || !ok {
		return nil, false, err
	}
	primary := r.collection.Primary()
	if b.Set != nil {
		if b.Set.Len() > r.rows/fewRows {
			return nil, false, nil
		}
		keys := column.New(primary)
		if primary.Type == schema.Int64 {
			keys.Int64s = b.Set.Ints()
		} else {
			keys.Bytes = column.BytesOf(b.Set.Strings()...)
		}
		var rows []uint32
		for i := range keys.Len() {
			lo, hi := keyRange(own, keys, i)
			for row := lo; row < hi; row++ {
				rows = append(rows, uint32(row))
			}
		}
		return rows, true, nil
	}
	lo, hi, ok := span(own, primary, b)
	if !ok || hi-lo > r.rows/fewRows {
		return nil, false, nil
	}
	rows := make([]uint32, 0, max(0, hi-lo))
	for row := lo; row < hi; row++ {
		rows = append(rows, uint32(row))
	}
	return rows, true, nil
}

// span returns the rows [lo, hi) of a segment sorted by the key whose keys are
// within bounds; false if these are of another type.
func span(own *column.Column, primary *schema.Field, b expr.Bound) (lo, hi int, ok bool) {
	kind := expr.String
	if primary.Type == schema.Int64 {
		kind = expr.Int
	}
	for _, v := range []expr.Value{b.Min, b.Max} {
		if k := v.Kind(); k != expr.None && k != kind {
			return 0, 0, false
		}
	}
	lo, hi = 0, own.Len()
	if b.Min.Kind() != expr.None {
		lo, _ = keyRange(own, oneKey(primary, b.Min), 0)
	}
	if b.Max.Kind() != expr.None {
		_, hi = keyRange(own, oneKey(primary, b.Max), 0)
	}
	return lo, hi, true
}

// oneKey returns a column of one primary key.
func oneKey(f *schema.Field, v expr.Value) *column.Column {
	c := column.New(f)
	if f.Type == schema.Int64 {
		c.Int64s = []int64{v.Int()}
	} else {
		c.Bytes.AppendString(v.Str())
	}
	return c
}

// among returns those of its candidates that match a plan.
func (r *Reader) among(ctx context.Context, plan *expr.Plan, rows []uint32) ([]uint32, error) {
	if _, only := plan.PrimaryKeys(); only || len(rows) == 0 {
		return rows, nil // they were found by all that the plan asks for
	}
	matched, err := exec.Eval(ctx, plan, &selection{r: r, rows: rows})
	if err != nil {
		return nil, err
	}
	out := rows[:0]
	for i := matched.Next(0); i >= 0; i = matched.Next(i + 1) {
		out = append(out, rows[i])
	}
	return out, nil
}

// selection gives exec some of the rows of a reader, copied.
type selection struct {
	r    *Reader
	rows []uint32
}

func (s *selection) Rows() int { return len(s.rows) }

func (s *selection) Indexes(base.ID) []exec.FieldIndex { return nil }

func (s *selection) Column(field base.ID) (*column.Column, error) {
	c, err := s.r.stored(field)
	if err != nil || c == nil {
		return nil, err
	}
	out := c.Like()
	gather(out, []*column.Column{c}, refsTo(s.rows))
	return out, nil
}

// keyRange returns the rows [lo, hi) that have the key at i of keys, by binary
// search in the sorted column own; where none has it, lo and hi are where it
// would be.
func keyRange(own, keys *column.Column, i int) (lo, hi int) {
	hi = own.Len()
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); compareKeys(own, mid, keys, i) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	for hi = lo; hi < own.Len() && sameKey(own, hi, keys, i); {
		hi++
	}
	return lo, hi
}
