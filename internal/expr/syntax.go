package expr

// The syntax tree is what the parser makes of the text, before names and types
// are looked at. Chains of binary operators of one binding power are one node,
// however long, and so are runs of unary operators: the depth of the tree is
// the depth of the brackets.

// span is a part of the text.
type span struct{ pos, end int }

func (s span) bounds() span { return s }

// syntax is one node of the syntax tree.
type syntax interface{ bounds() span }

// literal is a constant; big marks 9223372036854775808, which has no value of
// its own; regex is set for a string in quotes.
type literal struct {
	span
	value Value
	big   bool
	raw   bool // of a string: written r"..."
}

// listLiteral is [a, b, ...]: values if all elements are plain constants, else
// items.
type listLiteral struct {
	span
	values *List
	items  []syntax
}

// identifier is a name.
type identifier struct {
	span
	name string
}

// accessPath is a name with accessors; quoted tells which of them were
// strings.
type accessPath struct {
	span
	name   string
	keys   []string
	quoted []bool
}

// structRef is struct[sub], struct[0][sub] or $[sub].
type structRef struct {
	span
	name, sub string
	kind      tokenKind
}

// placeholder is {name}.
type placeholder struct {
	span
	name string
}

// unary is a run of prefix operators, outermost first.
type unary struct {
	span
	ops     []tokenKind
	operand syntax
}

// chain is first op operand op operand ..., from left to right.
type chain struct {
	span
	first syntax
	rest  []link
}

type link struct {
	op      tokenKind
	negated bool // not in
	operand syntax
}

// between is lower < field < upper or, with greater, upper > field > lower.
type between struct {
	span
	left, right     syntax
	field           syntax
	leftIn, rightIn bool
	greater         bool
}

// existsTest is exists operand.
type existsTest struct {
	span
	operand syntax
}

// nullTest is field is [not] null.
type nullTest struct {
	span
	field   syntax
	negated bool
}

// call is a function with its arguments: of a keyword, or of a name that no
// keyword has.
type call struct {
	span
	kind tokenKind
	name string
	args []syntax
}

// refused is a well-formed part of the language that is not implemented.
type refused struct {
	span
	what  string
	field string // of text functions: the field they are applied to
}
