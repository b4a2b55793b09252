package exec

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"
	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/schema"
)

// collection has a field of each type.
func collection() *schema.Collection {
	c := &schema.Collection{Name: "c", DynamicOn: true, Fields: []*schema.Field{
		{Name: "id", Type: schema.Int64, PrimaryKey: true},
		{Name: "b", Type: schema.Bool, Nullable: true},
		{Name: "i8", Type: schema.Int8, Nullable: true},
		{Name: "i32", Type: schema.Int32, Nullable: true},
		{Name: "i64", Type: schema.Int64, Nullable: true},
		{Name: "f", Type: schema.Float, Nullable: true},
		{Name: "d", Type: schema.Double, Nullable: true},
		{Name: "s", Type: schema.VarChar, Nullable: true, MaxLength: 100},
		{Name: "t", Type: schema.VarChar, Nullable: true, MaxLength: 100},
		{Name: "j", Type: schema.JSON, Nullable: true},
		{Name: "ints", Type: schema.Array, Element: schema.Int32, Nullable: true, MaxCapacity: 10},
		{Name: "longs", Type: schema.Array, Element: schema.Int64, Nullable: true, MaxCapacity: 10},
		{Name: "floats", Type: schema.Array, Element: schema.Float, Nullable: true, MaxCapacity: 10},
		{Name: "doubles", Type: schema.Array, Element: schema.Double, Nullable: true, MaxCapacity: 10},
		{Name: "strs", Type: schema.Array, Element: schema.VarChar, Nullable: true, MaxLength: 10, MaxCapacity: 10},
		{Name: "bools", Type: schema.Array, Element: schema.Bool, Nullable: true, MaxCapacity: 10},
		{Name: "late", Type: schema.Int64, Nullable: true},
		{Name: "late7", Type: schema.Int64, Nullable: true, Default: &schemapb.ValueField{Data: &schemapb.ValueField_LongData{LongData: 7}}},
		{Name: "latex", Type: schema.VarChar, Nullable: true, Default: &schemapb.ValueField{Data: &schemapb.ValueField_StringData{StringData: "x"}}},
		{Name: schema.DynamicName, Type: schema.JSON, Dynamic: true},
	}}
	for i, f := range c.Fields {
		f.ID = schema.FirstFieldID + base.ID(i)
	}
	return c
}

// table is an Input in memory. Fields that no row was ever given, the late
// ones, have no column.
type table struct {
	rows    int
	columns map[base.ID]*column.Column
	indexes map[base.ID][]FieldIndex
}

func (t *table) Rows() int { return t.rows }

func (t *table) Column(id base.ID) (*column.Column, error) { return t.columns[id], nil }

func (t *table) Indexes(id base.ID) []FieldIndex { return t.indexes[id] }

// row is one row by field names; JSON fields hold raw JSON texts.
type row map[string]any

func newTable(c *schema.Collection, rows []row) *table {
	t := &table{rows: len(rows), columns: map[base.ID]*column.Column{}}
	for _, f := range c.Fields {
		if f.Default != nil || f.Name == "late" {
			continue
		}
		col := column.New(f)
		for i, r := range rows {
			v, ok := r[f.Name]
			switch {
			case f.Name == "id" && !ok:
				v = int64(i)
			case f.Dynamic && !ok:
				v = json.RawMessage("{}")
			}
			if v == nil {
				col.AppendNull()
				continue
			}
			one := column.New(f)
			appendValue(one, v)
			col.AppendRange(one, 0, 1)
		}
		t.columns[f.ID] = col
	}
	return t
}

func appendValue(c *column.Column, v any) {
	switch c.Type {
	case schema.Bool:
		c.Bools = append(c.Bools, v.(bool))
	case schema.Int8, schema.Int16, schema.Int32:
		c.Int32s = append(c.Int32s, int32(v.(int64)))
	case schema.Int64:
		c.Int64s = append(c.Int64s, v.(int64))
	case schema.Float:
		c.Floats = append(c.Floats, float32(v.(float64)))
	case schema.Double:
		c.Doubles = append(c.Doubles, v.(float64))
	case schema.VarChar:
		c.Bytes.AppendString(v.(string))
	case schema.JSON:
		c.Bytes.Append(v.(json.RawMessage))
	case schema.Array:
		for _, e := range v.([]any) {
			appendValue(c.Items, e)
		}
		c.Offsets = append(c.Offsets, uint32(c.Items.Len()))
	}
}

// decodeRow reads a row from JSON.
func decodeRow(c *schema.Collection, line []byte) (row, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(line, &raw); err != nil {
		return nil, err
	}
	out := row{}
	for name, text := range raw {
		f := c.Field(name)
		if f == nil {
			return nil, fmt.Errorf("no field %s", name)
		}
		if string(text) == "null" {
			continue
		}
		if f.Type == schema.JSON {
			out[name] = text
			continue
		}
		v, err := decodeValue(f.Type, f.Element, text)
		if err != nil {
			return nil, err
		}
		out[name] = v
	}
	return out, nil
}

func decodeValue(t, element schema.Type, text json.RawMessage) (any, error) {
	var err error
	switch t {
	case schema.Bool:
		var v bool
		err = json.Unmarshal(text, &v)
		return v, err
	case schema.Int8, schema.Int16, schema.Int32, schema.Int64:
		var v int64
		err = json.Unmarshal(text, &v)
		return v, err
	case schema.Float, schema.Double:
		var v float64
		err = json.Unmarshal(text, &v)
		return v, err
	case schema.VarChar:
		var v string
		err = json.Unmarshal(text, &v)
		return v, err
	}
	var items []json.RawMessage
	if err := json.Unmarshal(text, &items); err != nil {
		return nil, err
	}
	out := make([]any, len(items))
	for i := range items {
		if out[i], err = decodeValue(element, 0, items[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// truths evaluates the filter on both sides and returns the value of each row.
func truths(t testing.TB, c *schema.Collection, in *table, filter string) []truth {
	t.Helper()
	p, err := expr.Parse(filter, c, nil)
	require.NoError(t, err, filter)
	scanned := truthsOf(t, p, &table{rows: in.rows, columns: in.columns}, few)
	if in.indexes == nil {
		in.buildIndexes(t, c)
	}
	require.Equal(t, scanned, truthsOf(t, p, in, 1), "%s by indexes", filter)
	require.Equal(t, scanned, truthsOf(t, p, in, few), "%s by some indexes", filter)
	require.Equal(t, scanned, truthsOf(t, p, in.onlyWhole(c), 1), "%s by indexes of whole values", filter)
	sure, err := Eval(context.Background(), p, in)
	require.NoError(t, err, filter)
	require.Equal(t, in.rows, sure.Len())
	for i, v := range scanned {
		require.Equal(t, v == isTrue, sure.Get(i), "%s: row %d", filter, i)
	}
	return scanned
}

// truthsOf evaluates a plan; indexes of numbers are used for up to one part of
// so many.
func truthsOf(t testing.TB, p *expr.Plan, in *table, part int) []truth {
	t.Helper()
	sides := [2][]uint64{}
	for i, s := range []side{certain, possible} {
		e := newEvaluator(in)
		e.part = part
		if in.rows == 0 {
			return []truth{}
		}
		words, err := e.eval(context.Background(), p.Root(), s, nil)
		require.NoError(t, err, p)
		sides[i] = words
	}
	out := make([]truth, in.rows)
	for i := range out {
		sure, possibly := sides[0][i/64]>>(i%64)&1 != 0, sides[1][i/64]>>(i%64)&1 != 0
		switch {
		case sure:
			require.True(t, possibly, "%s: row %d is true and not possible", p, i)
			out[i] = isTrue
		case possibly:
			out[i] = unknown
		}
	}
	return out
}
