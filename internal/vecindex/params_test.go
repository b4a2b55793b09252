package vecindex_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/vecindex"
)

func TestBuildInt(t *testing.T) {
	for _, c := range []struct {
		in   string
		want int
		err  string
	}{
		{in: "16", want: 16},
		{in: " 16", want: 16},
		{in: "2", want: 2},
		{in: "2048", want: 2048},
		{in: "-1", err: "Out of range in json: param 'M' (-1) should be in range [2, 2048]"},
		{in: "2049", err: "Out of range in json: param 'M' (2049) should be in range [2, 2048]"},
		{in: "16.0", err: "wrong data type in json, key: 'M', value: '16.0'"},
		{in: "True", err: "invalid integer value, key: 'M', value: 'True'"},
		{in: "[16]", err: "invalid integer value, key: 'M', value: '[16]'"},
		{in: "", err: "invalid integer value, key: 'M', value: ''"},
		{in: "-", err: "invalid integer value, key: 'M', value: '-'"},
		{in: "2147483648", err: "Arithmetic overflow: param 'M' (2147483648) should not bigger than 2147483647"},
		{in: strings.Repeat("9", 30), err: "integer value out of range, key: 'M', value: '" + strings.Repeat("9", 30) + "'"},
	} {
		got, err := vecindex.Params{"M": c.in}.Int("M", 30, 2, 2048)
		if c.err != "" {
			var pe vecindex.ParamError
			require.ErrorAs(t, err, &pe)
			require.EqualError(t, err, c.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
	got, err := vecindex.Params{}.Int("M", 30, 2, 2048)
	require.NoError(t, err)
	require.Equal(t, 30, got)
}

func TestSearchInt(t *testing.T) {
	for _, c := range []struct{ in, err string }{
		{in: `{"ef": 64}`},
		{in: `{"ef": "64"}`},
		{in: `{"ef": -1}`, err: "Out of range in json: param 'ef' (-1) should be in range [1, 2147483647]"},
		{in: `{"ef": 32.0}`, err: "Type conflict in json: param 'ef' (32.0) should be integer"},
		{in: `{"ef": 1e3}`, err: "Type conflict in json: param 'ef' (1e3) should be integer"},
		{in: `{"ef": true}`, err: "Type conflict in json: param 'ef' (true) should be integer"},
		{in: `{"ef": null}`, err: "Type conflict in json: param 'ef' (null) should be integer"},
		{in: `{"ef": [32]}`, err: "Type conflict in json: param 'ef' ([32]) should be integer"},
		{in: `{"ef": {"a": 1}}`, err: `Type conflict in json: param 'ef' ({"a":1}) should be integer`},
		{in: `{"ef": "64.0"}`, err: "wrong data type in json, key: 'ef', value: '64.0'"},
		{in: `{"ef": 3000000000}`, err: "Arithmetic overflow: param 'ef' (3000000000) should not bigger than 2147483647"},
		{in: `{"ef": 99999999999999999999}`, err: "Arithmetic overflow: param 'ef' (99999999999999999999) should not bigger than 2147483647"},
	} {
		d := json.NewDecoder(strings.NewReader(c.in))
		d.UseNumber()
		var p map[string]any
		require.NoError(t, d.Decode(&p))
		got, given, err := vecindex.SearchInt(p, "ef", 1, vecindex.MaxInt)
		require.True(t, given)
		if c.err != "" {
			require.EqualError(t, err, c.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, 64, got)
	}
	_, given, err := vecindex.SearchInt(nil, "ef", 1, 10)
	require.NoError(t, err)
	require.False(t, given)
}

func TestMetricNames(t *testing.T) {
	for _, m := range metrics {
		got, err := vecindex.ParseMetric(strings.ToLower(m.String()))
		require.NoError(t, err)
		require.Equal(t, m, got)
	}
	_, err := vecindex.ParseMetric("HAMMING")
	require.EqualError(t, err, "float vector index does not support metric type: HAMMING")
	require.True(t, vecindex.L2.Better(1, 2))
	require.True(t, vecindex.IP.Better(2, 1))
}

func TestResolve(t *testing.T) {
	for _, name := range []string{"", "AUTOINDEX", "autoindex"} {
		kind, p := vecindex.Resolve(name)
		require.Equal(t, "HNSW", kind)
		require.Equal(t, vecindex.Params{"M": "18", "efConstruction": "240"}, p)
	}
	kind, p := vecindex.Resolve("flat")
	require.Equal(t, "FLAT", kind)
	require.Nil(t, p)
}
