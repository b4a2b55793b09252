package exec

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/schema"
)

func TestJSONTexts(t *testing.T) {
	c := &column.Column{Type: schema.JSON, Bytes: column.BytesOf(
		`{"a": {"b": [1, "x"]}}`, `{"a": "t\u00e9"}`, `{"a": null}`, `{}`, `{"a": 1.50 }`, `{"a": true}`, `"s"`, `{"a": {"b"`,
	)}
	read := func(path ...string) []any {
		texts := JSONTexts(c, path)
		var out []any
		for i := range texts.Len() {
			if texts.IsNull(i) {
				out = append(out, nil)
			} else {
				out = append(out, string(texts.Bytes.At(i)))
			}
		}
		return out
	}
	require.Equal(t, []any{`{"b": [1, "x"]}`, "té", nil, nil, "1.50", "true", nil, nil}, read("a"))
	require.Equal(t, []any{"x", nil, nil, nil, nil, nil, nil, nil}, read("a", "b", "1"))
	require.Equal(t, "s", read()[6])
}
