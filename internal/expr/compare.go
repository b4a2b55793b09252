package expr

import (
	"errors"
	"fmt"
	"math"

	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"

	"github.com/redkite-db/redkite/internal/schema"
)

func isInteger(t schema.Type) bool {
	return t == schema.Int8 || t == schema.Int16 || t == schema.Int32 || t == schema.Int64
}

func isFloating(t schema.Type) bool { return t == schema.Float || t == schema.Double }

func isNumeric(t schema.Type) bool { return isInteger(t) || isFloating(t) }

// elementOf returns the type of an operand, for arrays that of their elements:
// Double for a list
// of numbers, None for one that is empty or of several types.
func elementOf(o operand) schema.Type {
	if o.typ != schema.Array {
		return o.typ
	}
	if o.form == column {
		return o.ref.Field.Element
	}
	l := o.value.list
	if kind, ok := l.uniform(); ok {
		return typeOf(Value{kind: kind})
	}
	for _, v := range l.mixed {
		if !v.IsNumber() {
			return schemapb.DataType_None
		}
	}
	if l.n == 0 {
		return schemapb.DataType_None
	}
	return schema.Double
}

// typeName returns the type of an operand as messages print it.
func typeName(o operand) string {
	if o.typ == schema.Array {
		return fmt.Sprintf("%s[%s]", o.typ, elementOf(o))
	}
	return o.typ.String()
}

// comparableTypes reports whether a value of the first type compares with one of
// the second.
func comparableTypes(left, right schema.Type) bool {
	switch {
	case left == schema.JSON:
		return true
	case left == schema.Bool:
		return right == schema.Bool || right == schema.JSON
	case isNumeric(left):
		return isNumeric(right) || right == schema.JSON
	case left == schema.VarChar:
		return right == schema.VarChar || right == schema.JSON
	}
	return false
}

// cast returns the constant as one of the type. One that is compared with
// 32-bit floats is rounded to them, so that 0.1 equals a stored 0.1.
func cast(t schema.Type, v Value) (Value, error) {
	switch {
	case t == schema.JSON,
		t == schema.VarChar && v.kind == String,
		t == schema.Bool && v.kind == Bool,
		t == schema.Double && v.kind == Float,
		isInteger(t) && v.kind == Int:
		return v, nil
	case t == schema.Double && v.kind == Int:
		return FloatValue(v.Float()), nil
	case t == schema.Float && v.IsNumber():
		if f := float64(float32(v.Float())); !math.IsInf(f, 0) {
			return FloatValue(f), nil
		}
		return FloatValue(v.Float()), nil
	}
	return Value{}, fmt.Errorf("cannot cast value to %s, value: %s", t, abridged(v.String(), 256))
}

// castList returns the list with its elements as constants of the type.
func castList(t schema.Type, l *List) (*List, error) {
	if kind, ok := l.uniform(); ok && (kind == String && t == schema.VarChar || kind == Int && isInteger(t)) {
		return l, nil
	}
	out := &List{}
	for i := range l.Len() {
		v, err := cast(t, l.At(i))
		if err != nil {
			return nil, err
		}
		out.add(v)
	}
	return out, nil
}

// compare checks left op right.
func (c *checker) compare(left operand, op CompareOp, right operand) (operand, error) {
	if left.form == constant && right.form == constant {
		if left.template || right.template {
			return operand{}, fmt.Errorf("placeholder was not supported between two constants with operator: %s", op)
		}
		held, ok := foldCompare(op, left.value, right.value)
		if !ok {
			return operand{}, fmt.Errorf("comparison operations cannot be applied to two incompatible operands: %s",
				c.source(span{left.pos, right.end}))
		}
		return constantOf(BoolValue(held)), nil
	}
	if op != EQ && op != NE {
		if err := errors.Join(wholeArray(left), wholeArray(right)); err != nil {
			return operand{}, errors.New("can not comparisons array fields directly")
		}
	}
	emptyList := right.form == constant && right.typ == schema.Array && right.value.list.Len() == 0 ||
		left.form == constant && left.typ == schema.Array && left.value.list.Len() == 0
	if !emptyList && !comparableTypes(elementOf(left), elementOf(right)) && !(left.form == constant && right.typ == schema.JSON) {
		return operand{}, fmt.Errorf("comparisons between %s and %s are not supported", typeName(left), typeName(right))
	}
	switch {
	case left.form == constant:
		return c.compareValue(right, op.Mirrored(), left.value)
	case right.form == constant:
		return c.compareValue(left, op, right.value)
	}
	return c.compareFields(left, op, right)
}

// compareValue checks what is read op a constant.
func (c *checker) compareValue(o operand, op CompareOp, v Value) (operand, error) {
	switch o.form {
	case arithmetic:
		v, err := cast(o.typ, v)
		if err != nil {
			return operand{}, err
		}
		return predicateOf(&ArithCompare{o.ref, o.arith, o.value, op, v}), nil
	case length:
		v, err := cast(schema.Int64, v)
		if err != nil {
			return operand{}, err
		}
		return predicateOf(&LengthCompare{o.ref, op, v.Int()}), nil
	case predicate:
		return operand{}, errors.New("not supported to combine multiple fields")
	}
	if v.kind == ListOf && (o.typ == schema.JSON || o.typ == schema.Array && o.ref.Index < 0) {
		return c.compareList(o.ref, op, v.list)
	}
	v, err := cast(o.ref.Type(), v)
	if err != nil {
		return operand{}, err
	}
	return predicateOf(&Compare{o.ref, op, v}), nil
}

// compareList checks the equality of a whole array or JSON list.
func (c *checker) compareList(ref *Ref, op CompareOp, l *List) (operand, error) {
	if op != EQ && op != NE {
		return operand{}, fmt.Errorf("lists can only be compared with == and !=, not with %s", op)
	}
	if ref.Field.Type == schema.Array {
		var err error
		if l, err = castList(ref.Field.Element, l); err != nil {
			return operand{}, err
		}
	}
	var n Node = &ListEqual{ref, l}
	if op == NE {
		n = not(n)
	}
	return predicateOf(n), nil
}

func (c *checker) compareFields(left operand, op CompareOp, right operand) (operand, error) {
	if left.form != column || right.form != column {
		return operand{}, errors.New("only comparison between two fields is supported")
	}
	if left.typ == schema.JSON || right.typ == schema.JSON {
		return operand{}, errors.New("two column comparison with JSON type is not supported")
	}
	if err := errors.Join(wholeArray(left), wholeArray(right)); err != nil {
		return operand{}, errors.New("can not comparisons array fields directly")
	}
	return predicateOf(&CompareFields{left.ref, op, right.ref}), nil
}

// between checks a chained range.
func (c *checker) between(s *between) (operand, error) {
	field, err := c.check(s.field)
	if err != nil {
		return operand{}, err
	}
	if err := wholeArray(field); err != nil {
		return operand{}, err
	}
	left, err := c.check(s.left)
	if err != nil {
		return operand{}, err
	}
	right, err := c.check(s.right)
	if err != nil {
		return operand{}, err
	}
	r := &Range{Ref: field.ref, LowerIn: s.leftIn, UpperIn: s.rightIn}
	lower, upper := left, right
	if s.greater {
		lower, upper = right, left
		r.LowerIn, r.UpperIn = r.UpperIn, r.LowerIn
	}
	if lower.form != constant {
		return operand{}, fmt.Errorf("lowerbound cannot be a non-const expression: %s", c.source(lower.span))
	}
	if upper.form != constant {
		return operand{}, fmt.Errorf("upperbound cannot be a non-const expression: %s", c.source(upper.span))
	}
	if r.Lower, err = rangeBound(field.ref.Type(), lower.value); err != nil {
		return operand{}, err
	}
	if r.Upper, err = rangeBound(field.ref.Type(), upper.value); err != nil {
		return operand{}, err
	}
	if r.Lower.kind != r.Upper.kind {
		if !r.Lower.IsNumber() || !r.Upper.IsNumber() {
			return operand{}, errors.New("invalid range operations")
		}
		r.Lower, r.Upper = FloatValue(r.Lower.Float()), FloatValue(r.Upper.Float())
	}
	if r.empty() {
		return operand{}, errors.New("invalid range: lowerbound is greater than upperbound")
	}
	return predicateOf(r), nil
}

// empty reports whether no value is in the range.
func (r *Range) empty() bool {
	d := order(r.Lower, r.Upper)
	return d > 0 || d == 0 && !(r.LowerIn && r.UpperIn)
}

// rangeBound returns a constant as the bound of a range over the type.
func rangeBound(t schema.Type, v Value) (Value, error) {
	if t == schema.Bool || v.kind == Bool {
		return Value{}, errors.New("invalid range operations on boolean expr")
	}
	out, err := cast(t, v)
	if err != nil || v.kind == ListOf {
		return Value{}, errors.New("invalid range operations")
	}
	return out, nil
}

// in checks left in right.
func (c *checker) in(left, right operand, negated bool) (operand, error) {
	switch {
	case left.form == constant:
		return operand{}, fmt.Errorf("'term' can only be used on non-const expression, but got: %s", c.source(left.span))
	case left.form != column:
		return operand{}, fmt.Errorf("'term' can only be used on single field, but got: %s", c.source(left.span))
	case right.form != constant:
		return operand{}, fmt.Errorf("value '%s' in list cannot be a non-const expression", c.source(right.span))
	case right.value.kind != ListOf && right.template:
		return operand{}, fmt.Errorf("the value of term expression template variable %s is not array", c.source(right.span))
	case right.value.kind != ListOf:
		return operand{}, fmt.Errorf("the right-hand side of 'in' must be a list, but got: %s", c.source(right.span))
	}
	if err := wholeArray(left); err != nil {
		return operand{}, err
	}
	t := left.ref.Type()
	list := right.value.list
	out, err := castList(t, list)
	if err == nil && t == schema.JSON && list.mixed != nil {
		for _, v := range list.mixed {
			if v.kind == ListOf {
				err = errors.New("a list")
			}
		}
	}
	if err != nil {
		return operand{}, fmt.Errorf("value '%s' in list cannot be casted to %s", offender(t, list), t)
	}
	n := in(left.ref, newSet(out))
	if negated {
		n = not(n)
	}
	return predicateOf(n), nil
}

// offender returns the first element that is not of the type.
func offender(t schema.Type, l *List) string {
	for i := range l.Len() {
		v := l.At(i)
		if _, err := cast(t, v); err != nil || v.kind == ListOf {
			return abridged(v.String(), 256)
		}
	}
	return ""
}
