package exec

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/scalarindex"
	"github.com/redkite-db/redkite/internal/schema"
)

// buildIndexes gives a table an index of every kind on every field, as their
// files have them. The string field t is indexed by its pieces only.
func (t *table) buildIndexes(tb testing.TB, c *schema.Collection) {
	t.indexes = map[base.ID][]FieldIndex{}
	for _, f := range c.Fields {
		for _, x := range allIndexes(f) {
			if spec, ok := scalarindex.SpecOf(f, &x); ok {
				t.indexes[f.ID] = append(t.indexes[f.ID], FieldIndex{Spec: spec, Rows: t.index(tb, f, spec)})
			}
		}
	}
}

// onlyWhole returns the table with those indexes of JSON fields alone that are
// of whole values.
func (t *table) onlyWhole(c *schema.Collection) *table {
	out := &table{rows: t.rows, columns: t.columns, indexes: map[base.ID][]FieldIndex{}}
	for _, f := range c.Fields {
		for _, x := range t.indexes[f.ID] {
			if x.Spec.Whole {
				out.indexes[f.ID] = append(out.indexes[f.ID], x)
			}
		}
	}
	return out
}

// index returns the index of a field as it is after its file was read.
func (t *table) index(tb testing.TB, f *schema.Field, spec scalarindex.Spec) *scalarindex.Index {
	tb.Helper()
	x, err := BuildIndex(context.Background(), f, t.columns[f.ID], t.rows, spec, func(int64) error { return nil })
	require.NoError(tb, err)
	var file bytes.Buffer
	_, err = x.WriteTo(&file)
	require.NoError(tb, err)
	opened, err := scalarindex.Open(mem.FromBytes(file.Bytes()), spec, t.rows)
	require.NoError(tb, err)
	return opened
}

func allIndexes(f *schema.Field) []schema.Index {
	switch {
	case f.Name == "t":
		return []schema.Index{{Type: scalarindex.Ngram, Params: map[string]string{"min_gram": "1", "max_gram": "2"}}}
	case f.Type != schema.JSON:
		return []schema.Index{{Type: scalarindex.Auto}}
	}
	var out []schema.Index
	for _, path := range []string{"", "/a", "/b", "/c", "/0", "/1", "/a/a", "/a/b", "/b/a", "/a/0", "/0/a"} {
		for _, cast := range []string{"BOOL", "DOUBLE", "VARCHAR", "ARRAY_BOOL", "ARRAY_DOUBLE", "ARRAY_VARCHAR", "JSON"} {
			out = append(out, schema.Index{Type: scalarindex.Inverted, Params: map[string]string{"json_path": path, "json_cast_type": cast}})
		}
	}
	return out
}

// TestIndexEdges compares indexes and scan where keys lose something: integers
// that doubles do not have, both zeros, strings that are not UTF-8, characters
// of every width, and fields that are younger than the rows.
func TestIndexEdges(t *testing.T) {
	coll := collection()
	var rows []row
	for _, v := range []string{"9007199254740991", "9007199254740992", "9007199254740993", "9007199254740994", "-9007199254740993", "9223372036854775807",
		"9007199254740992.0", "1e300", "1e999", "-0.0", "0", "null", `"9007199254740993"`, "true", `"\ud800"`, `"\q"`, `"a\u0062"`} {
		rows = append(rows, row{"j": json.RawMessage(`{"a":` + v + `,"b":[` + v + `,"x"]}`)})
	}
	for _, s := range []string{"", "a", "kite", "é", "königs", "赤とんび", "🪁🪁 kite", "\xff\xfe", "ab\xe9", "k\x80te"} {
		rows = append(rows, row{"s": s, "t": s, "strs": []any{s, s}})
	}
	rows = append(rows, row{"f": math.Inf(1)}, row{"f": math.NaN()}, row{"f": math.Copysign(0, -1), "d": 0.0}, row{"f": 0.0, "d": math.Copysign(0, -1)})
	deep := strings.Repeat(`[`, 40) + `{"a":7}` + strings.Repeat(`]`, 40)
	for _, doc := range []string{`{"a":` + deep + `,"b":7}`, `{"a":1,"a":2}`, `{"b":{"x/y":1,"~":[true,null,{"z":"\u0041"}]}}`, `{"\u0061":7}`, `{"a\u0000n":7}`, `[7,[7]]`} {
		rows = append(rows, row{"j": json.RawMessage(doc)})
	}
	rows = append(rows, row{"ints": []any{int64(1), int64(2), int64(3), int64(4), int64(5), int64(6), int64(7), int64(8), int64(9)}},
		row{"ints": []any{int64(1), int64(2), int64(3), int64(4), int64(5), int64(6), int64(7), int64(8), int64(10)}}, row{"t": "abcdefghijklmnop"}, row{"t": "abcdefghi jklmnop"})
	for i := range 200 { // enough for sets of nine to be looked up
		rows = append(rows, row{"i64": int64(i)})
	}
	in := newTable(coll, rows)
	deepPath := "j[\"a\"]" + strings.Repeat("[0]", 40) + `["a"]`
	filters := []string{"array_contains_all(ints, [1, 2, 3, 4, 5, 6, 7, 8, 9])", `t like "%abcdefghijklmnop%"`, deepPath + " == 7", `j["b"] == 7`, `j["a"] == 2`, `j["a"] == 1`, `j["b"]["x/y"] == 1`, `j["b"]["~"][2]["z"] like "A%"`, `j["b"]["~"][0] == true`,
		`json_contains(j["b"]["~"], true)`, `j[0] == 7`, `json_contains(j, 7)`, `json_contains(j, [7])`, `j["a"] in [7, 2]`, `not (j["a"] == 7)`, "f in [1e300, 0.5]", "f == 1e300", "f != 1.5", "f in [0]", "f == 0", "d in [0.0, 1.0]", "f < 0", "f > 1", "f >= 0", "d <= 0"}
	for _, op := range opNames {
		for _, c := range []string{"9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740993", "9007199254740992.0", "0", "0.0", "1e300", "true", `"ab"`, `"9007199254740993"`} {
			filters = append(filters, `j["a"] `+op+" "+c)
		}
		filters = append(filters, "late7 "+op+" 7", "latex "+op+` "x"`, "late "+op+" 7", "s "+op+` "é"`, "t "+op+` "königs"`)
	}
	for _, c := range []string{"[9007199254740993]", "[9007199254740992, 1]", "[9007199254740992.0, 5]", `[9007199254740993, "ab"]`, `["x", 0]`, "[true]", "[[1], 0]"} {
		for _, fn := range []string{"json_contains_all", "json_contains_any"} {
			filters = append(filters, fn+`(j["b"], `+c+")")
		}
		filters = append(filters, `j["b"] == `+c)
		if !strings.HasPrefix(c, "[[") {
			filters = append(filters, `j["a"] in `+c, `j["a"] not in `+c)
		}
	}
	filters = append(filters, `9007199254740992 < j["a"] <= 9007199254740994`, `9007199254740993 <= j["a"] < 1e300`)
	for _, pattern := range []string{"%", "%kite%", "%🪁%", "🪁🪁%", "%とん%", "赤_ん%", "%\\\\_%", "k_te", "%ö%s%", "%te"} {
		filters = append(filters, `t like "`+pattern+`"`, `s like "`+pattern+`"`, `not (t like "`+pattern+`")`)
	}
	filters = append(filters, `array_contains(strs, "é")`, `strs == ["é", "é"]`, `s =~ "k.*e"`)
	for _, f := range filters {
		truths(t, coll, in, f)
	}
}

// TestIndexIsUsed: a filter on one value of many reads no column when an index
// of the field is there, and one of a piece of text only few rows.
func TestIndexIsUsed(t *testing.T) {
	coll := collection()
	rows := make([]row, 1000)
	for i := range rows {
		doc := json.RawMessage(fmt.Sprintf(`{"a":%d,"b":"v%d"}`, i, i))
		rows[i] = row{"i64": int64(i), "s": fmt.Sprint("v", i), "t": fmt.Sprint("v", i), "j": doc, "longs": []any{int64(i), int64(5)}}
	}
	in := newTable(coll, rows)
	in.buildIndexes(t, coll)
	for _, filter := range []string{"i64 == 7", `s == "v7"`, `s like "v77%"`, `j["a"] == 7`, `j["b"] in ["v7"]`, "array_contains(longs, 7)", `t like "%77%"`} {
		p, err := expr.Parse(filter, coll, nil)
		require.NoError(t, err)
		e := newEvaluator(in)
		f := e.lookup(p.Root(), certain)
		require.NotNil(t, f, filter)
		require.Equal(t, filter[0] != 't', f.exact, filter)
		require.LessOrEqual(t, f.rows, 200, filter)
	}
	for _, filter := range []string{`j["a"] == 7`, `j["b"] in ["v7"]`, `j["b"] like "v77%"`, `5 < j["a"] <= 8`} {
		p, err := expr.Parse(filter, coll, nil)
		require.NoError(t, err)
		f := newEvaluator(in.onlyWhole(coll)).lookup(p.Root(), certain)
		require.NotNil(t, f, filter)
		require.False(t, f.exact, filter)
		require.LessOrEqual(t, f.rows, 11, filter)
	}
	for _, filter := range []string{"i64 > 7", `t like "_%"`, `j["a"] in [1, "x"]`, "j == 7 or i64 == 7"} {
		p, err := expr.Parse(filter, coll, nil)
		require.NoError(t, err)
		require.Nil(t, newEvaluator(in).lookup(p.Root(), certain), filter)
	}
}

// TestBuildIndexEnds: a build ends with its context, and when it is refused
// memory.
func TestBuildIndexEnds(t *testing.T) {
	coll := collection()
	in := newTable(coll, []row{{"i64": int64(1)}})
	f := coll.Field("i64")
	spec, ok := scalarindex.SpecOf(f, &schema.Index{Type: scalarindex.Auto})
	require.True(t, ok)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := BuildIndex(ctx, f, in.columns[f.ID], 1, spec, func(int64) error { return nil })
	require.ErrorIs(t, err, context.Canceled)
	refused := errors.New("refused")
	_, err = BuildIndex(context.Background(), f, in.columns[f.ID], 1, spec, func(int64) error { return refused })
	require.ErrorIs(t, err, refused)
	_, err = BuildIndex(context.Background(), f, in.columns[f.ID], 2, spec, func(int64) error { return nil })
	require.ErrorContains(t, err, "1 of 2 rows")
}
