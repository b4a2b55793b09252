package exec

import (
	"bytes"
	"context"
	"fmt"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/schema"
)

// onArray evaluates a predicate on whole arrays.
func (e *evaluator) onArray(ctx context.Context, c *column.Column, s side, mask []uint64, n expr.Node) ([]uint64, error) {
	var test func(lo, hi int) bool
	switch n := n.(type) {
	case *expr.LengthCompare:
		iv := comparison(n.Op, n.Value, n.Value)
		test = func(lo, hi int) bool { return iv.has(int64(hi - lo)) }
	case *expr.Contains:
		test = containsTest(c.Items, n)
	case *expr.ListEqual:
		test = equalTest(c.Items, n.Values)
	}
	if test == nil {
		return nil, fmt.Errorf("exec: no evaluation of %T over arrays of %s", n, c.Element)
	}
	valid := e.validity(c)
	words, err := e.where(ctx, e.both(mask, valid), func(row int) bool {
		return test(int(c.Offsets[row]), int(c.Offsets[row+1]))
	})
	if err != nil {
		return nil, err
	}
	settle(words, valid, s)
	return words, nil
}

// has reports whether v is in the interval.
func (v interval) has(x int64) bool { return (v.lo <= x && x <= v.hi) != v.outside }

// memberIndex returns the function that numbers an item among the members of
// a set, -1 if it is none; nil if items have no such type.
func memberIndex(items *column.Column, s *expr.Set) func(i int) int {
	switch items.Type {
	case schema.Bool:
		return func(i int) int { return s.IndexBool(items.Bools[i]) }
	case schema.Int8, schema.Int16, schema.Int32:
		return func(i int) int { return s.IndexInt(int64(items.Int32s[i])) }
	case schema.Int64:
		return func(i int) int { return s.IndexInt(items.Int64s[i]) }
	case schema.Float:
		return func(i int) int { return s.IndexFloat(float64(items.Floats[i])) }
	case schema.Double:
		return func(i int) int { return s.IndexFloat(items.Doubles[i]) }
	case schema.VarChar:
		return func(i int) int { return s.IndexString(items.Bytes.At(i)) }
	}
	return nil
}

// containsTest returns the test whether the items of [lo, hi) contain what is
// asked for.
func containsTest(items *column.Column, n *expr.Contains) func(lo, hi int) bool {
	index := memberIndex(items, n.Set)
	if index == nil {
		return nil
	}
	if n.Mode != expr.ContainsAll {
		return func(lo, hi int) bool {
			for i := lo; i < hi; i++ {
				if index(i) >= 0 {
					return true
				}
			}
			return false
		}
	}
	found := make([]bool, n.Set.Len()+2)
	return func(lo, hi int) bool {
		missing := n.Set.Len()
		if hi-lo < missing {
			return false
		}
		clear(found)
		for i := lo; i < hi && missing > 0; i++ {
			if k := index(i); k >= 0 && !found[k] {
				found[k] = true
				missing--
			}
		}
		return missing == 0
	}
}

// equalTest returns the test whether the items of [lo, hi) are the values, in
// order.
func equalTest(items *column.Column, values *expr.List) func(lo, hi int) bool {
	same := equalItem(items)
	if same == nil {
		return nil
	}
	want := make([]expr.Value, values.Len())
	for i := range want {
		want[i] = values.At(i)
	}
	return func(lo, hi int) bool {
		if hi-lo != len(want) {
			return false
		}
		for i, v := range want {
			if !same(lo+i, v) {
				return false
			}
		}
		return true
	}
}

// equalItem returns the test whether item i equals a constant of its type.
func equalItem(items *column.Column) func(i int, v expr.Value) bool {
	switch items.Type {
	case schema.Bool:
		return func(i int, v expr.Value) bool { return items.Bools[i] == v.Bool() }
	case schema.Int8, schema.Int16, schema.Int32:
		return func(i int, v expr.Value) bool { return int64(items.Int32s[i]) == v.Int() }
	case schema.Int64:
		return func(i int, v expr.Value) bool { return items.Int64s[i] == v.Int() }
	case schema.Float:
		return func(i int, v expr.Value) bool { return float64(items.Floats[i]) == v.Float() }
	case schema.Double:
		return func(i int, v expr.Value) bool { return items.Doubles[i] == v.Float() }
	case schema.VarChar:
		return func(i int, v expr.Value) bool { return bytes.Equal(items.Bytes.At(i), []byte(v.Str())) }
	}
	return nil
}
