package exec

import (
	"slices"

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
		if ix.Rows.Rows() != e.rows || ix.Spec.JSON != (r.Field.Type == schema.JSON) {
			continue
		}
		for _, q := range questions(ix, r, n) {
			q.few = e.rows / e.part
			f := q.of(n)
			if f == nil {
				continue
			}
			if ix.Spec.Whole {
				for i := range f.groups {
					f.groups[i] = append(f.groups[i], allKeys(ix.Rows).equal(nil))
				}
			}
			f.json, f.rows = ix.Spec.JSON, f.least()
			limit := e.rows
			if !f.json && !ix.Spec.Strings() && !ix.Spec.Items {
				limit /= e.part
			}
			if f.rows <= limit && (best == nil || f.rows < best.rows || f.rows == best.rows && f.exact) {
				best = f
			}
		}
	}
	return best
}

// questions returns how an index can be asked for what a predicate reads: an
// index of whole JSON values has keys of each type at each place.
func questions(ix FieldIndex, r *expr.Ref, n expr.Node) []question {
	if !ix.Spec.Whole {
		if !slices.Equal(ix.Spec.Path, r.Path) {
			return nil
		}
		return []question{{spec: ix.Spec, keys: allKeys(ix.Rows)}}
	}
	if len(r.Path) < len(ix.Spec.Path) || !slices.Equal(ix.Spec.Path, r.Path[:len(ix.Spec.Path)]) {
		return nil
	}
	items := false
	switch n.(type) {
	case *expr.Contains, *expr.ListEqual:
		items = true
	}
	pointer := []byte(scalarindex.Pointer(r.Path))
	var out []question
	for _, t := range []schema.Type{schema.Bool, schema.Double, schema.VarChar} {
		spec := scalarindex.Spec{Type: t, Items: items, JSON: true, Whole: true}
		out = append(out, question{spec: spec, keys: keysUnder(ix.Rows, appendPlace(nil, pointer, t, items))})
	}
	return out
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

// maxGroups is how many groups are looked up: the rows that a few rare pieces
// of a long text leave are looked at sooner than more pieces.
const maxGroups = 8

// least orders the groups by their rows, leaves out those beyond maxGroups, and
// returns how many rows the first has.
func (f *found) least() int {
	entries := func(g []scalarindex.Span) (n int) {
		for _, s := range g {
			n += f.x.Entries(s)
		}
		return n
	}
	slices.SortFunc(f.groups, func(a, b []scalarindex.Span) int { return entries(a) - entries(b) })
	if len(f.groups) > maxGroups {
		f.groups, f.exact = f.groups[:maxGroups], false
	}
	return entries(f.groups[0])
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
