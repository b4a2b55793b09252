package exec

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"testing"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/scalarindex"
	"github.com/redkite-db/redkite/internal/schema"
)

// millionRows has a million rows, with 100 values in each field but for id and
// text, and the indexes of all.
func millionRows(b *testing.B) *table {
	const n = 1_000_000
	rng := rand.New(rand.NewSource(1))
	c := collection()
	in := newTable(c, nil)
	in.rows = n
	col := func(name string) *column.Column { return in.columns[c.Field(name).ID] }
	for range n {
		v := rng.Intn(100)
		col("i64").Int64s = append(col("i64").Int64s, int64(v))
		col("d").Doubles = append(col("d").Doubles, rng.Float64())
		col("s").Bytes.AppendString(fmt.Sprintf("value %d", rng.Intn(100)))
		col("t").Bytes.AppendString(fmt.Sprintf("text %06d of a row", rng.Intn(n)))
		text, err := json.Marshal(map[string]any{"name": "kite", "n": rng.Intn(100), "x": map[string]any{"y": rng.Float64()}})
		if err != nil {
			b.Fatal(err)
		}
		col("j").Bytes.Append(text)
		col("ints").Items.Int32s = append(col("ints").Items.Int32s, int32(v), int32(rng.Intn(1000)))
		col("ints").Offsets = append(col("ints").Offsets, uint32(len(col("ints").Items.Int32s)))
	}
	in.indexes = map[base.ID][]FieldIndex{}
	for name, x := range map[string]schema.Index{
		"i64": {}, "d": {}, "s": {}, "ints": {},
		"t": {Type: scalarindex.Ngram, Params: map[string]string{"min_gram": "2", "max_gram": "3"}},
		"j": {Params: map[string]string{"json_path": "/n", "json_cast_type": "DOUBLE"}},
	} {
		f := c.Field(name)
		spec, _ := scalarindex.SpecOf(f, &x)
		in.indexes[f.ID] = []FieldIndex{{Spec: spec, Rows: in.index(b, f, spec)}}
	}
	return in
}

// BenchmarkIndex evaluates filters that about one row in a hundred passes, by
// scan and by index.
func BenchmarkIndex(b *testing.B) {
	with := millionRows(b)
	without := &table{rows: with.rows, columns: with.columns}
	c := collection()
	for _, bc := range []struct{ name, filter string }{
		{"int64", "i64 == 7"},
		{"double", "0.5 <= d < 0.51"},
		{"string", `s == "value 7"`},
		{"like", `s like "%e 77%"`},
		{"ngram", `t like "%0777%"`},
		{"json", `j["n"] == 7`},
		{"array", "array_contains(ints, 500)"},
		{"and", `d < 0.5 and i64 == 7 and j["n"] < 50`},
	} {
		p, err := expr.Parse(bc.filter, c, nil)
		if err != nil {
			b.Fatal(err)
		}
		for _, side := range []struct {
			name string
			in   *table
		}{{"scan", without}, {"index", with}} {
			b.Run(bc.name+"/"+side.name, func(b *testing.B) {
				for b.Loop() {
					if _, err := Eval(context.Background(), p, side.in); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkBuildIndex makes the index of a million integers.
func BenchmarkBuildIndex(b *testing.B) {
	c := collection()
	f := c.Field("i64")
	col := column.New(f)
	rng := rand.New(rand.NewSource(1))
	for range 1_000_000 {
		col.Int64s = append(col.Int64s, rng.Int63())
	}
	spec, _ := scalarindex.SpecOf(f, &schema.Index{})
	for b.Loop() {
		if _, err := BuildIndex(context.Background(), f, col, len(col.Int64s), spec, func(int64) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
