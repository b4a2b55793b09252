package exec

import (
	"bytes"
	"cmp"
	"context"
	"fmt"

	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/schema"
)

// compareFields evaluates the comparison of two scalars of a row. Integers
// compare as such, an integer and a float as doubles.
func (e *evaluator) compareFields(ctx context.Context, n *expr.CompareFields, s side) ([]uint64, error) {
	var sides [2]*vector
	for i, r := range []*expr.Ref{n.Left, n.Right} {
		c, err := e.column(r.Field)
		if err != nil {
			return nil, err
		}
		if c == nil { // all unknown
			return e.fill(s == possible), nil
		}
		if sides[i], err = e.vector(r, c); err != nil {
			return nil, err
		}
	}
	left, right := sides[0], sides[1]
	valid := e.both(left.valid, right.valid)
	words, err := e.comparePairs(ctx, left, n.Op, right, valid)
	if err != nil {
		return nil, err
	}
	settle(words, valid, s)
	return words, nil
}

func (e *evaluator) comparePairs(ctx context.Context, left *vector, op expr.CompareOp, right *vector, valid []uint64) ([]uint64, error) {
	switch {
	case left.typ == schema.VarChar && right.typ == schema.VarChar:
		return e.where(ctx, valid, func(row int) bool { return holds(op, bytes.Compare(left.str(row), right.str(row))) })
	case left.typ == schema.Bool && right.typ == schema.Bool:
		return e.where(ctx, valid, func(row int) bool {
			return holds(op, int(bit(left.bools[row]))-int(bit(right.bools[row])))
		})
	case left.isInteger() && right.isInteger():
		dst := e.words()
		var x, y [64]int64
		for w := range dst {
			k := min(64, e.rows-w*64)
			left.loadInts(&x, w*64, k)
			right.loadInts(&y, w*64, k)
			dst[w] = packPairs(x[:k], op, y[:k])
		}
		return dst, nil
	case left.isNumber() && right.isNumber():
		dst := e.words()
		var x, y [64]float64
		for w := range dst {
			k := min(64, e.rows-w*64)
			left.loadDoubles(&x, w*64, k)
			right.loadDoubles(&y, w*64, k)
			dst[w] = packPairs(x[:k], op, y[:k])
		}
		return dst, nil
	}
	return nil, fmt.Errorf("exec: no comparison of %s and %s", left.typ, right.typ)
}

// packPairs returns a word of up to 64 comparisons x op y.
func packPairs[T cmp.Ordered](xs []T, op expr.CompareOp, ys []T) (word uint64) {
	ys = ys[:len(xs)]
	switch op {
	case expr.EQ, expr.NE:
		for i, x := range xs {
			word |= bit(x == ys[i]) << uint(i&63)
		}
	case expr.LT:
		for i, x := range xs {
			word |= bit(x < ys[i]) << uint(i&63)
		}
	case expr.LE:
		for i, x := range xs {
			word |= bit(x <= ys[i]) << uint(i&63)
		}
	case expr.GT:
		for i, x := range xs {
			word |= bit(x > ys[i]) << uint(i&63)
		}
	case expr.GE:
		for i, x := range xs {
			word |= bit(x >= ys[i]) << uint(i&63)
		}
	}
	if op == expr.NE {
		word = ^word
	}
	return word
}
