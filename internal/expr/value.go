package expr

import (
	"math"
	"strconv"
	"strings"
)

// Kind is the type of a constant.
type Kind uint8

// The kinds of constants; None is no constant at all.
const (
	None Kind = iota
	Bool
	Int
	Float
	String
	ListOf
)

// Value is a constant of a filter: a boolean, integer, float, string or list
// of these. The zero Value is of kind None.
type Value struct {
	kind Kind
	bits uint64 // Bool: 0 or 1; Int: two's complement; Float: IEEE 754
	str  string
	list *List
}

// BoolValue returns a boolean constant.
func BoolValue(b bool) Value {
	if b {
		return Value{kind: Bool, bits: 1}
	}
	return Value{kind: Bool}
}

// IntValue returns an integer constant.
func IntValue(i int64) Value { return Value{kind: Int, bits: uint64(i)} }

// FloatValue returns a floating-point constant.
func FloatValue(f float64) Value { return Value{kind: Float, bits: math.Float64bits(f)} }

// StringValue returns a string constant; its bytes need not be UTF-8.
func StringValue(s string) Value { return Value{kind: String, str: s} }

// ListValue returns a list constant; it keeps l.
func ListValue(l *List) Value { return Value{kind: ListOf, list: l} }

// Kind returns the constant's kind.
func (v Value) Kind() Kind { return v.kind }

// IsNumber reports whether the constant is an integer or a float.
func (v Value) IsNumber() bool { return v.kind == Int || v.kind == Float }

// Bool returns a boolean constant.
func (v Value) Bool() bool { return v.bits != 0 }

// Int returns an integer constant.
func (v Value) Int() int64 { return int64(v.bits) }

// Float returns a number as float64.
func (v Value) Float() float64 {
	if v.kind == Int {
		return float64(int64(v.bits))
	}
	return math.Float64frombits(v.bits)
}

// Str returns a string constant.
func (v Value) Str() string { return v.str }

// List returns a list constant.
func (v Value) List() *List { return v.list }

// String returns the constant as a filter writes it.
func (v Value) String() string {
	var b strings.Builder
	v.write(&b)
	return b.String()
}

func (v Value) write(b *strings.Builder) {
	switch v.kind {
	case Bool:
		b.WriteString(strconv.FormatBool(v.Bool()))
	case Int:
		b.WriteString(strconv.FormatInt(v.Int(), 10))
	case Float:
		writeFloat(b, v.Float())
	case String:
		writeQuoted(b, v.str)
	case ListOf:
		v.list.write(b)
	}
}

// writeFloat writes f so that it reads back as a float of the same bits.
func writeFloat(b *strings.Builder, f float64) {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	b.WriteString(s)
	if !strings.ContainsAny(s, ".e") {
		b.WriteString(".0")
	}
}

// List is a list of constants. Lists of one kind of number, string or boolean,
// which is what programs send by the hundred thousand, are kept as one slice.
type List struct {
	kind   Kind // of the elements while they are all of one kind
	n      int
	ints   []int64
	floats []float64
	strs   []string
	bools  []bool
	mixed  []Value // all elements, once two kinds or a list were added
}

// NewList returns a list of the values.
func NewList(values ...Value) *List {
	l := &List{}
	for _, v := range values {
		l.add(v)
	}
	return l
}

// Len returns the number of elements.
func (l *List) Len() int { return l.n }

// At returns element i.
func (l *List) At(i int) Value {
	if l.mixed != nil {
		return l.mixed[i]
	}
	switch l.kind {
	case Int:
		return IntValue(l.ints[i])
	case Float:
		return FloatValue(l.floats[i])
	case String:
		return StringValue(l.strs[i])
	default:
		return BoolValue(l.bools[i])
	}
}

// uniform returns the kind of the elements if they all have the same.
func (l *List) uniform() (Kind, bool) {
	if l.mixed == nil {
		return l.kind, l.n > 0
	}
	return None, false
}

func (l *List) add(v Value) {
	if l.n == 0 {
		l.kind = v.kind
	}
	if l.mixed == nil && (v.kind != l.kind || v.kind == ListOf) {
		l.mixed = make([]Value, l.n, l.n+1)
		kind := l.kind
		for i := range l.mixed {
			l.mixed[i] = (&List{kind: kind, ints: l.ints, floats: l.floats, strs: l.strs, bools: l.bools}).At(i)
		}
		l.ints, l.floats, l.strs, l.bools = nil, nil, nil, nil
	}
	l.n++
	if l.mixed != nil {
		l.mixed = append(l.mixed, v)
		return
	}
	switch v.kind {
	case Int:
		l.ints = append(l.ints, v.Int())
	case Float:
		l.floats = append(l.floats, v.Float())
	case String:
		l.strs = append(l.strs, v.str)
	case Bool:
		l.bools = append(l.bools, v.Bool())
	}
}

func (l *List) write(b *strings.Builder) {
	b.WriteByte('[')
	for i := range l.n {
		if i > 0 {
			b.WriteString(", ")
		}
		l.At(i).write(b)
	}
	b.WriteByte(']')
}
