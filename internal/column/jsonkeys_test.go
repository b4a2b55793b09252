package column

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/schema"
)

func TestMembers(t *testing.T) {
	raw := ` { "a" : 1 , "b\n" : [ { "x" : "]}" } , 2 ] ,"c":{"d":{}}, "e" : "q\"," , "a":null } `
	var keys, values []string
	for k, v := range members([]byte(raw)) {
		keys, values = append(keys, k), append(values, string(v))
	}
	require.Equal(t, []string{"a", "b\n", "c", "e", "a"}, keys)
	require.Equal(t, []string{"1", `[ { "x" : "]}" } , 2 ]`, `{"d":{}}`, `"q\","`, "null"}, values)
	for _, other := range []string{"{}", " { } ", "[1]", "1", "null", `"{"`, ""} {
		for range members([]byte(other)) {
			t.Fatalf("%q has members", other)
		}
	}
}

// The walk finds what encoding/json finds, in any valid JSON.
func FuzzMembers(f *testing.F) {
	for _, s := range []string{`{"a":1,"b":[{},"\""]}`, `{"\u0061":{"b":"}"} ,"":2}`, `[]`, `{"a":1,"a":2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) || !utf8.Valid(raw) {
			return
		}
		var want map[string]json.RawMessage
		if json.Unmarshal(raw, &want) != nil {
			want = nil
		}
		got := map[string]string{}
		for k, v := range members(raw) {
			got[k] = string(v)
		}
		require.Len(t, got, len(want))
		for k, v := range want {
			require.JSONEq(t, string(v), got[k])
		}
		c := &Column{Type: schema.JSON}
		c.Bytes.Append(raw)
		if out := c.SelectKeys([]string{"a"}).Bytes.At(0); !json.Valid(out) {
			t.Fatalf("%q cut down to %q", raw, out)
		}
	})
}
