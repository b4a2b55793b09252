package exec

import (
	"slices"
	"unicode/utf8"

	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/scalarindex"
	"github.com/redkite-db/redkite/internal/schema"
)

// keys is the keys of an index that are asked for: all, or those that begin
// with the same bytes, which are then no part of the value.
type keys struct {
	x      *scalarindex.Index
	prefix []byte
	all    scalarindex.Span
}

func allKeys(x *scalarindex.Index) keys {
	return keys{x: x, all: scalarindex.Span{Hi: x.Keys()}}
}

func keysUnder(x *scalarindex.Index, prefix []byte) keys {
	return keys{x: x, prefix: prefix, all: x.Prefix(prefix)}
}

// numbers returns the run from lo to hi, both included.
func (k keys) numbers(lo, hi int64) scalarindex.Span {
	if k.prefix == nil {
		return k.x.Numbers(lo, hi)
	}
	return scalarindex.Span{Lo: k.from(orderedBytes(lo)), Hi: k.after(orderedBytes(hi))}
}

// from returns the first string that is not before s.
func (k keys) from(s []byte) int { return k.x.From(slices.Concat(k.prefix, s)) }

// after returns the first string that is behind s.
func (k keys) after(s []byte) int { return k.x.After(slices.Concat(k.prefix, s)) }

// equal returns the key of a string, if there is one.
func (k keys) equal(s []byte) scalarindex.Span {
	return scalarindex.Span{Lo: k.from(s), Hi: k.after(s)}
}

// prefixed returns the strings that begin with s.
func (k keys) prefixed(s []byte) scalarindex.Span { return k.x.Prefix(slices.Concat(k.prefix, s)) }

// text returns string i.
func (k keys) text(i int) []byte { return k.x.String(i)[len(k.prefix):] }

// question asks one index, which holds what the predicate reads.
type question struct {
	spec scalarindex.Spec
	keys keys
	few  int // so many keys are less work to test than all rows
}

func (q question) of(n expr.Node) *found {
	switch n := n.(type) {
	case *expr.Contains:
		if q.spec.Items {
			return q.contains(n)
		}
		return nil
	case *expr.ListEqual:
		if q.spec.Items {
			return q.listEqual(n)
		}
		return nil
	}
	switch {
	case q.spec.Items:
		return nil
	case q.spec.MinGram > 0:
		return q.grams(n)
	case q.spec.Strings():
		return q.strings(n)
	}
	return q.numbers(n)
}

// one returns what is found by a single group.
func (q question) one(exact bool, spans ...scalarindex.Span) *found {
	return &found{x: q.keys.x, groups: [][]scalarindex.Span{spans}, exact: exact && !q.spec.Whole}
}

// precise is where doubles stop to have every integer.
const precise = 1 << 53

// numbers asks for the keys of a predicate on a number or boolean.
func (q question) numbers(n expr.Node) *found {
	switch n := n.(type) {
	case *expr.Compare:
		iv, exact, ok := q.interval(n.Op, n.Value)
		if !ok {
			return nil
		}
		return q.one(exact, q.spans(iv)...)
	case *expr.Range:
		lower, upper := expr.GT, expr.LT
		if n.LowerIn {
			lower = expr.GE
		}
		if n.UpperIn {
			upper = expr.LE
		}
		above, exactAbove, ok := q.interval(lower, n.Lower)
		below, exactBelow, also := q.interval(upper, n.Upper)
		if !ok || !also {
			return nil
		}
		return q.one(exactAbove && exactBelow, q.spans(above.and(below))...)
	case *expr.In:
		if n.Set.Len() == 0 || q.tooMany(n.Set) {
			return nil
		}
		groups, exact, all := q.members(n.Set)
		if !all {
			return nil
		}
		return q.one(exact, slices.Concat(groups...)...)
	}
	return nil
}

// interval returns the keys of x op c; exact is false if there may be more of
// them, ok if they are not of the constant's type.
func (q question) interval(op expr.CompareOp, c expr.Value) (iv interval, exact, ok bool) {
	if q.spec.Type == schema.Bool {
		if c.Kind() != expr.Bool {
			return iv, false, false
		}
		b := int64(bit(c.Bool()))
		return comparison(op, b, b), true, true
	}
	if !c.IsNumber() {
		return iv, false, false
	}
	if q.spec.JSON && c.Kind() == expr.Int && (c.Int() >= precise || c.Int() <= -precise) {
		// Integers that the filter tells apart may have one key.
		switch op {
		case expr.NE:
			return iv, false, false
		case expr.LT:
			op = expr.LE
		case expr.GT:
			op = expr.GE
		}
		return numericInterval(schema.Double, op, c), false, true
	}
	return numericInterval(q.spec.Type, op, c), true, true
}

// spans returns the keys of an interval.
func (q question) spans(iv interval) []scalarindex.Span {
	if !iv.outside {
		return []scalarindex.Span{q.keys.numbers(iv.lo, iv.hi)}
	}
	if iv.lo > iv.hi {
		return []scalarindex.Span{q.keys.all}
	}
	in := q.keys.numbers(iv.lo, iv.hi)
	return []scalarindex.Span{{Lo: q.keys.all.Lo, Hi: in.Lo}, {Lo: in.Hi, Hi: q.keys.all.Hi}}
}

// tooMany reports whether to look for all members of a set, at about a
// microsecond each, is more work than to look each row up in the set.
func (q question) tooMany(s *expr.Set) bool { return s.Len() > q.few/16 }

// members returns the keys of each member of a set that has the type of the
// keys; all is false if others have not.
func (q question) members(s *expr.Set) (groups [][]scalarindex.Span, exact, all bool) {
	group := func(spans ...scalarindex.Span) { groups = append(groups, spans) }
	if q.spec.Strings() {
		for _, v := range s.Strings() {
			group(q.keys.equal([]byte(v)))
		}
		return groups, true, len(groups) == s.Len()
	}
	exact = true
	if q.spec.Type == schema.Bool {
		hasFalse, hasTrue := s.Bools()
		for key, has := range []bool{hasFalse, hasTrue} {
			if has {
				group(q.keys.numbers(int64(key), int64(key)))
			}
		}
		return groups, exact, len(groups) == s.Len()
	}
	for _, v := range s.Ints() {
		iv, precisely, _ := q.interval(expr.EQ, expr.IntValue(v))
		exact = exact && precisely
		group(q.spans(iv)...)
	}
	for _, v := range s.Floats() {
		if q.spec.Type == schema.Float && float64(float32(v)) != v {
			group()
			continue
		}
		iv, _, _ := q.interval(expr.EQ, expr.FloatValue(v))
		group(q.spans(iv)...)
	}
	return groups, exact, len(groups) == s.Len()
}

// strings asks for the keys of a predicate on a string.
func (q question) strings(n expr.Node) *found {
	switch n := n.(type) {
	case *expr.Compare:
		if n.Value.Kind() != expr.String {
			return nil
		}
		c := []byte(n.Value.Str())
		from, after, begin, end := q.keys.from(c), q.keys.after(c), q.keys.all.Lo, q.keys.all.Hi
		switch n.Op {
		case expr.EQ:
			return q.one(true, scalarindex.Span{Lo: from, Hi: after})
		case expr.NE:
			return q.one(true, scalarindex.Span{Lo: begin, Hi: from}, scalarindex.Span{Lo: after, Hi: end})
		case expr.LT:
			return q.one(true, scalarindex.Span{Lo: begin, Hi: from})
		case expr.LE:
			return q.one(true, scalarindex.Span{Lo: begin, Hi: after})
		case expr.GT:
			return q.one(true, scalarindex.Span{Lo: after, Hi: end})
		}
		return q.one(true, scalarindex.Span{Lo: from, Hi: end})
	case *expr.Range:
		if n.Lower.Kind() != expr.String || n.Upper.Kind() != expr.String {
			return nil
		}
		lower, upper := []byte(n.Lower.Str()), []byte(n.Upper.Str())
		s := scalarindex.Span{Lo: q.keys.after(lower), Hi: q.keys.from(upper)}
		if n.LowerIn {
			s.Lo = q.keys.from(lower)
		}
		if n.UpperIn {
			s.Hi = q.keys.after(upper)
		}
		return q.one(true, s)
	case *expr.In:
		if q.tooMany(n.Set) {
			return nil
		}
		groups, _, all := q.members(n.Set)
		if len(groups) == 0 || !all {
			return nil
		}
		return q.one(true, slices.Concat(groups...)...)
	case *expr.Like:
		return q.matching(q.keys.prefixed([]byte(n.Pattern.Prefix())), n.Pattern.Match)
	case *expr.Regex:
		return q.matching(q.keys.all, n.Regexp.Match)
	}
	return nil
}

// matching tests the keys of a run, unless that is as much work as to test the
// rows.
func (q question) matching(in scalarindex.Span, match func([]byte) bool) *found {
	if !q.spec.JSON && in.Hi-in.Lo > q.few {
		return nil
	}
	var spans []scalarindex.Span
	for i := in.Lo; i < in.Hi; i++ {
		if !match(q.keys.text(i)) {
			continue
		}
		if k := len(spans) - 1; k >= 0 && spans[k].Hi == i {
			spans[k].Hi++
		} else {
			spans = append(spans, scalarindex.Span{Lo: i, Hi: i + 1})
		}
	}
	return q.one(true, spans...)
}

// contains asks for the lists with one, or all, of some elements.
func (q question) contains(n *expr.Contains) *found {
	if q.tooMany(n.Set) {
		return nil
	}
	groups, exact, all := q.members(n.Set)
	all = all && n.Set.Len() > 0
	for i := range n.Values.Len() {
		all = all && n.Values.At(i).Kind() != expr.ListOf
	}
	if n.Mode == expr.ContainsAll {
		if len(groups) == 0 {
			return nil
		}
		return &found{x: q.keys.x, groups: groups, exact: exact && all && !q.spec.Whole}
	}
	if !all {
		return nil
	}
	return q.one(exact, slices.Concat(groups...)...)
}

// listEqual asks for the lists that have all the elements, in any order.
func (q question) listEqual(n *expr.ListEqual) *found {
	f := &found{x: q.keys.x}
	for i := range n.Values.Len() {
		switch v := n.Values.At(i); {
		case q.spec.Strings() && v.Kind() == expr.String:
			f.groups = append(f.groups, []scalarindex.Span{q.keys.equal([]byte(v.Str()))})
		case q.spec.Strings():
		default:
			if iv, _, ok := q.interval(expr.EQ, v); ok {
				f.groups = append(f.groups, q.spans(iv))
			}
		}
	}
	if len(f.groups) == 0 {
		return nil
	}
	return f
}

// grams asks for the strings that have all the pieces of what a pattern or
// constant has.
func (q question) grams(n expr.Node) *found {
	var texts [][]byte
	switch n := n.(type) {
	case *expr.Like:
		texts = n.Pattern.Literals()
	case *expr.Compare:
		if n.Op == expr.EQ && n.Value.Kind() == expr.String {
			texts = [][]byte{[]byte(n.Value.Str())}
		}
	}
	f := &found{x: q.keys.x}
	other := q.keys.equal(nil)
	for _, text := range texts {
		size := q.spec.MaxGram
		chars := utf8.RuneCount(text)
		if chars < size {
			size = q.spec.MinGram
		}
		if chars < size || !utf8.Valid(text) {
			continue
		}
		pieces(text, size, func(piece []byte) {
			f.groups = append(f.groups, []scalarindex.Span{q.keys.equal(piece), other})
		})
	}
	if len(f.groups) == 0 {
		return nil
	}
	return f
}
