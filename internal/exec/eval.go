// Package exec evaluates plans of filters over columns of rows.
//
// A predicate is true, false or unknown of a row (Kleene's strong logic of
// three values). Its rows are kept as one set of bits per node, never two: the
// rows where the node is certainly true, or those where it is possibly true,
// which are the true and the unknown ones. And and Or combine sets of one
// side; what is certain of Not x are the rows where x is not possible, and
// the other way round. So each node is evaluated once, on the one side that
// its place asks for.
package exec

import (
	"context"
	"fmt"
	"math/bits"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/schema"
)

// Input is the rows that a plan is evaluated over.
type Input interface {
	// Rows returns their number.
	Rows() int
	// Column returns the values of a field, of at least Rows rows; nil if the
	// field was added after the rows were written: then they have its default,
	// or null.
	Column(field base.ID) (*column.Column, error)
	// Indexes returns the indexes of a field over exactly these rows, if there
	// are any. They live as long as the evaluation.
	Indexes(field base.ID) []FieldIndex
}

// Eval returns the set of rows that the plan is true of; the caller owns it.
// It ends early, with the context's error, when the context does. Other errors
// are the input's, or tell that a column is not what the plan was made for.
func Eval(ctx context.Context, plan *expr.Plan, in Input) (column.Bitset, error) {
	e := newEvaluator(in)
	if e.rows == 0 {
		return column.NewBitset(0), ctx.Err()
	}
	words, err := e.eval(ctx, plan.Root(), certain, nil)
	if err != nil {
		return column.Bitset{}, err
	}
	if r := uint(e.rows) % 64; r != 0 {
		words[len(words)-1] &= 1<<r - 1
	}
	return column.BitsetOf(words, e.rows), nil
}

// side tells which rows of a predicate are wanted.
type side bool

const (
	certain  side = false // where it is true
	possible side = true  // where it is true or unknown
)

// evaluator is one evaluation; it is used by one goroutine.
type evaluator struct {
	in      Input
	rows    int
	part    int                        // an index of numbers is used for up to rows/part of the rows
	columns map[base.ID]*column.Column // read so far; nil: all rows are null
	lookups map[expr.Node]*found       // made so far; nil: no index is of use
	unused  [][]uint64
	scratch []byte // for unescaped strings
}

func newEvaluator(in Input) *evaluator {
	return &evaluator{in: in, rows: in.Rows(), part: few, columns: map[base.ID]*column.Column{}}
}

// eval returns the rows of the node's side, one bit a row. Only rows of the
// mask matter (nil: all rows do); what is said of others means nothing, and
// bits past the last row mean nothing either. The caller owns the words.
func (e *evaluator) eval(ctx context.Context, n expr.Node, s side, mask []uint64) ([]uint64, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	switch n := n.(type) {
	case *expr.Const:
		return e.fill(n.Value), nil
	case *expr.And:
		return e.and(ctx, n, s, mask)
	case *expr.Or:
		return e.or(ctx, n, s, mask)
	case *expr.Not:
		words, err := e.eval(ctx, n.Term, !s, mask)
		if err != nil {
			return nil, err
		}
		invert(words)
		return words, nil
	case *expr.IsNull:
		return e.isNull(n)
	case *expr.Exists:
		return e.exists(ctx, n, mask)
	}
	return e.leaf(ctx, n, s, mask)
}

// and evaluates the terms, those that an index finds first, each over the rows
// that are left.
func (e *evaluator) and(ctx context.Context, n *expr.And, s side, mask []uint64) ([]uint64, error) {
	terms := e.inOrder(n.Terms, s)
	left, err := e.eval(ctx, terms[0], s, mask)
	if err != nil {
		return nil, err
	}
	if mask != nil {
		intersect(left, mask)
	}
	for i, t := range terms[1:] {
		n := e.count(left)
		if n == 0 {
			break
		}
		if n <= e.rows/sparse {
			return left, e.among(ctx, terms[1+i:], s, left, n)
		}
		words, err := e.eval(ctx, t, s, left)
		if err != nil {
			return nil, err
		}
		intersect(left, words)
		e.recycle(words)
	}
	return left, nil
}

// or evaluates the terms in order, each over the rows that none before has.
func (e *evaluator) or(ctx context.Context, n *expr.Or, s side, mask []uint64) ([]uint64, error) {
	found, err := e.eval(ctx, n.Terms[0], s, mask)
	if err != nil {
		return nil, err
	}
	rest := e.words()
	defer e.recycle(rest)
	for _, t := range n.Terms[1:] {
		for i := range rest {
			rest[i] = ^found[i]
		}
		if mask != nil {
			intersect(rest, mask)
		}
		if e.count(rest) == 0 {
			break
		}
		words, err := e.eval(ctx, t, s, rest)
		if err != nil {
			return nil, err
		}
		for i := range found {
			found[i] |= words[i] & rest[i]
		}
		e.recycle(words)
	}
	return found, nil
}

// leaf evaluates a predicate that is unknown of null.
func (e *evaluator) leaf(ctx context.Context, n expr.Node, s side, mask []uint64) ([]uint64, error) {
	switch n := n.(type) {
	case *expr.Compare:
		return e.onRef(ctx, n.Ref, s, mask, n)
	case *expr.Range:
		return e.onRef(ctx, n.Ref, s, mask, n)
	case *expr.In:
		return e.onRef(ctx, n.Ref, s, mask, n)
	case *expr.Like:
		return e.onRef(ctx, n.Ref, s, mask, n)
	case *expr.Regex:
		return e.onRef(ctx, n.Ref, s, mask, n)
	case *expr.ArithCompare:
		return e.onRef(ctx, n.Ref, s, mask, n)
	case *expr.LengthCompare:
		return e.onRef(ctx, n.Ref, s, mask, n)
	case *expr.Contains:
		return e.onRef(ctx, n.Ref, s, mask, n)
	case *expr.ListEqual:
		return e.onRef(ctx, n.Ref, s, mask, n)
	case *expr.CompareFields:
		return e.compareFields(ctx, n, s)
	}
	return nil, fmt.Errorf("exec: no evaluation of %T", n)
}

// onRef evaluates a predicate on one thing that is read.
func (e *evaluator) onRef(ctx context.Context, r *expr.Ref, s side, mask []uint64, n expr.Node) ([]uint64, error) {
	c, err := e.column(r.Field)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return e.fill(s == possible), nil
	}
	if f := e.lookup(n, s); f != nil && e.pays(f, mask) {
		rows := e.candidates(f)
		if f.exact {
			settle(rows, e.validity(c), s)
			return rows, nil
		}
		if mask != nil {
			intersect(rows, mask)
		}
		mask = rows
	}
	switch {
	case r.Field.Type == schema.JSON:
		return e.onJSON(ctx, r, c, s, mask, n)
	case r.Field.Type == schema.Array && r.Index < 0:
		return e.onArray(ctx, c, s, mask, n)
	}
	v, err := e.vector(r, c)
	if err != nil {
		return nil, err
	}
	words, err := e.onVector(ctx, v, n, mask)
	if err != nil {
		return nil, err
	}
	settle(words, v.valid, s)
	return words, nil
}

// settle puts the rows that are not valid on their side: unknown is possible
// and not certain.
func settle(words, valid []uint64, s side) {
	switch {
	case valid == nil:
	case s == certain:
		intersect(words, valid)
	default:
		for i := range words {
			words[i] |= ^valid[i]
		}
	}
}

func (e *evaluator) isNull(n *expr.IsNull) ([]uint64, error) {
	c, err := e.column(n.Ref.Field)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return e.fill(true), nil
	}
	words := e.fill(false)
	if valid := e.validity(c); valid != nil {
		for i := range words {
			words[i] = ^valid[i]
		}
	}
	return words, nil
}

// column returns the column of a field, nil if all its rows are null.
func (e *evaluator) column(f *schema.Field) (*column.Column, error) {
	if c, ok := e.columns[f.ID]; ok {
		return c, nil
	}
	c, err := e.in.Column(f.ID)
	if err != nil {
		return nil, err
	}
	if c == nil {
		c = defaults(f, e.rows)
	}
	if c != nil && (c.Type != f.Type || c.Type == schema.Array && c.Element != f.Element) {
		return nil, fmt.Errorf("exec: column of field %s is of type %s, not %s", f.Name, c.Type, f.Type)
	}
	if c != nil && (c.Len() < e.rows || !c.Valid.IsZero() && c.Valid.Len() < e.rows) {
		return nil, fmt.Errorf("exec: column of field %s has %d of %d rows", f.Name, c.Len(), e.rows)
	}
	e.columns[f.ID] = c
	return c, nil
}

// validity returns the rows of the column that are not null, nil for all.
func (e *evaluator) validity(c *column.Column) []uint64 {
	if c.Valid.IsZero() {
		return nil
	}
	return c.Valid.Words()[:(e.rows+63)/64]
}

// words returns words for all rows; what is in them means nothing.
func (e *evaluator) words() []uint64 {
	if k := len(e.unused); k > 0 {
		w := e.unused[k-1]
		e.unused = e.unused[:k-1]
		return w
	}
	return make([]uint64, (e.rows+63)/64)
}

func (e *evaluator) recycle(w []uint64) { e.unused = append(e.unused, w) }

// fill returns words that are all one, or all zero.
func (e *evaluator) fill(ones bool) []uint64 {
	w := e.words()
	var x uint64
	if ones {
		x = ^x
	}
	for i := range w {
		w[i] = x
	}
	return w
}

// count returns how many rows are in the words.
func (e *evaluator) count(w []uint64) int {
	n, full := 0, e.rows/64
	for _, x := range w[:full] {
		n += bits.OnesCount64(x)
	}
	if full < len(w) {
		n += bits.OnesCount64(w[full] << (64 - uint(e.rows)%64))
	}
	return n
}

func intersect(w, o []uint64) {
	for i := range w {
		w[i] &= o[i]
	}
}

func invert(w []uint64) {
	for i := range w {
		w[i] = ^w[i]
	}
}
