package expr

import (
	"math"
	"slices"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/schema"
)

// Bound is what a plan asks of one field: rows whose value does not meet it
// cannot make the plan true. It serves to leave out whole segments.
type Bound struct {
	// Min and Max bound the value, both included; a Value of kind None does
	// not. They are Int, Float or String as the field is.
	Min, Max Value
	// Set, unless nil, has the only values that can do; it may be empty.
	Set *Set
}

// Excludes reports whether no value from lo to hi meets the bound. Both are of
// the kind that the bound has.
func (b Bound) Excludes(lo, hi Value) bool {
	if b.Min.kind != None && order(hi, b.Min) < 0 || b.Max.kind != None && order(lo, b.Max) > 0 {
		return true
	}
	if b.Set == nil {
		return false
	}
	switch lo.kind {
	case Int:
		return noneBetween(b.Set.ints, lo.Int(), hi.Int())
	case Float:
		return noneBetween(b.Set.floats, lo.Float(), hi.Float())
	default:
		return noneBetween(b.Set.strs, lo.str, hi.str)
	}
}

// noneBetween reports whether no element of the ascending s is in [lo, hi].
func noneBetween[T int64 | float64 | string](s []T, lo, hi T) bool {
	i, _ := slices.BinarySearch(s, lo)
	return i == len(s) || s[i] > hi
}

// Bound returns what the plan asks of a field of integers, floats or strings.
// It returns false if that is nothing.
func (p *Plan) Bound(field base.ID) (Bound, bool) { return boundOf(p.root, field) }

func boundOf(n Node, field base.ID) (Bound, bool) {
	switch n := n.(type) {
	case *Const:
		return Bound{Set: &Set{}}, !n.Value
	case *And:
		var all Bound
		found := false
		for _, t := range n.Terms {
			if b, ok := boundOf(t, field); ok {
				all, found = all.and(b, found), true
			}
		}
		return all, found
	case *Or:
		var either Bound
		for i, t := range n.Terms {
			b, ok := boundOf(t, field)
			if !ok {
				return Bound{}, false
			}
			either = either.or(b, i > 0)
		}
		return either, true
	case *Range:
		if !boundable(n.Ref, field) {
			return Bound{}, false
		}
		return Bound{Min: n.Lower, Max: n.Upper}, true
	case *Compare:
		if !boundable(n.Ref, field) {
			return Bound{}, false
		}
		return compareBound(n.Op, n.Value)
	case *In:
		if !boundable(n.Ref, field) {
			return Bound{}, false
		}
		return setBound(n.Set), true
	case *Like:
		if prefix := n.Pattern.Prefix(); prefix != "" && boundable(n.Ref, field) {
			return Bound{Min: StringValue(prefix), Max: pastPrefix(prefix)}, true
		}
	}
	return Bound{}, false
}

// boundable reports whether a condition on what is read is one on the field.
func boundable(r *Ref, field base.ID) bool {
	t := r.Field.Type
	return r.Field.ID == field && (isNumeric(t) || t == schema.VarChar)
}

func compareBound(op CompareOp, v Value) (Bound, bool) {
	switch op {
	case EQ:
		return Bound{Min: v, Max: v, Set: newSet(NewList(v))}, true
	case LT:
		if v.kind == Int && v.Int() != math.MinInt64 {
			v = IntValue(v.Int() - 1)
		}
		return Bound{Max: v}, true
	case LE:
		return Bound{Max: v}, true
	case GT:
		if v.kind == Int && v.Int() != math.MaxInt64 {
			v = IntValue(v.Int() + 1)
		}
		return Bound{Min: v}, true
	case GE:
		return Bound{Min: v}, true
	}
	return Bound{}, false
}

func setBound(s *Set) Bound {
	b := Bound{Set: s}
	if l := s.values(); l.Len() > 0 {
		b.Min, b.Max = l.At(0), l.At(l.Len()-1)
	}
	return b
}

// pastPrefix returns a string after all those that begin with the prefix, None
// if there is none.
func pastPrefix(prefix string) Value {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return StringValue(string(b[:i+1]))
		}
	}
	return Value{}
}

// and returns a bound that holds where both do; b is none before the first.
func (b Bound) and(o Bound, hasOne bool) Bound {
	if !hasOne {
		return o
	}
	if b.Min.kind == None || o.Min.kind != None && order(o.Min, b.Min) > 0 {
		b.Min = o.Min
	}
	if b.Max.kind == None || o.Max.kind != None && order(o.Max, b.Max) < 0 {
		b.Max = o.Max
	}
	if b.Set == nil || o.Set != nil && o.Set.Len() < b.Set.Len() {
		b.Set = o.Set
	}
	return b
}

// or returns a bound that holds where one of them does; b is none before the
// first. An empty set adds nothing to the other side.
func (b Bound) or(o Bound, hasOne bool) Bound {
	switch {
	case !hasOne || b.Set != nil && b.Set.Len() == 0:
		return o
	case o.Set != nil && o.Set.Len() == 0:
		return b
	}
	if b.Min.kind != None && (o.Min.kind == None || order(o.Min, b.Min) < 0) {
		b.Min = o.Min
	}
	if b.Max.kind != None && (o.Max.kind == None || order(o.Max, b.Max) > 0) {
		b.Max = o.Max
	}
	if b.Set == nil || o.Set == nil {
		b.Set = nil
		return b
	}
	l := b.Set.values()
	for _, v := range listOf(o.Set.values()) {
		l.add(v)
	}
	b.Set = newSet(l)
	return b
}
