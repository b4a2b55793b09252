package expr

import (
	"errors"
	"fmt"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"

	"github.com/redkite-db/redkite/internal/schema"
)

// maxQuoted bounds how much of a filter an error repeats.
const maxQuoted = 4096

// form is what an operand is made of.
type form uint8

const (
	constant   form = iota // a value
	column                 // what a Ref reads
	arithmetic             // one operation on what a Ref reads
	length                 // the length of what a Ref reads
	predicate              // a node of the plan
)

// operand is a checked part of a filter.
type operand struct {
	span
	form     form
	typ      schema.Type // Array for elements of arrays too
	value    Value       // of a constant; the right side of an arithmetic
	template bool        // a constant that was given beside the filter
	ref      *Ref
	arith    ArithOp
	node     Node
}

// checker resolves names and types of a syntax tree and builds the plan.
type checker struct {
	text      string
	coll      *schema.Collection
	fields    map[string]*schema.Field
	templates map[string]*schemapb.TemplateValue
}

func newChecker(text string, coll *schema.Collection, templates map[string]*schemapb.TemplateValue) *checker {
	c := &checker{text: text, coll: coll, templates: templates, fields: make(map[string]*schema.Field, len(coll.Fields))}
	for _, f := range coll.Fields {
		c.fields[f.Name] = f
	}
	return c
}

// source returns the text of a part of the filter, for messages.
func (c *checker) source(s span) string { return abridged(c.text[s.pos:s.end], maxQuoted) }

func (c *checker) check(s syntax) (operand, error) {
	o, err := c.dispatch(s)
	o.span = s.bounds()
	return o, err
}

func (c *checker) dispatch(s syntax) (operand, error) {
	switch s := s.(type) {
	case *literal:
		if s.big {
			return operand{}, errors.New("integer constant 9223372036854775808 is out of the range of int64")
		}
		return constantOf(s.value), nil
	case *listLiteral:
		return c.list(s)
	case *identifier:
		return c.name(s.name)
	case *accessPath:
		return c.path(s)
	case *structRef:
		if s.kind == tokStructSub {
			return operand{}, fmt.Errorf("$[%s] syntax can only be used inside ElementFilter or MATCH_*", s.sub)
		}
		return operand{}, fmt.Errorf("struct field not found: %s[%s]", s.name, s.sub)
	case *placeholder:
		return c.template(s.name)
	case *unary:
		return c.unary(s)
	case *chain:
		return c.chain(s)
	case *between:
		return c.between(s)
	case *existsTest:
		return c.exists(s)
	case *nullTest:
		return c.nullTest(s)
	case *call:
		return c.call(s)
	case *refused:
		return operand{}, c.refuse(s)
	}
	return operand{}, fmt.Errorf("unsupported expression: %s", c.source(s.bounds()))
}

// constantOf returns a constant as an operand.
func constantOf(v Value) operand { return operand{form: constant, typ: typeOf(v), value: v} }

// typeOf returns the type that a constant has among fields.
func typeOf(v Value) schema.Type {
	switch v.kind {
	case Bool:
		return schema.Bool
	case Int:
		return schema.Int64
	case Float:
		return schema.Double
	case String:
		return schema.VarChar
	case ListOf:
		return schema.Array
	}
	return schemapb.DataType_None
}

func predicateOf(n Node) operand {
	if k, ok := n.(*Const); ok {
		return constantOf(BoolValue(k.Value))
	}
	return operand{form: predicate, typ: schema.Bool, node: n}
}

// field returns the field of a name. A name that no field has is a key of the
// dynamic field, if there is one.
func (c *checker) field(name string) (*schema.Field, []string, error) {
	if f := c.fields[name]; f != nil {
		return f, nil, nil
	}
	if strings.EqualFold(name, "null") {
		return nil, nil, errors.New("NULL literal is not supported in expressions; use '<field> is null' or '<field> is not null' instead")
	}
	f := c.coll.DynamicField()
	if f == nil {
		return nil, nil, fmt.Errorf("field %s not exist", name)
	}
	return f, []string{name}, nil
}

func (c *checker) name(name string) (operand, error) {
	f, keys, err := c.field(name)
	if err != nil {
		return operand{}, err
	}
	return columnOf(&Ref{Field: f, Path: keys, Index: -1}), nil
}

func columnOf(r *Ref) operand { return operand{form: column, typ: r.Field.Type, ref: r} }

func (c *checker) path(s *accessPath) (operand, error) {
	f, keys, err := c.field(s.name)
	if err != nil {
		return operand{}, err
	}
	ref := &Ref{Field: f, Path: keys, Index: -1}
	switch f.Type {
	case schema.JSON:
		for i, key := range s.keys {
			if s.quoted[i] && key == "" {
				return operand{}, fmt.Errorf("invalid identifier: %s", c.source(s.span))
			}
		}
		ref.Path = append(ref.Path, s.keys...)
	case schema.Array:
		for _, quoted := range s.quoted {
			if quoted {
				return operand{}, errors.New("can only access array field with integer index")
			}
		}
		if ref.Index, err = arrayIndex(s.keys); err != nil {
			return operand{}, fmt.Errorf("%w: %s", err, c.source(s.span))
		}
	default:
		return operand{}, fmt.Errorf("%s data type not supported accessed with []", f.Type)
	}
	return columnOf(ref), nil
}

// arrayIndex reads the one index of an array element. Indexes beyond what any
// array can hold are all the same.
func arrayIndex(keys []string) (int, error) {
	if len(keys) != 1 {
		return 0, errors.New("elements of an array field have no elements of their own")
	}
	v, n := digits(keys[0], 9, 10)
	if n < len(keys[0]) {
		return 1 << 30, nil
	}
	return int(v), nil
}

// list folds the elements of a list that are not all plain constants.
func (c *checker) list(s *listLiteral) (operand, error) {
	if s.items == nil {
		return constantOf(ListValue(s.values)), nil
	}
	l := &List{}
	for _, item := range s.items {
		o, err := c.check(item)
		if err != nil {
			return operand{}, err
		}
		if o.form != constant {
			return operand{}, fmt.Errorf("array element type must be generic value, but got: %s", c.source(o.span))
		}
		l.add(o.value)
	}
	return constantOf(ListValue(l)), nil
}

// unary applies prefix operators, innermost first.
func (c *checker) unary(s *unary) (operand, error) {
	ops := s.ops
	var o operand
	if l, ok := s.operand.(*literal); ok && l.big && ops[len(ops)-1] == tokSub {
		o = constantOf(IntValue(-1 << 63))
		ops = ops[:len(ops)-1]
	} else {
		var err error
		if o, err = c.check(s.operand); err != nil {
			return operand{}, err
		}
	}
	for i := len(ops) - 1; i >= 0; i-- {
		var err error
		if o, err = c.prefix(ops[i], o); err != nil {
			return operand{}, err
		}
	}
	return o, nil
}

func (c *checker) prefix(op tokenKind, o operand) (operand, error) {
	if o.form == constant {
		v, err := foldPrefix(op, o.value)
		return constantOf(v), err
	}
	if err := wholeArray(o); err != nil {
		return operand{}, err
	}
	switch op {
	case tokAdd:
		return o, nil
	case tokNot:
		if o.form != predicate {
			return operand{}, errors.New("not op can only be applied on boolean expression")
		}
		return predicateOf(not(o.node)), nil
	}
	return operand{}, fmt.Errorf("operator %s can only be applied on constants", map[tokenKind]string{tokSub: "-", tokBitNot: "~"}[op])
}

// wholeArray refuses an array field without an index.
func wholeArray(o operand) error {
	if o.form == column && o.typ == schema.Array && o.ref.Index < 0 {
		return errors.New("can not comparisons array fields directly")
	}
	return nil
}

// chain checks a run of binary operators of one binding power.
func (c *checker) chain(s *chain) (operand, error) {
	if op := s.rest[0].op; op == tokAnd || op == tokOr {
		return c.logic(s, op)
	}
	left, err := c.check(s.first)
	if err != nil {
		return operand{}, err
	}
	for _, l := range s.rest {
		switch l.op {
		case tokLike:
			left, err = c.like(left, l.operand)
		case tokRegex, tokNotRegex:
			left, err = c.regex(left, l.operand, l.op == tokNotRegex)
		case tokShl, tokShr:
			err = fmt.Errorf("shift is not supported: %s", c.source(s.span))
		default:
			var right operand
			if right, err = c.check(l.operand); err == nil {
				left, err = c.binary(left, l, right)
			}
		}
		if err != nil {
			return operand{}, err
		}
		left.span = span{s.pos, l.operand.bounds().end}
	}
	return left, nil
}

func (c *checker) binary(left operand, l link, right operand) (operand, error) {
	switch l.op {
	case tokIn:
		return c.in(left, right, l.negated)
	case tokLT, tokLE, tokGT, tokGE, tokEQ, tokNE:
		return c.compare(left, compareOps[l.op], right)
	case tokPow:
		if left.form != constant || right.form != constant {
			return operand{}, fmt.Errorf("power can only apply on constants: %s", c.source(span{left.pos, right.end}))
		}
		v, err := power(left.value, right.value)
		return constantOf(v), err
	}
	return c.arithmetic(left, arithOps[l.op], right)
}

var compareOps = map[tokenKind]CompareOp{tokEQ: EQ, tokNE: NE, tokLT: LT, tokLE: LE, tokGT: GT, tokGE: GE}

var arithOps = map[tokenKind]ArithOp{
	tokAdd: Add, tokSub: Sub, tokMul: Mul, tokDiv: Div, tokMod: Mod,
	tokBitAnd: BitAnd, tokBitOr: BitOr, tokBitXor: BitXor,
}

// logic checks a run of and or of or.
func (c *checker) logic(s *chain, op tokenKind) (operand, error) {
	terms := make([]Node, 0, len(s.rest)+1)
	add := func(s syntax) error {
		o, err := c.check(s)
		if err != nil {
			return err
		}
		switch {
		case o.form == predicate:
			terms = append(terms, o.node)
		case o.form == constant && o.value.kind == Bool:
			terms = append(terms, &Const{o.value.Bool()})
		case op == tokAnd:
			return errors.New("'and' can only be used between boolean expressions")
		default:
			return errors.New("'or' can only be used between boolean expressions")
		}
		return nil
	}
	if err := add(s.first); err != nil {
		return operand{}, err
	}
	for _, l := range s.rest {
		if err := add(l.operand); err != nil {
			return operand{}, err
		}
	}
	if op == tokAnd {
		return predicateOf(and(terms)), nil
	}
	return predicateOf(or(terms)), nil
}

// refuse says why a part of the language cannot be used.
func (c *checker) refuse(s *refused) error {
	if f := c.fields[s.field]; f != nil && f.Type == schema.VarChar &&
		(s.what == "text_match" || s.what == "text_match_fuzzy" || s.what == "phrase_match") {
		enabled := false
		for _, kv := range f.Params {
			enabled = enabled || kv.GetKey() == "enable_match" && strings.EqualFold(kv.GetValue(), "true")
		}
		if !enabled {
			return fmt.Errorf("field \"%s\" does not enable match", f.Name)
		}
	}
	return fmt.Errorf("%s is not supported by this version", s.what)
}
