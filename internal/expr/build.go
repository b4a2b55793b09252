package expr

import (
	"slices"
	"strings"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/schema"
)

// The functions of this file are the only makers of And, Or, Not and In. They
// keep plans in a normal form, in which every rewriting is exact in
// three-valued logic: nothing becomes true or false where it was unknown.

// and returns the conjunction of the terms.
func and(terms []Node) Node {
	flat := make([]Node, 0, len(terms))
	for _, t := range terms {
		switch t := t.(type) {
		case *Const:
			if !t.Value {
				return t
			}
		case *And:
			flat = append(flat, t.Terms...)
		default:
			flat = append(flat, t)
		}
	}
	flat = mergeRanges(flat)
	switch len(flat) {
	case 0:
		return &Const{true}
	case 1:
		return flat[0]
	}
	return &And{cheapFirst(flat)}
}

// or returns the disjunction of the terms.
func or(terms []Node) Node {
	flat := make([]Node, 0, len(terms))
	for _, t := range terms {
		switch t := t.(type) {
		case *Const:
			if t.Value {
				return t
			}
		case *Or:
			flat = append(flat, t.Terms...)
		default:
			flat = append(flat, t)
		}
	}
	flat = mergeEqualities(flat)
	switch len(flat) {
	case 0:
		return &Const{false}
	case 1:
		return flat[0]
	}
	return &Or{cheapFirst(flat)}
}

// not returns the negation of the term.
func not(t Node) Node {
	switch t := t.(type) {
	case *Const:
		return &Const{!t.Value}
	case *Not:
		return t.Term
	case *Compare:
		if t.Op == EQ || t.Op == NE || t.Value.kind != Float { // a NaN is neither < nor >=
			return &Compare{t.Ref, t.Op.Negated(), t.Value}
		}
	case *LengthCompare:
		return &LengthCompare{t.Ref, t.Op.Negated(), t.Value}
	}
	return &Not{t}
}

// in returns membership of a set: equality if it has one member.
func in(ref *Ref, s *Set) Node {
	if s.Len() == 1 {
		return &Compare{ref, EQ, s.values().At(0)}
	}
	return &In{ref, s}
}

// cost ranks nodes by the work that a row takes.
func cost(n Node) int {
	switch n := n.(type) {
	case *Const, *IsNull:
		return 0
	case *Compare:
		return readCost(n.Ref)
	case *Range:
		return readCost(n.Ref)
	case *In:
		return readCost(n.Ref)
	case *ArithCompare:
		return readCost(n.Ref)
	case *CompareFields:
		return max(readCost(n.Left), readCost(n.Right))
	case *LengthCompare:
		return readCost(n.Ref)
	case *Like:
		return readCost(n.Ref) + 1
	case *Exists:
		return readCost(n.Ref)
	case *Contains:
		return readCost(n.Ref) + 1
	case *ListEqual:
		return readCost(n.Ref)
	case *Regex:
		return readCost(n.Ref) + 3
	case *Not:
		return cost(n.Term)
	case *And:
		return cost(n.Terms[len(n.Terms)-1]) // the dearest is last
	case *Or:
		return cost(n.Terms[len(n.Terms)-1])
	}
	return 0
}

func readCost(r *Ref) int {
	switch {
	case r.Field.Type == schema.JSON:
		return 6
	case r.Field.Type == schema.Array:
		return 4
	case r.Field.Type == schema.VarChar:
		return 3
	}
	return 1
}

// cheapFirst sorts the terms by cost, so that dear ones see fewer rows. Terms
// of equal cost keep their order.
func cheapFirst(terms []Node) []Node {
	slices.SortStableFunc(terms, func(a, b Node) int { return cost(a) - cost(b) })
	return terms
}

// refKey identifies what is read, and as what kind of constant.
type refKey struct {
	field base.ID
	index int
	path  string
	kind  Kind
}

func keyOf(r *Ref, kind Kind) refKey {
	k := refKey{field: r.Field.ID, index: r.Index, kind: kind}
	if len(r.Path) > 0 {
		k.path = strings.Join(r.Path, "\x00")
	}
	return k
}

// mergeRanges joins the bounds that a conjunction sets to one value. All of
// them are unknown together, so that the joined range is, too.
func mergeRanges(terms []Node) []Node {
	if len(terms) < 2 {
		return terms
	}
	bounds := map[refKey]int{} // the term that holds the bounds of a key
	out := terms[:0:0]
	for _, t := range terms {
		r, ok := asRange(t)
		if !ok {
			out = append(out, t)
			continue
		}
		kind := r.Lower.kind
		if kind == None {
			kind = r.Upper.kind
		}
		key := keyOf(r.Ref, kind)
		if i, seen := bounds[key]; seen {
			have, _ := asRange(out[i])
			out[i] = have.intersect(r).simplest()
			continue
		}
		bounds[key] = len(out)
		out = append(out, t)
	}
	return out
}

// asRange returns a comparison of order, or a range, as a range whose bounds
// may be None.
func asRange(n Node) (Range, bool) {
	switch n := n.(type) {
	case *Range:
		return *n, true
	case *Compare:
		if n.Value.kind == Bool {
			return Range{}, false
		}
		switch n.Op {
		case LT, LE:
			return Range{Ref: n.Ref, Upper: n.Value, UpperIn: n.Op == LE}, true
		case GT, GE:
			return Range{Ref: n.Ref, Lower: n.Value, LowerIn: n.Op == GE}, true
		}
	}
	return Range{}, false
}

// intersect returns the range of what is in both.
func (r Range) intersect(o Range) Range {
	if o.Lower.kind != None {
		d := 1
		if r.Lower.kind != None {
			d = order(o.Lower, r.Lower)
		}
		if d > 0 || d == 0 && !o.LowerIn {
			r.Lower, r.LowerIn = o.Lower, o.LowerIn
		}
	}
	if o.Upper.kind != None {
		d := -1
		if r.Upper.kind != None {
			d = order(o.Upper, r.Upper)
		}
		if d < 0 || d == 0 && !o.UpperIn {
			r.Upper, r.UpperIn = o.Upper, o.UpperIn
		}
	}
	return r
}

// simplest returns the range as a node: a comparison if it has one bound.
func (r Range) simplest() Node {
	switch {
	case r.Lower.kind == None && r.UpperIn:
		return &Compare{r.Ref, LE, r.Upper}
	case r.Lower.kind == None:
		return &Compare{r.Ref, LT, r.Upper}
	case r.Upper.kind == None && r.LowerIn:
		return &Compare{r.Ref, GE, r.Lower}
	case r.Upper.kind == None:
		return &Compare{r.Ref, GT, r.Lower}
	}
	return &r
}

// mergeEqualities joins the values that a disjunction compares one thing with
// into one set. Values of different kinds stay apart: a JSON value is unknown
// to the one and not to the other.
func mergeEqualities(terms []Node) []Node {
	if len(terms) < 2 {
		return terms
	}
	type group struct {
		at     int
		ref    *Ref
		values *List
	}
	groups := map[refKey]*group{}
	out := terms[:0:0]
	for _, t := range terms {
		ref, values := asValues(t)
		if ref == nil {
			out = append(out, t)
			continue
		}
		kind, _ := values.uniform()
		key := keyOf(ref, kind)
		g := groups[key]
		if g == nil {
			groups[key] = &group{len(out), ref, values}
			out = append(out, t)
			continue
		}
		out[g.at] = nil // made again below
		for i := range values.Len() {
			g.values.add(values.At(i))
		}
	}
	for _, g := range groups {
		if out[g.at] == nil {
			out[g.at] = in(g.ref, newSet(g.values))
		}
	}
	return out
}

func listOf(l *List) []Value {
	out := make([]Value, l.Len())
	for i := range out {
		out[i] = l.At(i)
	}
	return out
}

// asValues returns what an equality or membership reads and the values it
// accepts, if they are of one kind.
func asValues(n Node) (*Ref, *List) {
	switch n := n.(type) {
	case *Compare:
		if n.Op == EQ {
			return n.Ref, NewList(n.Value)
		}
	case *In:
		values := n.Set.values()
		if _, ok := values.uniform(); ok {
			return n.Ref, values
		}
	}
	return nil, nil
}
