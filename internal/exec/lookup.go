package exec

import (
	"bytes"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/scalarindex"
	"github.com/redkite-db/redkite/internal/schema"
)

// found is the keys of an index that a predicate asks for. Every row of which
// the predicate is true has a key of each group.
type found struct {
	x      *scalarindex.Index
	groups [][]scalarindex.Span
	rows   int  // no group has more rows than this
	exact  bool // of every row with a key of each group the predicate is true
	json   bool // others may be unknown: of no use for what is possible
}

// few is the part of the rows up to which an index of numbers is quicker than
// comparing all of them.
const few = 8

// lookup returns what the indexes of the input find of a predicate on one
// thing that is read, nil if they are of no use.
func (e *evaluator) lookup(n expr.Node, s side) *found {
	f, ok := e.lookups[n]
	if !ok {
		f = e.ask(n)
		if e.lookups == nil {
			e.lookups = map[expr.Node]*found{}
		}
		e.lookups[n] = f
	}
	if f == nil || f.json && s == possible {
		return nil
	}
	return f
}

func (e *evaluator) ask(n expr.Node) *found {
	r := refOf(n)
	if r == nil || r.Index >= 0 {
		return nil
	}
	var best *found
	for _, ix := range e.in.Indexes(r.Field.ID) {
		if ix.Rows.Rows() != e.rows || ix.Spec.JSON != (r.Field.Type == schema.JSON) || !slices.Equal(ix.Spec.Path, r.Path) {
			continue
		}
		f := question{spec: ix.Spec, x: ix.Rows, keys: e.rows / e.part}.of(n)
		if f == nil {
			continue
		}
		f.x, f.json, f.rows = ix.Rows, ix.Spec.JSON, f.least()
		limit := e.rows
		if !f.json && !ix.Spec.Strings() && !ix.Spec.Items {
			limit /= e.part
		}
		if f.rows <= limit && (best == nil || f.rows < best.rows) {
			best = f
		}
	}
	return best
}

// refOf returns what a predicate that indexes may know of reads.
func refOf(n expr.Node) *expr.Ref {
	switch n := n.(type) {
	case *expr.Compare:
		return n.Ref
	case *expr.Range:
		return n.Ref
	case *expr.In:
		return n.Ref
	case *expr.Like:
		return n.Ref
	case *expr.Regex:
		return n.Ref
	case *expr.Contains:
		return n.Ref
	case *expr.ListEqual:
		return n.Ref
	}
	return nil
}

// least puts the group with the fewest rows first and returns their number.
func (f *found) least() int {
	least := math.MaxInt
	for i, g := range f.groups {
		n := 0
		for _, s := range g {
			n += f.x.Entries(s)
		}
		if n < least {
			least = n
			f.groups[0], f.groups[i] = f.groups[i], f.groups[0]
		}
	}
	return least
}

// pays reports whether to use the index is less work than to look at the rows
// of the mask.
func (e *evaluator) pays(f *found, mask []uint64) bool {
	return mask == nil || f.rows/4 <= e.count(mask)
}

// candidates returns the rows that have a key of each group; the caller owns
// the words.
func (e *evaluator) candidates(f *found) []uint64 {
	out := e.fill(false)
	for _, s := range f.groups[0] {
		f.x.Add(out, s)
	}
	for _, g := range f.groups[1:] {
		more := e.fill(false)
		for _, s := range g {
			f.x.Add(more, s)
		}
		intersect(out, more)
		e.recycle(more)
	}
	return out
}

// inOrder returns the terms of an And with those first for which an index
// leaves few rows, the rarest before the others.
func (e *evaluator) inOrder(terms []expr.Node, s side) []expr.Node {
	ranks, any := make([]int, len(terms)), false
	for i, t := range terms {
		ranks[i] = e.rows + 1
		if f := e.lookup(t, s); f != nil && f.rows <= e.rows/e.part {
			ranks[i], any = f.rows, true
		}
	}
	if !any {
		return terms
	}
	order := make([]int, len(terms))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return ranks[a] - ranks[b] })
	out := make([]expr.Node, len(terms))
	for i, k := range order {
		out[i] = terms[k]
	}
	return out
}

// question asks one index, which holds what the predicate reads.
type question struct {
	spec scalarindex.Spec
	x    *scalarindex.Index
	keys int // so many are less work to test than all rows
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
	return &found{x: q.x, groups: [][]scalarindex.Span{spans}, exact: exact}
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
		if n.Set.Len() == 0 {
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
		return []scalarindex.Span{q.x.Numbers(iv.lo, iv.hi)}
	}
	in := q.x.Numbers(iv.lo, iv.hi)
	if in.Lo >= in.Hi && iv.lo > iv.hi {
		return []scalarindex.Span{{Hi: q.x.Keys()}}
	}
	return []scalarindex.Span{{Hi: in.Lo}, {Lo: in.Hi, Hi: q.x.Keys()}}
}

// members returns the keys of each member of a set that has the type of the
// keys; all is false if others have not.
func (q question) members(s *expr.Set) (groups [][]scalarindex.Span, exact, all bool) {
	group := func(spans ...scalarindex.Span) { groups = append(groups, spans) }
	if q.spec.Strings() {
		for _, v := range s.Strings() {
			group(q.equal([]byte(v)))
		}
		return groups, true, len(groups) == s.Len()
	}
	exact = true
	if q.spec.Type == schema.Bool {
		hasFalse, hasTrue := s.Bools()
		for key, has := range []bool{hasFalse, hasTrue} {
			if has {
				group(q.x.Numbers(int64(key), int64(key)))
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

// equal returns the key that is a string.
func (q question) equal(s []byte) scalarindex.Span {
	lo := q.x.From(s)
	if lo < q.x.Keys() && bytes.Equal(q.x.String(lo), s) {
		return scalarindex.Span{Lo: lo, Hi: lo + 1}
	}
	return scalarindex.Span{}
}

// strings asks for the keys of a predicate on a string.
func (q question) strings(n expr.Node) *found {
	switch n := n.(type) {
	case *expr.Compare:
		if n.Value.Kind() != expr.String {
			return nil
		}
		c := []byte(n.Value.Str())
		from, after, end := q.x.From(c), q.x.After(c), q.x.Keys()
		switch n.Op {
		case expr.EQ:
			return q.one(true, scalarindex.Span{Lo: from, Hi: after})
		case expr.NE:
			return q.one(true, scalarindex.Span{Hi: from}, scalarindex.Span{Lo: after, Hi: end})
		case expr.LT:
			return q.one(true, scalarindex.Span{Hi: from})
		case expr.LE:
			return q.one(true, scalarindex.Span{Hi: after})
		case expr.GT:
			return q.one(true, scalarindex.Span{Lo: after, Hi: end})
		}
		return q.one(true, scalarindex.Span{Lo: from, Hi: end})
	case *expr.Range:
		if n.Lower.Kind() != expr.String || n.Upper.Kind() != expr.String {
			return nil
		}
		lower, upper := []byte(n.Lower.Str()), []byte(n.Upper.Str())
		s := scalarindex.Span{Lo: q.x.After(lower), Hi: q.x.From(upper)}
		if n.LowerIn {
			s.Lo = q.x.From(lower)
		}
		if n.UpperIn {
			s.Hi = q.x.After(upper)
		}
		return q.one(true, s)
	case *expr.In:
		groups, _, all := q.members(n.Set)
		if len(groups) == 0 || !all {
			return nil
		}
		return q.one(true, slices.Concat(groups...)...)
	case *expr.Like:
		return q.matching(q.x.Prefix([]byte(n.Pattern.Prefix())), n.Pattern.Match)
	case *expr.Regex:
		return q.matching(scalarindex.Span{Hi: q.x.Keys()}, n.Regexp.Match)
	}
	return nil
}

// matching tests the keys of a run, unless that is as much work as to test the
// rows.
func (q question) matching(in scalarindex.Span, match func([]byte) bool) *found {
	if !q.spec.JSON && in.Hi-in.Lo > q.keys {
		return nil
	}
	var spans []scalarindex.Span
	for i := in.Lo; i < in.Hi; i++ {
		if !match(q.x.String(i)) {
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
	groups, exact, all := q.members(n.Set)
	all = all && n.Set.Len() > 0
	for i := range n.Values.Len() {
		all = all && n.Values.At(i).Kind() != expr.ListOf
	}
	if n.Mode == expr.ContainsAll {
		if len(groups) == 0 {
			return nil
		}
		return &found{x: q.x, groups: groups, exact: exact && all}
	}
	if !all {
		return nil
	}
	return q.one(exact, slices.Concat(groups...)...)
}

// listEqual asks for the lists that have all the elements, in any order.
func (q question) listEqual(n *expr.ListEqual) *found {
	f := &found{x: q.x}
	for i := range n.Values.Len() {
		switch v := n.Values.At(i); {
		case q.spec.Strings() && v.Kind() == expr.String:
			f.groups = append(f.groups, []scalarindex.Span{q.equal([]byte(v.Str()))})
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
	f := &found{x: q.x}
	other := q.equal(nil)
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
			f.groups = append(f.groups, []scalarindex.Span{q.equal(piece), other})
		})
	}
	if len(f.groups) == 0 {
		return nil
	}
	return f
}
