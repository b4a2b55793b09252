package expr

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strings"

	"github.com/redkite-db/redkite/internal/schema"
)

// names of the operations in messages
var arithNames = [...]string{"add", "subtract", "multiply", "divide", "modulo", "bitand", "bitor", "bitxor"}

func (op ArithOp) bitwise() bool { return op >= BitAnd }

func (op ArithOp) commutes() bool { return op == Add || op == Mul || op.bitwise() }

// arithmetic checks left op right: of constants, or of one field and a
// constant.
func (c *checker) arithmetic(left operand, op ArithOp, right operand) (operand, error) {
	if left.form == constant && right.form == constant {
		if left.template || right.template {
			return operand{}, fmt.Errorf("placeholder was not supported between two constants with operator: %s", op)
		}
		v, err := foldArith(op, left.value, right.value)
		return constantOf(v), err
	}
	if err := errors.Join(wholeArray(left), wholeArray(right)); err != nil {
		return operand{}, errors.New("can not comparisons array fields directly")
	}
	field, other, reversed := left, right, false
	if left.form == constant {
		field, other, reversed = right, left, true
	}
	ft, ot := elementOf(field), elementOf(other)
	if !canCompute(ft, ot) {
		return operand{}, fmt.Errorf("'%s' cannot perform arithmetic between %s field and %s", arithNames[op], ft, ot)
	}
	if err := needsIntegers(op, ft, ot); err != nil {
		return operand{}, err
	}
	switch {
	case field.form != column || other.form != column && other.form != constant:
		return operand{}, errors.New("complicated arithmetic operations are not supported")
	case other.form == column:
		return operand{}, errors.New("not supported to do arithmetic operations between multiple fields")
	case reversed && !op.commutes():
		return operand{}, errors.New("module field is not yet supported")
	}
	// The domain of the operation: integers unless the field, or for JSON the
	// constant, is a float.
	out := operand{form: arithmetic, typ: schema.Int64, ref: field.ref, arith: op}
	if isFloating(ft) || isFloating(ot) {
		out.typ = schema.Double
	}
	var err error
	if out.value, err = cast(out.typ, other.value); err != nil {
		return operand{}, err
	}
	if (op == Div || op == Mod) && out.value.Float() == 0 {
		return operand{}, errors.New("division or modulus by zero")
	}
	return out, nil
}

// canCompute reports whether a field of the first type and an operand of the
// second can be computed with.
func canCompute(field, other schema.Type) bool {
	switch {
	case isInteger(field):
		return isInteger(other) || other == schema.JSON
	case isFloating(field):
		return isNumeric(other) || other == schema.JSON
	}
	return field == schema.JSON && isNumeric(other)
}

func needsIntegers(op ArithOp, types ...schema.Type) error {
	for _, t := range types {
		if isInteger(t) || t == schema.JSON {
			continue
		}
		if op == Mod {
			return errors.New("modulo can only apply on integer types")
		}
		if op.bitwise() {
			return errors.New("bitwise operations can only apply on integer types")
		}
	}
	return nil
}

// order compares two constants of the same kind, or two numbers.
func order(a, b Value) int {
	switch {
	case a.kind == String:
		return strings.Compare(a.str, b.str)
	case a.kind == Float || b.kind == Float:
		return cmp.Compare(a.Float(), b.Float())
	}
	return cmp.Compare(a.Int(), b.Int())
}

// foldCompare compares two constants; ok is false if their kinds do not
// compare.
func foldCompare(op CompareOp, a, b Value) (held, ok bool) {
	equality := op == EQ || op == NE
	if !(a.kind == b.kind && (a.kind == String || a.kind == Bool && equality) || a.IsNumber() && b.IsNumber()) {
		return false, false
	}
	d := order(a, b)
	switch op {
	case EQ:
		return d == 0, true
	case NE:
		return d != 0, true
	case LT:
		return d < 0, true
	case LE:
		return d <= 0, true
	case GT:
		return d > 0, true
	}
	return d >= 0, true
}

// foldPrefix applies a prefix operator to a constant.
func foldPrefix(op tokenKind, v Value) (Value, error) {
	switch {
	case op == tokNot && v.kind == Bool:
		return BoolValue(!v.Bool()), nil
	case op == tokNot:
		return Value{}, errors.New("not can only apply on boolean")
	case op == tokBitNot:
		return Value{}, errors.New("operator ~ is not supported")
	case !v.IsNumber():
		return Value{}, fmt.Errorf("operator + or - can only be applied on numbers, got: %s", abridged(v.String(), 256))
	case op == tokAdd:
		return v, nil
	case v.kind == Float:
		return FloatValue(-v.Float()), nil
	case v.Int() == math.MinInt64:
		return Value{}, overflow(Sub, IntValue(0), v)
	}
	return IntValue(-v.Int()), nil
}

func overflow(op ArithOp, a, b Value) error {
	return fmt.Errorf("constant expression %s %s %s is out of range", a, op, b)
}

// foldArith computes with two constants. What does not fit its type is an
// error.
func foldArith(op ArithOp, a, b Value) (Value, error) {
	switch {
	case (op == Mod || op.bitwise()) && (a.kind != Int || b.kind != Int):
		if op == Mod {
			return Value{}, errors.New("modulo can only apply on integer")
		}
		return Value{}, fmt.Errorf("%s can only apply on integer fields", arithNames[op])
	case !a.IsNumber() || !b.IsNumber():
		kind := "bool"
		if a.kind == String || b.kind == String {
			kind = "string"
		} else if a.kind == ListOf || b.kind == ListOf {
			kind = "array"
		}
		return Value{}, fmt.Errorf("%s cannot apply on %s field", arithNames[op], kind)
	case op == Div && b.Float() == 0:
		return Value{}, errors.New("cannot divide by zero")
	case op == Mod && b.Int() == 0:
		return Value{}, errors.New("cannot modulo by zero")
	case a.kind == Int && b.kind == Int:
		v, ok := intArith(op, a.Int(), b.Int())
		if !ok {
			return Value{}, overflow(op, a, b)
		}
		return IntValue(v), nil
	}
	x, y := a.Float(), b.Float()
	switch op {
	case Add:
		x += y
	case Sub:
		x -= y
	case Mul:
		x *= y
	default:
		x /= y
	}
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return Value{}, overflow(op, a, b)
	}
	return FloatValue(x), nil
}

// intArith computes with integers; ok is false if the result does not fit.
func intArith(op ArithOp, x, y int64) (v int64, ok bool) {
	switch op {
	case Add:
		v = x + y
		return v, (x^v)&(y^v) >= 0
	case Sub:
		v = x - y
		return v, (x^y)&(x^v) >= 0
	case Mul:
		return multiply(x, y)
	case Div:
		return x / y, !(x == math.MinInt64 && y == -1)
	case Mod:
		return x % y, true
	case BitAnd:
		return x & y, true
	case BitOr:
		return x | y, true
	}
	return x ^ y, true
}

func multiply(x, y int64) (int64, bool) {
	hi, lo := bits.Mul64(magnitude(x), magnitude(y))
	negative := (x < 0) != (y < 0)
	if hi != 0 || lo > 1<<63 || lo == 1<<63 && !negative {
		return 0, false
	}
	if negative {
		return int64(-lo), true
	}
	return int64(lo), true
}

func magnitude(x int64) uint64 {
	if x < 0 {
		return -uint64(x)
	}
	return uint64(x)
}

// power computes a ** b: an integer if both are and the result fits, else a
// float.
func power(a, b Value) (Value, error) {
	if !a.IsNumber() || !b.IsNumber() {
		return Value{}, errors.New("power can only apply on numbers")
	}
	if a.kind == Int && b.kind == Int && b.Int() >= 0 {
		if v, ok := intPower(a.Int(), b.Int()); ok {
			return IntValue(v), nil
		}
	}
	f := math.Pow(a.Float(), b.Float())
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return Value{}, fmt.Errorf("constant expression %s ** %s is out of range", a, b)
	}
	return FloatValue(f), nil
}

// intPower computes base to the power n by squaring; ok is false if the result
// does not fit.
func intPower(base, n int64) (int64, bool) {
	result := int64(1)
	for {
		var ok bool
		if n&1 != 0 {
			if result, ok = multiply(result, base); !ok {
				return 0, false
			}
		}
		if n >>= 1; n == 0 {
			return result, true
		}
		if base, ok = multiply(base, base); !ok {
			return 0, false
		}
	}
}
