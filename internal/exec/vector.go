package exec

import (
	"bytes"
	"context"
	"fmt"
	"math"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/schema"
)

// vector is a scalar of each row: a field's, or an element of its arrays. One
// of the slices is used, as the type says.
type vector struct {
	typ     schema.Type
	bools   []bool
	ints    []int32
	longs   []int64
	floats  []float32
	doubles []float64
	strs    *column.Bytes
	at      []uint32 // which string is row i's; nil: string i
	valid   []uint64 // rows that have a value; nil: all
}

// str returns the string of a valid row.
func (v *vector) str(row int) []byte {
	if v.at != nil {
		row = int(v.at[row])
	}
	return v.strs.At(row)
}

// vector returns what a reference reads of a column that is not JSON.
func (e *evaluator) vector(r *expr.Ref, c *column.Column) (*vector, error) {
	if r.Index >= 0 {
		return e.elements(r, c)
	}
	v := &vector{typ: c.Type, valid: e.validity(c)}
	switch c.Type {
	case schema.Bool:
		v.bools = c.Bools[:e.rows]
	case schema.Int8, schema.Int16, schema.Int32:
		v.ints = c.Int32s[:e.rows]
	case schema.Int64:
		v.longs = c.Int64s[:e.rows]
	case schema.Float:
		v.floats = c.Floats[:e.rows]
	case schema.Double:
		v.doubles = c.Doubles[:e.rows]
	case schema.VarChar:
		v.strs = &c.Bytes
	default:
		return nil, fmt.Errorf("exec: field %s of type %s is no scalar", r.Field.Name, c.Type)
	}
	return v, nil
}

// elements gathers one element of each array. Rows whose array is null or too
// short are not valid.
func (e *evaluator) elements(r *expr.Ref, c *column.Column) (*vector, error) {
	v := &vector{typ: c.Element}
	at := make([]uint32, e.rows)
	valid := column.NewBitset(e.rows)
	for row := range at {
		if lo, hi := c.Offsets[row], c.Offsets[row+1]; uint64(r.Index) < uint64(hi-lo) && !c.IsNull(row) {
			at[row] = lo + uint32(r.Index)
			valid.Set(row)
		}
	}
	v.valid = valid.Words()
	switch items := c.Items; c.Element {
	case schema.Bool:
		v.bools = gather(items.Bools, at, valid)
	case schema.Int8, schema.Int16, schema.Int32:
		v.ints = gather(items.Int32s, at, valid)
	case schema.Int64:
		v.longs = gather(items.Int64s, at, valid)
	case schema.Float:
		v.floats = gather(items.Floats, at, valid)
	case schema.Double:
		v.doubles = gather(items.Doubles, at, valid)
	case schema.VarChar:
		v.strs, v.at = &items.Bytes, at
	default:
		return nil, fmt.Errorf("exec: field %s has elements of type %s", r.Field.Name, c.Element)
	}
	return v, nil
}

func gather[T any](items []T, at []uint32, valid column.Bitset) []T {
	out := make([]T, len(at))
	for row := valid.Next(0); row >= 0; row = valid.Next(row + 1) {
		out[row] = items[at[row]]
	}
	return out
}

// onVector evaluates a predicate over the valid rows of a vector; what it says
// of others means nothing.
func (e *evaluator) onVector(ctx context.Context, v *vector, n expr.Node, mask []uint64) ([]uint64, error) {
	switch n := n.(type) {
	case *expr.Compare:
		return e.compare(ctx, v, n.Op, n.Value, mask)
	case *expr.Range:
		return e.between(ctx, v, n, mask)
	case *expr.In:
		return e.member(ctx, v, n.Set, mask)
	case *expr.ArithCompare:
		return e.arith(v, n)
	case *expr.Like:
		if v.typ == schema.VarChar {
			return e.where(ctx, e.both(mask, v.valid), func(row int) bool { return n.Pattern.Match(v.str(row)) })
		}
	case *expr.Regex:
		if v.typ == schema.VarChar {
			return e.where(ctx, e.both(mask, v.valid), func(row int) bool { return n.Regexp.Match(v.str(row)) })
		}
	}
	return nil, fmt.Errorf("exec: no evaluation of %T over %s", n, v.typ)
}

// compare evaluates x op a constant.
func (e *evaluator) compare(ctx context.Context, v *vector, op expr.CompareOp, c expr.Value, mask []uint64) ([]uint64, error) {
	switch v.typ {
	case schema.VarChar:
		return e.where(ctx, e.both(mask, v.valid), stringTest(v, op, []byte(c.Str())))
	case schema.Bool:
		return e.compareBools(v, op, c.Bool()), nil
	}
	return e.inInterval(v, numericInterval(v.typ, op, c))
}

// numericInterval returns the interval of x op c over a type of numbers.
func numericInterval(t schema.Type, op expr.CompareOp, c expr.Value) interval {
	switch t {
	case schema.Float:
		return floatComparison(op, c.Float(), float32Order)
	case schema.Double:
		return floatComparison(op, c.Float(), orderedDouble)
	}
	return comparison(op, c.Int(), c.Int())
}

// inInterval returns the rows whose number is in an interval.
func (e *evaluator) inInterval(v *vector, iv interval) ([]uint64, error) {
	dst := e.words()
	switch v.typ {
	case schema.Int8, schema.Int16, schema.Int32:
		packInts(dst, v.ints, iv)
	case schema.Int64:
		packInts(dst, v.longs, iv)
	case schema.Float:
		packFloats(dst, v.floats, iv)
	case schema.Double:
		packDoubles(dst, v.doubles, iv)
	default:
		return nil, fmt.Errorf("exec: %s is no number", v.typ)
	}
	return dst, nil
}

// between evaluates a range.
func (e *evaluator) between(ctx context.Context, v *vector, r *expr.Range, mask []uint64) ([]uint64, error) {
	lower, upper := expr.GT, expr.LT
	if r.LowerIn {
		lower = expr.GE
	}
	if r.UpperIn {
		upper = expr.LE
	}
	if v.typ == schema.VarChar {
		above, below := stringTest(v, lower, []byte(r.Lower.Str())), stringTest(v, upper, []byte(r.Upper.Str()))
		return e.where(ctx, e.both(mask, v.valid), func(row int) bool { return above(row) && below(row) })
	}
	return e.inInterval(v, numericInterval(v.typ, lower, r.Lower).and(numericInterval(v.typ, upper, r.Upper)))
}

// stringTest returns the test of a row's string op c.
func stringTest(v *vector, op expr.CompareOp, c []byte) func(int) bool {
	switch op {
	case expr.EQ:
		return func(row int) bool { return bytes.Equal(v.str(row), c) }
	case expr.NE:
		return func(row int) bool { return !bytes.Equal(v.str(row), c) }
	}
	return func(row int) bool { return holds(op, bytes.Compare(v.str(row), c)) }
}

// holds reports whether op holds of two values whose order is d.
func holds(op expr.CompareOp, d int) bool {
	switch op {
	case expr.EQ:
		return d == 0
	case expr.NE:
		return d != 0
	case expr.LT:
		return d < 0
	case expr.LE:
		return d <= 0
	case expr.GT:
		return d > 0
	}
	return d >= 0
}

// compareBools evaluates x op c; false is before true.
func (e *evaluator) compareBools(v *vector, op expr.CompareOp, c bool) []uint64 {
	order := func(x bool) int { return int(bit(x)) - int(bit(c)) }
	return e.pickBools(v, holds(op, order(false)), holds(op, order(true)))
}

// pickBools returns the rows that are false, true, both or none.
func (e *evaluator) pickBools(v *vector, pickFalse, pickTrue bool) []uint64 {
	if pickFalse == pickTrue {
		return e.fill(pickTrue)
	}
	dst := e.words()
	packBools(dst, v.bools)
	if pickFalse {
		invert(dst)
	}
	return dst
}

// fewMembers is how many integers are looked for one after the other.
const fewMembers = 3

// member evaluates membership of a set.
func (e *evaluator) member(ctx context.Context, v *vector, s *expr.Set, mask []uint64) ([]uint64, error) {
	if s.Len() == 0 {
		return e.fill(false), nil
	}
	switch v.typ {
	case schema.VarChar:
		return e.where(ctx, e.both(mask, v.valid), func(row int) bool { return s.HasString(v.str(row)) })
	case schema.Bool:
		return e.pickBools(v, s.HasBool(false), s.HasBool(true)), nil
	}
	dst := e.words()
	switch v.typ {
	case schema.Int8, schema.Int16, schema.Int32:
		packIntMembers(e, dst, v.ints, s)
	case schema.Int64:
		packIntMembers(e, dst, v.longs, s)
	case schema.Float:
		packMembers(dst, v.floats, func(f float32) bool { return s.HasFloat(float64(f)) })
	case schema.Double:
		packMembers(dst, v.doubles, s.HasFloat)
	default:
		return nil, fmt.Errorf("exec: no membership of %s", v.typ)
	}
	return dst, nil
}

func packIntMembers[T int32 | int64](e *evaluator, dst []uint64, xs []T, s *expr.Set) {
	members := s.Ints()
	if len(members) <= fewMembers {
		one := e.words()
		clear(dst)
		for _, m := range members {
			packInts(one, xs, interval{lo: m, hi: m})
			for i := range dst {
				dst[i] |= one[i]
			}
		}
		e.recycle(one)
		return
	}
	if base, bitmap := s.Bitmap(); bitmap != nil {
		packBitmap(dst, xs, base, bitmap)
		return
	}
	packMembers(dst, xs, func(x T) bool { return s.HasInt(int64(x)) })
}

// isNumber tells vectors of numbers from others, isInteger those of integers.
func (v *vector) isInteger() bool { return v.ints != nil || v.longs != nil }

func (v *vector) isNumber() bool { return v.isInteger() || v.floats != nil || v.doubles != nil }

// loadInts copies up to 64 integers from a row on.
func (v *vector) loadInts(dst *[64]int64, row, n int) {
	if v.longs != nil {
		copy(dst[:n], v.longs[row:])
		return
	}
	for i, x := range v.ints[row : row+n] {
		dst[i] = int64(x)
	}
}

// loadDoubles copies up to 64 numbers from a row on.
func (v *vector) loadDoubles(dst *[64]float64, row, n int) {
	switch {
	case v.doubles != nil:
		copy(dst[:n], v.doubles[row:])
	case v.floats != nil:
		for i, x := range v.floats[row : row+n] {
			dst[i] = float64(x)
		}
	case v.longs != nil:
		for i, x := range v.longs[row : row+n] {
			dst[i] = float64(x)
		}
	default:
		for i, x := range v.ints[row : row+n] {
			dst[i] = float64(x)
		}
	}
}

// arith evaluates an operation on x and a constant, compared with a constant.
func (e *evaluator) arith(v *vector, n *expr.ArithCompare) ([]uint64, error) {
	dst := e.words()
	switch {
	case v.isInteger():
		iv := numericInterval(schema.Int64, n.Op, n.Value)
		var x [64]int64
		for w := range dst {
			k := min(64, e.rows-w*64)
			v.loadInts(&x, w*64, k)
			computeInts(x[:k], n.Arith, n.Operand.Int())
			packInts(dst[w:w+1], x[:k], iv)
		}
	case v.floats != nil:
		iv := numericInterval(schema.Float, n.Op, n.Value)
		var x [64]float32
		for w := range dst {
			k := copy(x[:], v.floats[w*64:])
			computeFloats(x[:k], n.Arith, float32(n.Operand.Float()))
			packFloats(dst[w:w+1], x[:k], iv)
		}
	case v.doubles != nil:
		iv := numericInterval(schema.Double, n.Op, n.Value)
		var x [64]float64
		for w := range dst {
			k := copy(x[:], v.doubles[w*64:])
			computeFloats(x[:k], n.Arith, n.Operand.Float())
			packDoubles(dst[w:w+1], x[:k], iv)
		}
	default:
		return nil, fmt.Errorf("exec: no arithmetic with %s", v.typ)
	}
	return dst, nil
}

// computeInts replaces each x by x op c, modulo 2^64.
func computeInts(xs []int64, op expr.ArithOp, c int64) {
	for i := range xs {
		xs[i] = computeInt(xs[i], op, c)
	}
}

func computeInt(x int64, op expr.ArithOp, c int64) int64 {
	switch op {
	case expr.Add:
		return x + c
	case expr.Sub:
		return x - c
	case expr.Mul:
		return x * c
	case expr.Div:
		return x / c
	case expr.Mod:
		return x % c
	case expr.BitAnd:
		return x & c
	case expr.BitOr:
		return x | c
	}
	return x ^ c
}

func computeFloats[T float32 | float64](xs []T, op expr.ArithOp, c T) {
	for i := range xs {
		xs[i] = computeFloat(xs[i], op, c)
	}
}

func computeFloat[T float32 | float64](x T, op expr.ArithOp, c T) T {
	switch op {
	case expr.Add:
		return x + c
	case expr.Sub:
		return x - c
	case expr.Mul:
		return x * c
	case expr.Div:
		return x / c
	}
	return T(math.Mod(float64(x), float64(c)))
}
