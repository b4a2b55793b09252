package exec

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
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
		for _, cast := range []string{"BOOL", "DOUBLE", "VARCHAR", "ARRAY_BOOL", "ARRAY_DOUBLE", "ARRAY_VARCHAR"} {
			out = append(out, schema.Index{Type: scalarindex.Inverted, Params: map[string]string{"json_path": path, "json_cast_type": cast}})
		}
	}
	return out
}
