package expr

import (
	"errors"
	"fmt"
	"regexp"
	regexsyntax "regexp/syntax"
	"strings"

	"github.com/redkite-db/redkite/internal/schema"
)

// like checks left like pattern.
func (c *checker) like(left operand, right syntax) (operand, error) {
	if err := stringColumn(left, "like operation on complicated expr is unsupported",
		"like operation on non-string or no-json field is unsupported"); err != nil {
		return operand{}, err
	}
	o, err := c.check(right)
	if err != nil {
		return operand{}, err
	}
	if o.form == constant && o.template && o.value.kind != String {
		return operand{}, fmt.Errorf("the value of like expression template variable %s is not string", c.source(o.span))
	}
	if o.form != constant || o.value.kind != String {
		return operand{}, fmt.Errorf("like pattern should be a string literal or template variable, got: %s", c.source(o.span))
	}
	n, err := like(left.ref, o.value.str)
	if err != nil {
		return operand{}, err
	}
	return predicateOf(n), nil
}

// like returns the node of a pattern: a comparison if it has no wildcards.
func like(ref *Ref, pattern string) (Node, error) {
	p, err := NewPattern(pattern)
	if err != nil {
		return nil, err
	}
	if s, ok := p.Literal(); ok {
		return &Compare{ref, EQ, StringValue(s)}, nil
	}
	return &Like{ref, p}, nil
}

// stringColumn refuses what is neither a string nor JSON.
func stringColumn(o operand, complicated, wrongType string) error {
	if o.form != column {
		return errors.New(complicated)
	}
	if err := wholeArray(o); err != nil {
		return err
	}
	if t := o.ref.Type(); t != schema.VarChar && t != schema.JSON {
		return errors.New(wrongType)
	}
	return nil
}

// regex checks left =~ pattern.
func (c *checker) regex(left operand, right syntax, negated bool) (operand, error) {
	if err := stringColumn(left, "regex match on complicated expr is unsupported",
		"regex match on non-string or non-json field is unsupported"); err != nil {
		return operand{}, err
	}
	pattern, err := c.regexPattern(right)
	if err != nil {
		return operand{}, err
	}
	n, err := regex(left.ref, pattern)
	if err != nil {
		return operand{}, err
	}
	if negated {
		n = not(n)
	}
	return predicateOf(n), nil
}

func (c *checker) regexPattern(s syntax) (string, error) {
	if l, ok := s.(*literal); ok && l.value.kind == String {
		if quoted := c.text[l.pos:l.end]; !l.raw && (quoted[0] == '"' || quoted[0] == '\'') {
			return regexText(quoted), nil
		}
		return l.value.str, nil
	}
	o, err := c.check(s)
	if err != nil {
		return "", err
	}
	if o.form == constant && o.template {
		if o.value.kind != String {
			return "", fmt.Errorf("the value of regex expression template variable %s is not string", c.source(o.span))
		}
		return o.value.str, nil
	}
	return "", fmt.Errorf("regex pattern should be a string literal or template variable, got: %s", c.source(o.span))
}

// regex returns the node of a regular expression. Line breaks in it are
// written as escapes, so that it can be written as a literal.
func regex(ref *Ref, pattern string) (Node, error) {
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, fmt.Errorf("invalid regex pattern: %w", err)
	}
	if strings.ContainsAny(pattern, "\r\n") {
		tree, err := regexsyntax.Parse(pattern, regexsyntax.Perl)
		if err != nil {
			return nil, fmt.Errorf("invalid regex pattern: %w", err)
		}
		pattern = tree.String()
	}
	re, err := regexp.Compile("(?s)" + pattern)
	if err != nil {
		return nil, fmt.Errorf("invalid regex pattern: %w", err)
	}
	return &Regex{ref, pattern, re}, nil
}

func (c *checker) exists(s *existsTest) (operand, error) {
	o, err := c.check(s.operand)
	if err != nil {
		return operand{}, err
	}
	switch {
	case o.form != column:
		return operand{}, fmt.Errorf("exists operations are only supported on single fields now, got: %s", c.source(o.span))
	case o.typ != schema.JSON:
		return operand{}, fmt.Errorf("exists operations are only supportted on json field, got:%s", o.typ)
	case len(o.ref.Path) == 0:
		return operand{}, errors.New("exists operations are only supportted on json key")
	}
	return predicateOf(&Exists{o.ref}), nil
}

// nullTest checks field is [not] null. Of a JSON path it asks whether there is
// anything.
func (c *checker) nullTest(s *nullTest) (operand, error) {
	o, err := c.check(s.field)
	if err != nil {
		return operand{}, err
	}
	var isNull Node
	switch {
	case o.ref.Field.IsVector():
		return operand{}, errors.New("IsNull/IsNotNull operations are not supported on vector fields")
	case o.ref.Index >= 0:
		return operand{}, fmt.Errorf("IsNull/IsNotNull operations are not supported on array element access, got: %s", c.source(s.span))
	case len(o.ref.Path) > 0:
		isNull = not(&Exists{o.ref})
	default:
		isNull = &IsNull{o.ref}
	}
	if s.negated {
		isNull = not(isNull)
	}
	return predicateOf(isNull), nil
}

// call checks a function.
func (c *checker) call(s *call) (operand, error) {
	args := make([]operand, len(s.args))
	for i, a := range s.args {
		var err error
		if args[i], err = c.check(a); err != nil {
			return operand{}, err
		}
	}
	want := 2
	if s.kind == tokArrayLength {
		want = 1
	}
	switch s.kind {
	case tokIdent:
		return c.named(s, args)
	case tokContains, tokContainsAny, tokContainsAll, tokArrayLength:
		if len(args) != want {
			return operand{}, fmt.Errorf("%s takes %d arguments, got %d: %s", s.name, want, len(args), c.source(s.span))
		}
	}
	switch s.kind {
	case tokContains:
		return c.contains(ContainsOne, args[0], args[1])
	case tokContainsAny:
		return c.contains(ContainsAny, args[0], args[1])
	case tokContainsAll:
		return c.contains(ContainsAll, args[0], args[1])
	}
	o := args[0]
	if o.form != column || o.typ != schema.JSON && (o.typ != schema.Array || o.ref.Index >= 0) {
		return operand{}, fmt.Errorf("array_length operation are only supported on json, array or array-of-vector fields now, got: %s", c.source(s.span))
	}
	return operand{form: length, typ: schema.Int64, ref: o.ref}, nil
}

// contains checks the contains functions.
func (c *checker) contains(mode ContainsMode, list, element operand) (operand, error) {
	op := [...]string{"contains", "contains_any", "contains_all"}[mode]
	if list.form != column || list.typ != schema.JSON && (list.typ != schema.Array || list.ref.Index >= 0) {
		return operand{}, fmt.Errorf("%s operation are only supported on json or array fields now, got: %s", op, c.source(list.span))
	}
	if element.form != constant {
		return operand{}, fmt.Errorf("%s operation are only supported explicitly specified element, got: %s", op, c.source(element.span))
	}
	values := NewList(element.value)
	if mode != ContainsOne {
		if element.value.kind != ListOf {
			return operand{}, fmt.Errorf("%s operation element must be an array", mode)
		}
		values = element.value.list
	}
	if list.typ == schema.Array {
		t := list.ref.Field.Element
		for i := range values.Len() {
			if vt := typeOf(values.At(i)); !comparableTypes(t, vt) {
				return operand{}, fmt.Errorf("%s operation can't compare between array element type: %s and %s", mode, t, vt)
			}
		}
		var err error
		if values, err = castList(t, values); err != nil {
			return operand{}, err
		}
	}
	return predicateOf(&Contains{list.ref, mode, values, newSet(values)}), nil
}

// named checks a function that is no keyword.
func (c *checker) named(s *call, args []operand) (operand, error) {
	varchar := func(o operand) bool {
		return o.form == column && o.ref.Type() == schema.VarChar && wholeArray(o) == nil
	}
	switch {
	case s.name == "empty" && len(args) == 1 && varchar(args[0]):
		return predicateOf(&Compare{args[0].ref, EQ, StringValue("")}), nil
	case s.name == "starts_with" && len(args) == 2 && varchar(args[0]) && args[1].form == constant && args[1].value.kind == String:
		n, err := like(args[0].ref, prefixPattern(args[1].value.str))
		if err != nil {
			return operand{}, err
		}
		return predicateOf(n), nil
	}
	types := make([]string, len(args))
	for i, o := range args {
		types[i] = argumentType(o)
	}
	return operand{}, fmt.Errorf("function %s(%s) %s", s.name, strings.Join(types, ", "), "not found.")
}

// argumentType returns the type of an operand as the executor of Milvus names
// it.
func argumentType(o operand) string {
	t := o.typ
	if o.form == column {
		t = o.ref.Type()
	}
	switch t {
	case schema.Int8, schema.Int16, schema.Int32, schema.Int64:
		return strings.ToLower(t.String()) + "_t"
	}
	return strings.ToLower(t.String())
}
