// Package expr holds filters: it parses the filter language of Milvus, checks
// its types against a collection, and makes plans, which other packages run.
//
// The text becomes tokens, tokens become a syntax tree by precedence climbing
// (Pratt, "Top down operator precedence", 1973), and the tree becomes typed
// nodes in a normal form. docs/expressions.md describes the language.
package expr

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/schema"
)

// Plan is a checked filter. It is never changed, and any number of goroutines
// may share it.
type Plan struct {
	root   Node
	fields []base.ID
}

// Parse checks a filter against a collection and returns its plan. A filter of
// white space only is true of every row. Templates give the values that stand
// for {names}. Errors are of code ParameterInvalid; they name the filter and
// the cause.
func Parse(text string, c *schema.Collection, templates map[string]*schemapb.TemplateValue) (*Plan, error) {
	root, err := build(text, c, templates)
	if err != nil {
		return nil, err
	}
	p := &Plan{root: root}
	seen := map[base.ID]bool{}
	visitRefs(root, func(r *Ref) { seen[r.Field.ID] = true })
	for id := range seen {
		p.fields = append(p.fields, id)
	}
	slices.Sort(p.fields)
	return p, nil
}

func build(text string, c *schema.Collection, templates map[string]*schemapb.TemplateValue) (Node, error) {
	fail := func(err error) error {
		return merr.ParameterInvalid.Msg("cannot parse expression: %s, error: %v", abridged(text, maxQuoted), err)
	}
	if !utf8.ValidString(text) {
		return nil, merr.ParameterInvalid.Msg("cannot parse expression: the filter is not valid UTF-8")
	}
	if strings.TrimSpace(text) == "" {
		return &Const{true}, nil
	}
	tree, err := parse(text)
	if err != nil {
		return nil, fail(err)
	}
	o, err := newChecker(text, c, templates).check(tree)
	if err != nil {
		return nil, fail(err)
	}
	switch {
	case o.form == predicate:
		return o.node, nil
	case o.form == constant && o.value.kind == Bool:
		return &Const{o.value.Bool()}, nil
	}
	return nil, merr.ParameterInvalid.Msg("predicate is not a boolean expression: %s, data type: %s", abridged(text, maxQuoted), o.typ)
}

// ParsePath checks the name of a field or of what lies in one, as a filter
// writes it, and returns what it reads. Errors are of code ParameterInvalid;
// they name the text and the cause.
func ParsePath(text string, c *schema.Collection) (*Ref, error) {
	fail := func(err error) (*Ref, error) {
		return nil, merr.ParameterInvalid.Msg("cannot parse identifier: %s, error: %v", abridged(text, maxQuoted), err)
	}
	if !utf8.ValidString(text) {
		return fail(errors.New("not valid UTF-8"))
	}
	tree, err := parse(text)
	if err != nil {
		return fail(err)
	}
	switch tree.(type) {
	case *identifier, *accessPath:
	default:
		return fail(errors.New("not the name of a field"))
	}
	o, err := newChecker(text, c, nil).check(tree)
	if err != nil {
		return fail(err)
	}
	return o.ref, nil
}

// Root returns the plan's predicate.
func (p *Plan) Root() Node { return p.root }

// Fields returns the ids of the fields that the plan reads, ascending.
func (p *Plan) Fields() []base.ID { return p.fields }

// AlwaysTrue reports whether the plan is true of every row, whatever is in it.
func (p *Plan) AlwaysTrue() bool {
	k, ok := p.root.(*Const)
	return ok && k.Value
}

// AlwaysFalse reports whether the plan is true of no row, whatever is in it.
func (p *Plan) AlwaysFalse() bool {
	k, ok := p.root.(*Const)
	return ok && !k.Value
}

// String returns the canonical text of the plan: it parses, against the same
// collection and without templates, to a plan of the same text.
func (p *Plan) String() string {
	var b strings.Builder
	write(&b, p.root)
	return b.String()
}

// PKSet is a set of primary keys, ascending; one of the slices is used.
type PKSet struct {
	Ints    []int64
	Strings []string
}

// Len returns the number of keys.
func (s PKSet) Len() int { return len(s.Ints) + len(s.Strings) }

// PrimaryKeys returns the keys of a plan that asks for nothing but primary
// keys: pk == x or pk in [..]. It returns false for any other.
func (p *Plan) PrimaryKeys() (PKSet, bool) {
	switch n := p.root.(type) {
	case *Compare:
		if n.Ref.Field.PrimaryKey && n.Op == EQ {
			if n.Value.Kind() == Int {
				return PKSet{Ints: []int64{n.Value.Int()}}, true
			}
			return PKSet{Strings: []string{n.Value.Str()}}, true
		}
	case *In:
		if n.Ref.Field.PrimaryKey {
			return PKSet{Ints: n.Set.Ints(), Strings: n.Set.Strings()}, true
		}
	}
	return PKSet{}, false
}

// visitRefs calls visit for all that the node reads.
func visitRefs(n Node, visit func(*Ref)) {
	switch n := n.(type) {
	case *And:
		for _, t := range n.Terms {
			visitRefs(t, visit)
		}
	case *Or:
		for _, t := range n.Terms {
			visitRefs(t, visit)
		}
	case *Not:
		visitRefs(n.Term, visit)
	case *IsNull:
		visit(n.Ref)
	case *Exists:
		visit(n.Ref)
	case *Compare:
		visit(n.Ref)
	case *Range:
		visit(n.Ref)
	case *In:
		visit(n.Ref)
	case *Like:
		visit(n.Ref)
	case *Regex:
		visit(n.Ref)
	case *ArithCompare:
		visit(n.Ref)
	case *LengthCompare:
		visit(n.Ref)
	case *Contains:
		visit(n.Ref)
	case *ListEqual:
		visit(n.Ref)
	case *CompareFields:
		visit(n.Left)
		visit(n.Right)
	}
}
