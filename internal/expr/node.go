package expr

import (
	"regexp"

	"github.com/redkite-db/redkite/internal/schema"
)

// Node is one node of a plan: a predicate that is true, false or unknown of a
// row. Nodes are never changed once the plan is made.
type Node interface{ isNode() }

// CompareOp is the operator of a comparison.
type CompareOp uint8

// The comparison operators.
const (
	EQ CompareOp = iota
	NE
	LT
	LE
	GT
	GE
)

func (op CompareOp) String() string { return [...]string{"==", "!=", "<", "<=", ">", ">="}[op] }

// Negated returns the operator that holds where op does not.
func (op CompareOp) Negated() CompareOp { return [...]CompareOp{NE, EQ, GE, GT, LE, LT}[op] }

// Mirrored returns the operator with its sides exchanged.
func (op CompareOp) Mirrored() CompareOp { return [...]CompareOp{EQ, NE, GT, GE, LT, LE}[op] }

// ArithOp is the operator of an arithmetic term.
type ArithOp uint8

// The arithmetic operators.
const (
	Add ArithOp = iota
	Sub
	Mul
	Div
	Mod
	BitAnd
	BitOr
	BitXor
)

func (op ArithOp) String() string {
	return [...]string{"+", "-", "*", "/", "%", "&", "|", "^"}[op]
}

// Ref is what a predicate reads of a row: a field, an element of an array
// field, or what is found under a path in a JSON field.
type Ref struct {
	Field *schema.Field
	// Path is the keys from the root of a JSON value inwards, as they are
	// after unescaping. A key of digits also addresses an element of a list.
	Path []string
	// Index is the element of an array field, -1 for the field itself.
	Index int
}

// Type returns the type of what is read: the element type for an element.
func (r *Ref) Type() schema.Type {
	if r.Index >= 0 {
		return r.Field.Element
	}
	return r.Field.Type
}

// Const is true, or false, of every row.
type Const struct{ Value bool }

// And is true where all its terms are; it has two or more, none of them an And.
type And struct{ Terms []Node }

// Or is true where one of its terms is; it has two or more, none of them an Or.
type Or struct{ Terms []Node }

// Not is true where its term is false.
type Not struct{ Term Node }

// IsNull is true where a whole field is null; it is never unknown.
type IsNull struct{ Ref *Ref }

// Exists is true where a JSON path leads to something that is neither null
// nor made of empty objects and lists only; it is never unknown.
type Exists struct{ Ref *Ref }

// Compare compares what is read with a constant of its type. The constant is
// Int for integers, Float for floats; for JSON it decides the type: values of
// other types are unknown, and integers and floats compare as numbers.
type Compare struct {
	Ref   *Ref
	Op    CompareOp
	Value Value
}

// Range is true between two constants of the same kind.
type Range struct {
	Ref              *Ref
	Lower, Upper     Value
	LowerIn, UpperIn bool // whether the bounds themselves are in the range
}

// In is true where what is read is a member of the set. The empty set has no
// type: nothing but null, and a JSON path that leads nowhere, is unknown to it.
type In struct {
	Ref *Ref
	Set *Set
}

// Like is true where a string matches a pattern of % and _.
type Like struct {
	Ref     *Ref
	Pattern *Pattern
}

// Regex is true where a regular expression is found in a string.
type Regex struct {
	Ref     *Ref
	Pattern string         // as written
	Regexp  *regexp.Regexp // with the dot matching line breaks
}

// ArithCompare compares the result of an arithmetic operation on what is read
// and a constant with a second constant of the same kind. Integers wrap at 64
// bits; JSON floats under an integer operation are computed as floats.
type ArithCompare struct {
	Ref     *Ref
	Arith   ArithOp
	Operand Value // the right side of the operation; never 0 for Div and Mod
	Op      CompareOp
	Value   Value
}

// LengthCompare compares the length of an array or JSON list with an integer.
type LengthCompare struct {
	Ref   *Ref
	Op    CompareOp
	Value int64
}

// ContainsMode tells how many of the values a list has to contain.
type ContainsMode uint8

// The modes of Contains.
const (
	ContainsOne ContainsMode = iota
	ContainsAny
	ContainsAll
)

func (m ContainsMode) String() string {
	return [...]string{"Contains", "ContainsAny", "ContainsAll"}[m]
}

// Contains is true where an array or JSON list contains a value, any of the
// values, or all of them. Values of an array have its element type.
type Contains struct {
	Ref    *Ref
	Mode   ContainsMode
	Values *List
	Set    *Set // the values that are no lists
}

// ListEqual is true where an array or JSON list has exactly these elements.
type ListEqual struct {
	Ref    *Ref
	Values *List
}

// CompareFields compares two scalars of the row: numbers, strings or booleans.
type CompareFields struct {
	Left  *Ref
	Op    CompareOp
	Right *Ref
}

func (*Const) isNode()         {}
func (*And) isNode()           {}
func (*Or) isNode()            {}
func (*Not) isNode()           {}
func (*IsNull) isNode()        {}
func (*Exists) isNode()        {}
func (*Compare) isNode()       {}
func (*Range) isNode()         {}
func (*In) isNode()            {}
func (*Like) isNode()          {}
func (*Regex) isNode()         {}
func (*ArithCompare) isNode()  {}
func (*LengthCompare) isNode() {}
func (*Contains) isNode()      {}
func (*ListEqual) isNode()     {}
func (*CompareFields) isNode() {}
