package segment

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"
	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/exec"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/schema"
)

// everyType is a collection with a field of each type, nullable where it may be.
func everyType() *schema.Collection {
	c := &schema.Collection{ID: 7, Fields: []*schema.Field{{ID: keyID, Name: "id", Type: schema.Int64, PrimaryKey: true}}}
	for i, f := range []*schema.Field{
		{Name: "bool", Type: schema.Bool},
		{Name: "int8", Type: schema.Int8},
		{Name: "int16", Type: schema.Int16},
		{Name: "int32", Type: schema.Int32},
		{Name: "int64", Type: schema.Int64},
		{Name: "float", Type: schema.Float},
		{Name: "double", Type: schema.Double},
		{Name: "varchar", Type: schema.VarChar},
		{Name: "json", Type: schema.JSON},
		{Name: "strings", Type: schema.Array, Element: schema.VarChar},
		{Name: "doubles", Type: schema.Array, Element: schema.Double},
		{Name: "bools", Type: schema.Array, Element: schema.Bool},
		{Name: "vector", Type: schema.FloatVector, Dim: 3},
	} {
		f.ID = base.ID(101 + i)
		f.Nullable = i%2 == 0
		c.Fields = append(c.Fields, f)
	}
	return c
}

func randomBatch(rng *rand.Rand, c *schema.Collection, keys []int64) *column.Batch {
	b := &column.Batch{Rows: len(keys)}
	for _, f := range c.Fields {
		col := column.New(f)
		if f.PrimaryKey {
			col.Int64s = keys
		}
		for col.Len() < len(keys) {
			if f.Nullable && rng.IntN(4) == 0 {
				col.AppendNull()
				continue
			}
			one := column.New(f)
			appendRandom(rng, one)
			col.AppendRange(one, 0, 1)
		}
		b.Add(f.ID, col)
	}
	return b
}

func appendRandom(rng *rand.Rand, c *column.Column) {
	n := rng.IntN(41) - 20
	switch c.Type {
	case schema.Bool:
		c.Bools = append(c.Bools, n > 0)
	case schema.Int8, schema.Int16, schema.Int32:
		c.Int32s = append(c.Int32s, int32(n))
	case schema.Int64:
		c.Int64s = append(c.Int64s, int64(n))
	case schema.Float:
		c.Floats = append(c.Floats, float32(n)/2)
	case schema.FloatVector:
		c.Floats = append(c.Floats, float32(n), 1, 2)
	case schema.Double:
		c.Doubles = append(c.Doubles, float64(n)/2)
	case schema.VarChar:
		c.Bytes.AppendString(fmt.Sprintf("%03d", n+100))
	case schema.JSON:
		c.Bytes.AppendString(fmt.Sprintf(`{"a":%d}`, n))
	case schema.Array:
		for range rng.IntN(4) {
			appendRandom(rng, c.Items)
		}
		c.Offsets = append(c.Offsets, uint32(c.Items.Len()))
	}
}

// TestEveryType takes columns of every type through a growing segment, a
// flush and a compaction: each row keeps its values.
func TestEveryType(t *testing.T) {
	e, c := testEngine(), everyType()
	rng := rand.New(rand.NewPCG(5, 5))
	store := newStore()
	var fields []base.ID
	for _, f := range c.Fields {
		fields = append(fields, f.ID)
	}
	want := map[int64][]byte{} // by key: the row as a batch
	var segments []Segment
	for s := range 3 {
		g := NewGrowing(e, GrowingConfig{ID: base.ID(s + 1), Partition: 3, Collection: c})
		for i := range 6 {
			keys := make([]int64, rng.IntN(200))
			for k := range keys {
				keys[k] = rng.Int64()
			}
			b := randomBatch(rng, c, keys)
			require.NoError(t, g.Insert(b, base.Timestamp(10+i)))
			for row, key := range keys {
				want[key] = canonical(b.Select([]int{row}))
			}
		}
		segments = append(segments, g)
	}
	check := func(s Segment) (rows int) {
		r, err := s.View(99, c)
		require.NoError(t, err)
		defer r.Close()
		list, err := r.Retrieve(t.Context(), nil, -1)
		require.NoError(t, err)
		b, err := r.Fetch(list, fields)
		require.NoError(t, err)
		require.NoError(t, b.Check())
		for row, key := range b.Column(keyID).Int64s {
			require.Equal(t, want[key], canonical(b.Select([]int{row})))
		}
		return len(list)
	}
	total := 0
	for i, g := range segments {
		n := check(g)
		s := seal(t, e, store, c, base.ID(10+i), g)
		require.Equal(t, n, check(s))
		total += n
		segments[i] = s
	}
	require.Len(t, want, total)
	all := seal(t, e, store, c, 20, segments...)
	require.Equal(t, total, check(all))
	checkPruning(t, rng, c, append(segments, all))
	for _, s := range segments {
		s.(*Sealed).Close()
	}
	all.Close()
}

// canonical is the bytes of a row; validity that excludes nothing is left out.
func canonical(b *column.Batch) []byte {
	for _, c := range b.Columns {
		if c.Valid.Count() == b.Rows {
			c.Valid = column.Bitset{}
		}
	}
	return b.AppendTo(nil)
}

// checkPruning compares what segments say of filters with evaluating them on
// every row.
func checkPruning(t *testing.T, rng *rand.Rand, c *schema.Collection, segments []Segment) {
	pruned := 0
	for _, field := range []string{"int8", "int16", "int32", "int64", "float", "double", "varchar"} {
		for range 40 {
			v := fmt.Sprint(rng.IntN(90) - 45)
			if field == "varchar" {
				v = fmt.Sprintf(`"%03d"`, rng.IntN(90)+55)
			}
			op := []string{"==", "<", "<=", ">", ">=", "!="}[rng.IntN(6)]
			text := fmt.Sprintf("%s %s %s", field, op, v)
			if rng.IntN(3) == 0 {
				text = fmt.Sprintf("%s and not (%s) or bool == true and %s in [%s]", text, text, field, v)
			}
			plan, err := expr.Parse(text, c, nil)
			require.NoError(t, err)
			for _, s := range segments {
				r, err := s.View(99, c)
				require.NoError(t, err)
				matched, err := exec.Eval(t.Context(), plan, &input{r: r})
				require.NoError(t, err)
				if r.excludes(plan) {
					pruned++
				}
				n, err := r.Count(t.Context(), plan)
				require.NoError(t, err)
				require.Equal(t, matched.Count(), n, "%s", text)
				r.Close()
			}
		}
	}
	require.Positive(t, pruned)
}

// TestFirstByKey reads the first rows of a growing segment whose keys come in
// any order, several of them more than once.
func TestFirstByKey(t *testing.T) {
	e, c := testEngine(), wideCollection()
	g := NewGrowing(e, GrowingConfig{ID: 1, Partition: 3, Collection: c})
	rng := rand.New(rand.NewPCG(8, 8))
	newest := map[int64]base.Timestamp{}
	for at := base.Timestamp(1); at <= 30; at++ {
		b := wideBatch(rng, 0, 2000)
		for i := range b.Columns[0].Int64s {
			k := rng.Int64N(40_000)
			b.Columns[0].Int64s[i] = k
			newest[k] = at
		}
		require.NoError(t, g.Insert(b, at))
	}
	var sorted []int64
	for k := range newest {
		sorted = append(sorted, k)
	}
	slices.Sort(sorted)
	r, err := g.View(99, c)
	require.NoError(t, err)
	defer r.Close()
	for _, limit := range []int{-1, 0, 1, 10, 5000, len(sorted), len(sorted) + 1} {
		want := sorted
		if limit >= 0 {
			want = want[:min(limit, len(want))]
		}
		rows, err := r.Retrieve(t.Context(), nil, limit)
		require.NoError(t, err)
		require.True(t, slices.Equal(want, r.Keys(rows).Int64s), "limit %d", limit)
		for i, at := range r.Times(rows) {
			require.Equal(t, newest[want[i]], at)
		}
	}
}

// TestDefaults: a default of every type that can have one.
func TestDefaults(t *testing.T) {
	for _, f := range []*schema.Field{
		{Type: schema.Bool, Default: &schemapb.ValueField{Data: &schemapb.ValueField_BoolData{BoolData: true}}},
		{Type: schema.Int8, Default: &schemapb.ValueField{Data: &schemapb.ValueField_IntData{IntData: 5}}},
		{Type: schema.Int64, Default: &schemapb.ValueField{Data: &schemapb.ValueField_LongData{LongData: 6}}},
		{Type: schema.Float, Default: &schemapb.ValueField{Data: &schemapb.ValueField_FloatData{FloatData: 7}}},
		{Type: schema.Double, Default: &schemapb.ValueField{Data: &schemapb.ValueField_DoubleData{DoubleData: 8}}},
		{Type: schema.VarChar, Default: &schemapb.ValueField{Data: &schemapb.ValueField_StringData{StringData: "9"}}},
		{Type: schema.JSON, Default: &schemapb.ValueField{Data: &schemapb.ValueField_BytesData{BytesData: []byte("{}")}}},
	} {
		c := constant(f, column.New(f), 3)
		require.Equal(t, 3, c.Len())
		require.False(t, c.IsNull(2), "%v", f.Type)
		f.Default = &schemapb.ValueField{}
		c = constant(f, column.New(f), 3)
		require.Equal(t, 3, c.Len())
		require.True(t, c.IsNull(2), "a default without a value is none")
	}
	require.True(t, constant(nil, &column.Column{Type: schema.Int64}, 2).IsNull(1))
}
