package segment

import (
	"fmt"
	"slices"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"
	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// Fields that the model adds to its collection while it walks, in this order.
// Rows that were written without one have its default, or null.
func addedFields() []*schema.Field {
	return []*schema.Field{
		{Name: "x0", Type: schema.Int64, Nullable: true},
		{Name: "x1", Type: schema.Int64, Nullable: true, Default: &schemapb.ValueField{Data: &schemapb.ValueField_LongData{LongData: 7}}},
		{Name: "x2", Type: schema.FloatVector, Dim: 2, Nullable: true},
		{Name: "x3", Type: schema.VarChar, Nullable: true, Default: &schemapb.ValueField{Data: &schemapb.ValueField_StringData{StringData: "old"}}},
		{Name: "x4", Type: schema.Array, Element: schema.VarChar, Nullable: true},
		{Name: "x5", Type: schema.JSON, Nullable: true},
		{Name: schema.DynamicName, Type: schema.JSON, Dynamic: true},
		{Name: "x6", Type: schema.Bool, Nullable: true, Default: &schemapb.ValueField{Data: &schemapb.ValueField_BoolData{BoolData: true}}},
	}
}

// addField adds the next field. A segment that grows learns of it.
func (w *world) addField() {
	n := len(w.c.Fields) - len(testCollection(schema.Int64).Fields)
	if n == len(addedFields()) {
		return
	}
	w.c.NextFieldID = arrayID + 1 + base.ID(n)
	w.c = w.c.Extended(addedFields()[n])
	if w.growing != nil {
		w.growing.Alter(w.c)
	}
}

// addedTo adds the columns of added fields to a batch: of some, as requests
// that were made before the newest was added are applied after it.
func (w *world) addedTo(b *column.Batch, rows []*modelRow) {
	for _, f := range w.added() {
		if w.rng.IntN(5) == 0 {
			break
		}
		col := column.New(f)
		for _, r := range rows {
			v := w.rng.IntN(20)
			if f.Nullable && f.Default == nil && v < 4 {
				col.AppendNull()
				r.setAdded(f, "null")
				continue
			}
			col.AppendRange(oneAdded(f, v), 0, 1)
			r.setAdded(f, textOf(oneAdded(f, v), 0))
		}
		b.Add(f.ID, col)
	}
}

func (w *world) added() []*schema.Field { return w.c.Fields[len(testCollection(schema.Int64).Fields):] }

func (r *modelRow) setAdded(f *schema.Field, text string) {
	if r.added == nil {
		r.added = map[base.ID]string{}
	}
	r.added[f.ID] = text
}

// oneAdded is a column of one row, a function of v.
func oneAdded(f *schema.Field, v int) *column.Column {
	c := column.New(f)
	switch f.Type {
	case schema.Int64:
		c.Int64s = []int64{int64(v)}
	case schema.Bool:
		c.Bools = []bool{v%2 == 0}
	case schema.FloatVector:
		c.Floats = []float32{float32(v), 1}
	case schema.VarChar:
		c.Bytes = column.BytesOf(fmt.Sprintf("%0*d", v%5, v))
	case schema.JSON:
		c.Bytes = column.BytesOf(fmt.Sprintf(`{"k":%d}`, v))
	case schema.Array:
		c.Items.Bytes = column.BytesOf(slices.Repeat([]string{"e"}, v%3)...)
		c.Offsets = []uint32{0, uint32(v % 3)}
	}
	return c
}

// textOf writes a value; it tells null from empty.
func textOf(c *column.Column, i int) string {
	if c.IsNull(i) {
		return "null"
	}
	switch c.Type {
	case schema.Int64:
		return fmt.Sprint(c.Int64s[i])
	case schema.Bool:
		return fmt.Sprint(c.Bools[i])
	case schema.FloatVector:
		return fmt.Sprint(c.Floats[i*c.Dim : (i+1)*c.Dim])
	case schema.Array:
		return fmt.Sprint("array of ", c.Offsets[i+1]-c.Offsets[i])
	}
	return string(c.Bytes.At(i))
}

// addedText is what a row of the model has in an added field.
func (r *modelRow) addedText(f *schema.Field) string {
	if text, ok := r.added[f.ID]; ok {
		return text
	}
	switch {
	case f.Dynamic:
		return "{}"
	case f.Default == nil:
		return "null"
	case f.Type == schema.Int64:
		return fmt.Sprint(f.Default.GetLongData())
	case f.Type == schema.Bool:
		return fmt.Sprint(f.Default.GetBoolData())
	}
	return f.Default.GetStringData()
}

// sameAdded reports whether row i of a batch has what the model's row has.
func (w *world) sameAdded(b *column.Batch, i int, m *modelRow) bool {
	for _, f := range w.added() {
		if textOf(b.Column(f.ID), i) != m.addedText(f) {
			return false
		}
	}
	return true
}

// addedFilter is a filter over an added field and what it means.
func (w *world) addedFilter() (string, func(m *modelRow) bool) {
	fields := w.added()
	if len(fields) == 0 {
		return "", nil
	}
	f := fields[w.rng.IntN(len(fields))]
	is := func(text string) func(m *modelRow) bool {
		return func(m *modelRow) bool { return m.addedText(f) == text }
	}
	switch {
	case f.Dynamic:
		return `k == 5`, is(`{"k":5}`)
	case f.IsVector():
		return "", nil
	case w.rng.IntN(3) == 0:
		return f.Name + " is null", is("null")
	case w.rng.IntN(2) == 0:
		return f.Name + " is not null", func(m *modelRow) bool { return m.addedText(f) != "null" }
	}
	switch f.Type {
	case schema.Int64:
		return f.Name + " + 1 == 8", is("7")
	case schema.Bool:
		return f.Name + " == false", is("false")
	case schema.VarChar:
		return f.Name + ` == "old"`, is("old")
	case schema.Array:
		return "array_length(" + f.Name + ") == 2", is("array of 2")
	}
	return f.Name + `["k"] == 5`, is(`{"k":5}`)
}

// checkAddedSearch searches the added vectors: rows without one are no hits.
func (w *world) checkAddedSearch(r *Reader, want []*modelRow) {
	f := w.c.Field("x2")
	if f == nil {
		return
	}
	got, err := r.Search(w.t.Context(), &SearchRequest{Field: f.ID, Metric: vecindex.L2, Vectors: []float32{9, 1}, NQ: 1, K: 1 << 10})
	require.NoError(w.t, err)
	found, there := map[string]int{}, map[string]int{}
	for _, h := range got[0] {
		found[fmt.Sprint(h.Score)]++
	}
	for _, m := range want {
		for v := range 20 {
			if m.addedText(f) == textOf(oneAdded(f, v), 0) {
				there[fmt.Sprint(float32((v-9)*(v-9)))]++
			}
		}
	}
	require.Equal(w.t, there, found)
}

// A segment that has grown with nulls and defaults of fields that came later
// is read by a request that was made before they came.
func TestReadBeforeTheFieldCame(t *testing.T) {
	c := testCollection(schema.Int64)
	c.NextFieldID = arrayID + 1
	g := NewGrowing(testEngine(), GrowingConfig{Shard: base.Shard{Collection: 7}, ID: 1, Partition: 3, Collection: c})
	defer g.Release()
	rows := []*modelRow{{key: 1, text: "a"}, {key: 2, text: "b"}}
	require.NoError(t, g.Insert(batchOf(c, rows), 10))
	before, err := g.View(20, c)
	require.NoError(t, err)
	defer before.Close()

	next := c.Extended(addedFields()[1])
	g.Alter(next)
	x1 := next.Field("x1")
	b := batchOf(next, []*modelRow{{key: 3, text: "c"}})
	b.Add(x1.ID, oneAdded(x1, 3))
	require.NoError(t, g.Insert(b, 11))
	require.Nil(t, c.Field("x1"))
	require.Equal(t, 2, before.Rows())
	_, err = before.Fetch([]uint32{0}, []base.ID{x1.ID})
	require.Error(t, err, "the request's schema lacks the field")

	after, err := g.View(20, next)
	require.NoError(t, err)
	defer after.Close()
	got, err := after.Fetch([]uint32{0, 1, 2}, []base.ID{x1.ID})
	require.NoError(t, err)
	require.Equal(t, []int64{7, 7, 3}, got.Column(x1.ID).Int64s)
}
