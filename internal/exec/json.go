package exec

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
)

// truth is the value of a predicate of one row.
type truth uint8

const (
	isFalse truth = iota
	isTrue
	unknown
)

func truthOf(b bool) truth { return truth(bit(b)) }

// onJSON evaluates a predicate on what is under a path of a JSON field.
func (e *evaluator) onJSON(ctx context.Context, r *expr.Ref, c *column.Column, s side, mask []uint64, n expr.Node) ([]uint64, error) {
	test := e.jsonTest(n)
	if test == nil {
		return nil, fmt.Errorf("exec: no evaluation of %T over JSON", n)
	}
	path := steps(r.Path)
	valid := e.validity(c)
	words, err := e.where(ctx, e.both(mask, valid), func(row int) bool {
		t := test(find(c.Bytes.At(row), path))
		return t == isTrue || t == unknown && s == possible
	})
	if err != nil {
		return nil, err
	}
	settle(words, valid, s)
	return words, nil
}

// exists evaluates whether there is something under a path. It is false, not
// unknown, of null.
func (e *evaluator) exists(ctx context.Context, n *expr.Exists, mask []uint64) ([]uint64, error) {
	c, err := e.column(n.Ref.Field)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return e.fill(false), nil
	}
	path := steps(n.Ref.Path)
	valid := e.validity(c)
	words, err := e.where(ctx, e.both(mask, valid), func(row int) bool { return hasContent(find(c.Bytes.At(row), path)) })
	if err != nil {
		return nil, err
	}
	settle(words, valid, certain)
	return words, nil
}

// jsonTest returns the test of a predicate on a JSON value, nil if there is no
// such predicate.
func (e *evaluator) jsonTest(n expr.Node) func(jsonValue) truth {
	switch n := n.(type) {
	case *expr.Compare:
		return e.jsonCompare(n.Op, n.Value)
	case *expr.Range:
		lower, upper := expr.GT, expr.LT
		if n.LowerIn {
			lower = expr.GE
		}
		if n.UpperIn {
			upper = expr.LE
		}
		above, below := e.jsonCompare(lower, n.Lower), e.jsonCompare(upper, n.Upper)
		return func(v jsonValue) truth {
			if t := above(v); t != isTrue {
				return t
			}
			return below(v)
		}
	case *expr.In:
		return func(v jsonValue) truth { return e.jsonMember(v, n.Set) }
	case *expr.Like:
		return e.jsonText(n.Pattern.Match)
	case *expr.Regex:
		return e.jsonText(n.Regexp.Match)
	case *expr.ArithCompare:
		return func(v jsonValue) truth { return jsonArith(v, n) }
	case *expr.LengthCompare:
		iv := comparison(n.Op, n.Value, n.Value)
		return func(v jsonValue) truth {
			if v.kind != jsonArray {
				return unknown
			}
			length := int64(0)
			for it := (elements{doc: v.raw}); it.next(); {
				length++
			}
			return truthOf(iv.has(length))
		}
	case *expr.Contains:
		return e.jsonContains(n)
	case *expr.ListEqual:
		return func(v jsonValue) truth {
			if v.kind != jsonArray {
				return unknown
			}
			return truthOf(e.sameList(v, n.Values))
		}
	}
	return nil
}

// jsonCompare returns the test v op c; values of another type than c's are
// unknown. An integer compares with an integer exactly, other numbers as
// doubles.
func (e *evaluator) jsonCompare(op expr.CompareOp, c expr.Value) func(jsonValue) truth {
	switch c.Kind() {
	case expr.Bool:
		want := int64(bit(c.Bool()))
		return func(v jsonValue) truth {
			if v.kind != jsonBool {
				return unknown
			}
			return truthOf(holds(op, cmp.Compare(v.i, want)))
		}
	case expr.String:
		want := []byte(c.Str())
		return e.jsonText(func(b []byte) bool { return holds(op, bytes.Compare(b, want)) })
	}
	exact, want, wantDouble := c.Kind() == expr.Int, c.Int(), c.Float()
	return func(v jsonValue) truth {
		switch {
		case v.kind == jsonInt && exact:
			return truthOf(holds(op, cmp.Compare(v.i, want)))
		case v.kind == jsonInt:
			return truthOf(holds(op, cmp.Compare(float64(v.i), wantDouble)))
		case v.kind == jsonDouble:
			return truthOf(holds(op, cmp.Compare(v.f, wantDouble)))
		}
		return unknown
	}
}

// jsonText returns the test of a string; other values are unknown.
func (e *evaluator) jsonText(test func([]byte) bool) func(jsonValue) truth {
	return func(v jsonValue) truth {
		if v.kind != jsonString {
			return unknown
		}
		b, ok := e.text(v)
		if !ok {
			return unknown
		}
		return truthOf(test(b))
	}
}

// text returns the string of a jsonString; it holds until the next call.
func (e *evaluator) text(v jsonValue) ([]byte, bool) {
	if !v.escaped {
		return v.raw, true
	}
	b, ok := unescapeJSON(e.scratch[:0], v.raw)
	if ok {
		e.scratch = b
	}
	return b, ok
}

// jsonMember tells whether the value is in the set. It is unknown if no member
// has its type.
func (e *evaluator) jsonMember(v jsonValue, s *expr.Set) truth {
	if s.Len() == 0 {
		if v.kind == jsonNone || v.kind == jsonNull {
			return unknown
		}
		return isFalse
	}
	typed := false
	switch v.kind {
	case jsonInt, jsonDouble:
		typed = len(s.Ints())+len(s.Floats()) > 0
	case jsonString:
		typed = len(s.Strings()) > 0
	case jsonBool:
		hasFalse, hasTrue := s.Bools()
		typed = hasFalse || hasTrue
	}
	if !typed {
		return unknown
	}
	return truthOf(e.jsonIndex(v, s) >= 0)
}

// jsonIndex returns the number of the value among the members of the set, -1
// if it is none.
func (e *evaluator) jsonIndex(v jsonValue, s *expr.Set) int {
	switch v.kind {
	case jsonBool:
		return s.IndexBool(v.i != 0)
	case jsonInt:
		if len(s.Floats()) > 0 {
			return s.IndexFloat(float64(v.i))
		}
		return s.IndexInt(v.i)
	case jsonDouble:
		if len(s.Floats()) > 0 {
			return s.IndexFloat(v.f)
		}
		return s.IndexNear(v.f)
	case jsonString:
		if b, ok := e.text(v); ok {
			return s.IndexString(b)
		}
	}
	return -1
}

// jsonArith computes with a number, as integers if both it and the constants
// are, and compares.
func jsonArith(v jsonValue, n *expr.ArithCompare) truth {
	x := v.f
	switch {
	case v.kind == jsonInt && n.Operand.Kind() == expr.Int:
		y := computeInt(v.i, n.Arith, n.Operand.Int())
		return truthOf(holds(n.Op, cmp.Compare(y, n.Value.Int())))
	case v.kind == jsonInt:
		x = float64(v.i)
	case v.kind != jsonDouble:
		return unknown
	}
	switch n.Arith {
	case expr.BitAnd, expr.BitOr, expr.BitXor:
		if !(x >= math.MinInt64 && x < math.MaxInt64) {
			return unknown
		}
		y := computeInt(int64(x), n.Arith, n.Operand.Int())
		return truthOf(holds(n.Op, cmp.Compare(y, n.Value.Int())))
	}
	y := computeFloat(x, n.Arith, n.Operand.Float())
	return truthOf(holds(n.Op, cmp.Compare(y, n.Value.Float())))
}

// jsonContains returns the test whether a list contains what is asked for.
func (e *evaluator) jsonContains(n *expr.Contains) func(jsonValue) truth {
	var lists []*expr.List // the values that are lists
	for i := range n.Values.Len() {
		if v := n.Values.At(i); v.Kind() == expr.ListOf {
			lists = append(lists, v.List())
		}
	}
	members := n.Set.Len() + 2
	found := make([]bool, members+len(lists))
	return func(v jsonValue) truth {
		if v.kind != jsonArray {
			return unknown
		}
		missing := n.Set.Len() + len(lists)
		clear(found)
		note := func(k int) {
			if !found[k] {
				found[k] = true
				missing--
			}
		}
		contained := false
		for it := (elements{doc: v.raw}); it.next(); {
			el := it.value()
			if k := e.jsonIndex(el, n.Set); k >= 0 {
				contained = true
				note(k)
			}
			for k, l := range lists {
				if el.kind == jsonArray && e.sameList(el, l) {
					contained = true
					note(members + k)
				}
			}
			if contained && n.Mode != expr.ContainsAll {
				return isTrue
			}
		}
		return truthOf(n.Mode == expr.ContainsAll && missing == 0)
	}
}

// sameList reports whether the elements of a JSON list are the values, in
// order. An integer equals integers only, a float any number.
func (e *evaluator) sameList(v jsonValue, want *expr.List) bool {
	it := elements{doc: v.raw}
	for i := range want.Len() {
		if !it.next() || !e.sameElement(it.value(), want.At(i)) {
			return false
		}
	}
	return !it.next()
}

func (e *evaluator) sameElement(v jsonValue, want expr.Value) bool {
	switch want.Kind() {
	case expr.Bool:
		return v.kind == jsonBool && v.i == int64(bit(want.Bool()))
	case expr.Int:
		return v.kind == jsonInt && v.i == want.Int()
	case expr.Float:
		return v.kind == jsonInt && float64(v.i) == want.Float() || v.kind == jsonDouble && v.f == want.Float()
	case expr.String:
		if v.kind != jsonString {
			return false
		}
		b, ok := e.text(v)
		return ok && string(b) == want.Str()
	case expr.ListOf:
		return v.kind == jsonArray && e.sameList(v, want.List())
	}
	return false
}
