package sparse

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

const supportedAlgorithms = "not found or not supported, supported: [TAAT_NAIVE DAAT_WAND DAAT_MAXSCORE BLOCK_MAX_MAXSCORE BLOCK_MAX_WAND SINDI]"

func TestBuildParams(t *testing.T) {
	bm25 := func(kv ...string) vecindex.Params {
		p := vecindex.Params{"bm25_k1": "1.2", "bm25_b": "0.75", "bm25_avgdl": "100"}
		for i := 0; i < len(kv); i += 2 {
			p[kv[i]] = kv[i+1]
		}
		return p
	}
	for _, c := range []struct {
		metric vecindex.Metric
		params vecindex.Params
		want   string // error, or empty
	}{
		{vecindex.IP, nil, ""},
		{vecindex.IP, vecindex.Params{"inverted_index_algo": "daat_wand", "unknown": "x"}, ""},
		{vecindex.IP, vecindex.Params{"inverted_index_algo": "BMP"}, "inverted_index_algo BMP " + supportedAlgorithms},
		{vecindex.IP, vecindex.Params{"inverted_index_algo": ""}, "inverted_index_algo  " + supportedAlgorithms},
		{vecindex.IP, vecindex.Params{"inverted_index_codec": "block_adaptive"}, ""},
		{vecindex.IP, vecindex.Params{"inverted_index_codec": "Block_adaptive"}, "inverted_index_codec Block_adaptive not found or not supported, supported: [block_streamvbyte block_maskedvbyte block_adaptive]"},
		{vecindex.IP, vecindex.Params{"quant_type": "fp16"}, ""},
		{vecindex.IP, vecindex.Params{"quant_type": "u16"}, "quant_type u16 not found or not supported, supported: [fp16 fp32]"},
		{vecindex.BM25, bm25("quant_type", "u16"), ""},
		{vecindex.IP, vecindex.Params{"block_max_block_size": "0"}, "Out of range in json: param 'block_max_block_size' (0) should be in range [1, 2147483647]"},
		{vecindex.IP, vecindex.Params{"block_max_block_size": "16.0"}, "wrong data type in json, key: 'block_max_block_size', value: '16.0'"},
		{vecindex.IP, vecindex.Params{"sindi_window_size": "1023"}, "Out of range in json: param 'sindi_window_size' (1023) should be in range [1024, 65535]"},
		{vecindex.IP, vecindex.Params{"drop_ratio_build": "0.99"}, ""},
		{vecindex.IP, vecindex.Params{"drop_ratio_build": "1"}, "Out of range in json: param 'drop_ratio_build' (1.0) should be in range [0.000000, 1.000000)"},
		{vecindex.IP, vecindex.Params{"drop_ratio_build": "-0.1"}, "Out of range in json: param 'drop_ratio_build' (-0.1) should be in range [0.000000, 1.000000)"},
		{vecindex.IP, vecindex.Params{"drop_ratio_build": "0.3 "}, ""},
		{vecindex.IP, vecindex.Params{"drop_ratio_build": "x"}, "invalid float value, key: 'drop_ratio_build', value: 'x'"},
		{vecindex.IP, vecindex.Params{"bm25_k1": "4"}, "Out of range in json: param 'bm25_k1' (4.0) should be in range [0.000000, 3.000000]"},
		{vecindex.BM25, bm25(), ""},
		{vecindex.BM25, bm25("bm25_b", "1"), ""},
		{vecindex.BM25, bm25("bm25_b", "1.1"), "Out of range in json: param 'bm25_b' (1.1) should be in range [0.000000, 1.000000]"},
		{vecindex.BM25, bm25("bm25_avgdl", "-1"), "Out of range in json: param 'bm25_avgdl' (-1.0) should be in range [0.000000, 340282346638528859811704183484516925440.000000]"},
		{vecindex.BM25, nil, "param 'bm25_k1' not exist in json"},
		{vecindex.BM25, vecindex.Params{"bm25_k1": "1", "bm25_avgdl": "1"}, "param 'bm25_b' not exist in json"},
		{vecindex.BM25, vecindex.Params{"bm25_k1": "1", "bm25_b": "1"}, "param 'bm25_avgdl' not exist in json"},
		{vecindex.L2, nil, "only IP&BM25 is the supported metric type for sparse index"},
	} {
		for _, kind := range Kinds(vec.Detect()) {
			err := kind.Check(c.params, 0, c.metric)
			if c.want == "" {
				require.NoError(t, err, "%v", c.params)
				continue
			}
			var pe vecindex.ParamError
			require.ErrorAs(t, err, &pe, "%v", c.params)
			require.Equal(t, c.want, err.Error())
		}
	}
}

func TestSearchParams(t *testing.T) {
	for _, c := range []struct {
		params string
		want   string // error, or empty
	}{
		{`{}`, ""},
		{`{"drop_ratio_search": 0.9, "dim_max_score_ratio": 1.3, "search_algo": "INHERIT", "unknown": []}`, ""},
		{`{"drop_ratio_search": "0.5"}`, ""},
		{`{"drop_ratio_search": 1}`, "Out of range in json: param 'drop_ratio_search' (1) should be in range [0.000000, 1.000000)"},
		{`{"drop_ratio_search": true}`, "Type conflict in json: param 'drop_ratio_search' (true) should be a number"},
		{`{"dim_max_score_ratio": 0.4}`, "Out of range in json: param 'dim_max_score_ratio' (0.4) should be in range [0.500000, 1.300000]"},
		{`{"search_algo": "SINDI"}`, ""},
		{`{"search_algo": "inherit"}`, "search_algo inherit not found or not supported, supported: [INHERIT TAAT_NAIVE DAAT_WAND DAAT_MAXSCORE BLOCK_MAX_MAXSCORE BLOCK_MAX_WAND SINDI]"},
		{`{"search_algo": 3}`, "Type conflict in json: param 'search_algo' (3) should be a string"},
		{`{"bm25_k1": 3.5}`, "Out of range in json: param 'bm25_k1' (3.5) should be in range [0.000000, 3.000000]"},
		{`{"bm25_b": "x"}`, "invalid float value, key: 'bm25_b', value: 'x'"},
		{`{"bm25_avgdl": null}`, "Type conflict in json: param 'bm25_avgdl' (null) should be a number"},
	} {
		var p map[string]any
		dec := json.NewDecoder(strings.NewReader(c.params))
		dec.UseNumber()
		require.NoError(t, dec.Decode(&p))
		_, err := checkSearch(p, 10)
		if c.want == "" {
			require.NoError(t, err, c.params)
			continue
		}
		var pe vecindex.ParamError
		require.ErrorAs(t, err, &pe, c.params)
		require.Equal(t, c.want, err.Error())
	}
	sp, err := checkSearch(map[string]any{"drop_ratio_search": 0.25, "bm25_k1": 0.0, "bm25_avgdl": 0.5}, 10)
	require.NoError(t, err)
	require.Equal(t, 0.25, sp.Sparse.DropRatio)
	require.Zero(t, *sp.Sparse.BM25.K1)
	require.Nil(t, sp.Sparse.BM25.B)
	require.EqualValues(t, 1, sp.Sparse.BM25.AvgDL)
}

// TestBM25OfSearch: what a search may say of k1, b and avgdl.
func TestBM25OfSearch(t *testing.T) {
	src := shape{rows: 100, dims: 10, terms: 5, counts: true}.random(rand.New(rand.NewPCG(1, 1)))
	for _, algo := range algorithms() {
		x := build(t, src, vecindex.BM25, algo, vecindex.BuildOptions{})
		k1, b, other := 1.2, 0.75, 0.5
		ask := func(p vecindex.BM25Params) error {
			q := vecindex.Query{K: 3, Allowed: -1, Sparse: vecindex.SparseVector{Dims: []uint32{1}, Values: []float32{1}}}
			q.Params.Sparse.BM25 = p
			_, err := x.Search(t.Context(), &q, nil)
			return err
		}
		require.NoError(t, ask(vecindex.BM25Params{AvgDL: 7}))
		require.NoError(t, ask(vecindex.BM25Params{K1: &k1, B: &b, AvgDL: 7}))
		require.EqualError(t, ask(vecindex.BM25Params{K1: &k1, B: &b}), "BM25 parameter avgdl must be set when searching")
		for _, p := range []vecindex.BM25Params{{K1: &other, AvgDL: 7}, {B: &other, AvgDL: 7}} {
			if algo == "TAAT_NAIVE" || algo == "SINDI" {
				require.NoError(t, ask(p))
			} else {
				require.EqualError(t, ask(p), "BM25 parameters k1 and b in search config must be same as built index")
			}
		}
		require.NoError(t, x.Close())
	}
}
