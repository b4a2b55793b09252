package segment

import (
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/schema"
)

// excludes reports that no row can match a plan, by the bounds of the fields
// that it reads.
func (s *Sealed) excludes(plan *expr.Plan) bool {
	for _, field := range plan.Fields() {
		stats, ok := s.stats.Bounds[field]
		if !ok || stats.Range == nil {
			continue
		}
		bound, ok := plan.Bound(field)
		if !ok {
			continue
		}
		lo, hi, ok := endpoints(stats.Range)
		if ok && bound.Excludes(lo, hi) {
			return true
		}
	}
	return false
}

// endpoints returns the two values of a field's bounds; false for a type that
// plans do not bound, and where a NaN would be the largest.
func endpoints(c *column.Column) (lo, hi expr.Value, ok bool) {
	switch c.Type {
	case schema.Int8, schema.Int16, schema.Int32:
		return expr.IntValue(int64(c.Int32s[0])), expr.IntValue(int64(c.Int32s[1])), true
	case schema.Int64:
		return expr.IntValue(c.Int64s[0]), expr.IntValue(c.Int64s[1]), true
	case schema.Float:
		return expr.FloatValue(float64(c.Floats[0])), expr.FloatValue(float64(c.Floats[1])), c.Floats[1] == c.Floats[1]
	case schema.Double:
		return expr.FloatValue(c.Doubles[0]), expr.FloatValue(c.Doubles[1]), c.Doubles[1] == c.Doubles[1]
	case schema.VarChar:
		return expr.StringValue(string(c.Bytes.At(0))), expr.StringValue(string(c.Bytes.At(1))), true
	}
	return lo, hi, false
}
