package exec

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// firstMembers decodes like encoding/json, but keeps the first of equal keys.
func firstMembers(dec *json.Decoder) (any, error) {
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch tok {
	case json.Delim('{'):
		out := map[string]any{}
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return nil, err
			}
			v, err := firstMembers(dec)
			if err != nil {
				return nil, err
			}
			if _, ok := out[key.(string)]; !ok {
				out[key.(string)] = v
			}
		}
		_, err := dec.Token()
		return out, err
	case json.Delim('['):
		out := []any{}
		for dec.More() {
			v, err := firstMembers(dec)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		_, err := dec.Token()
		return out, err
	}
	return tok, nil
}

// checkValue compares what the scanner finds under a path with what was
// decoded, and all that is below.
func checkValue(t *testing.T, doc []byte, path []string, want any) {
	got := find(doc, steps(path))
	switch want := want.(type) {
	case nil:
		require.Equal(t, jsonNull, got.kind, "%q %q", doc, path)
	case bool:
		require.Equal(t, jsonValue{kind: jsonBool, i: int64(bit(want))}, got, "%q %q", doc, path)
	case string:
		require.Equal(t, jsonString, got.kind)
		text, ok := (&evaluator{}).text(got)
		require.True(t, ok, "%q %q", doc, path)
		require.Equal(t, want, string(text), "%q %q", doc, path)
	case json.Number:
		if i, err := want.Int64(); err == nil {
			require.Equal(t, jsonInt, got.kind, "%q %q", doc, path)
			require.Equal(t, i, got.i)
			return
		}
		f, err := want.Float64()
		if err != nil && !math.IsInf(f, 0) {
			return
		}
		require.Equal(t, jsonDouble, got.kind, "%q %q", doc, path)
		require.Equal(t, f, got.f)
	case []any:
		require.Equal(t, jsonArray, got.kind, "%q %q", doc, path)
		n := 0
		for it := (elements{doc: got.raw}); it.next(); {
			n++
		}
		require.Equal(t, len(want), n, "%q %q", doc, path)
		for i, e := range want {
			checkValue(t, doc, append(path[:len(path):len(path)], literalOf(int64(i))), e)
		}
		require.Equal(t, jsonNone, find(doc, steps(append(path[:len(path):len(path)], literalOf(int64(n))))).kind)
	case map[string]any:
		require.Equal(t, jsonObject, got.kind, "%q %q", doc, path)
		for k, e := range want {
			checkValue(t, doc, append(path[:len(path):len(path)], k), e)
		}
		require.Equal(t, jsonNone, find(doc, steps(append(path[:len(path):len(path)], "no such key"))).kind)
	}
	require.Equal(t, content(want), hasContent(got), "%q %q", doc, path)
}

// FuzzScan compares the scanner with encoding/json on texts that are JSON; on
// others it only has to end.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		`{"a": [1, {"b": "c\"\\\u00e9\ud83d\ude00"}, -0.5e-3], "a": 2, "\u0061\n": null}`, `[[], {}, [null, {"x": []}], ""]`, "  \t\n[ 1 , 2 ] ",
		`12345678901234567890`, `-9223372036854775808`, `"\ud800"`, `{"":{"":[true,false]}}`, `[1e999, 1E+2, 0]`, `{"a`, `[1,`, `{"a":}`, `"\`, `{"a" 1}`, `]`, `nul`,
	} {
		f.Add([]byte(seed), "a")
	}
	f.Fuzz(func(t *testing.T, doc []byte, key string) {
		found := find(doc, steps([]string{key, "0"}))
		hasContent(found)
		for it := (elements{doc: doc}); len(doc) > 0 && it.next(); {
			it.value()
		}
		if !json.Valid(doc) || !utf8.Valid(doc) || bytes.Count(doc, []byte("[")) > 50 {
			return
		}
		dec := json.NewDecoder(bytes.NewReader(doc))
		dec.UseNumber()
		want, err := firstMembers(dec)
		if err != nil {
			return
		}
		checkValue(t, doc, nil, want)
	})
}

// TestScanDeep: depth costs no stack.
func TestScanDeep(t *testing.T) {
	deep := []byte(strings.Repeat(`{"a":[`, 500_000) + "1" + strings.Repeat("]}", 500_000))
	require.Equal(t, jsonArray, find(deep, steps([]string{"a"})).kind)
	require.True(t, hasContent(find(deep, nil)))
	require.Equal(t, jsonNone, find(deep, steps([]string{"b"})).kind)
}
