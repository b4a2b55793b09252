package minhash_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/minhash"
)

func TestBuildParams(t *testing.T) {
	const shapeText = "should be multiples of 8, and an element should not be larger than a vector"
	for _, c := range []struct {
		key, value, err string
	}{
		{"", "", ""},
		{"unknown", "x", ""},
		{"mh_lsh_band", "0", ""},
		{"mh_lsh_band", "1000", ""},
		{"mh_lsh_band", "-1", "Out of range in json: param 'mh_lsh_band' (-1) should be in range [0, 2147483647]"},
		{"mh_lsh_band", "8.0", "wrong data type in json, key: 'mh_lsh_band', value: '8.0'"},
		{"mh_lsh_band", "x", "invalid integer value, key: 'mh_lsh_band', value: 'x'"},
		{"mh_element_bit_width", "32", ""},
		{"mh_element_bit_width", "7", "Out of range in json: param 'mh_element_bit_width' (7) should be in range [8, 256]"},
		{"mh_element_bit_width", "264", "Out of range in json: param 'mh_element_bit_width' (264) should be in range [8, 256]"},
		{"mh_element_bit_width", "12", "the dimension (128) and mh_element_bit_width (12) " + shapeText},
		{"mh_element_bit_width", "136", "the dimension (128) and mh_element_bit_width (136) " + shapeText},
		{"mh_lsh_aligned_block_size", "4096", ""},
		{"mh_lsh_aligned_block_size", "4095", "Out of range in json: param 'mh_lsh_aligned_block_size' (4095) should be in range [4096, 2147483647]"},
		{"with_raw_data", "True", ""},
		{"with_raw_data", "yes", "Type conflict in json: param 'with_raw_data' (\"yes\") should be a boolean"},
		{"mh_lsh_code_in_mem", "false", ""},
		{"mh_lsh_code_in_mem", "1", "Type conflict in json: param 'mh_lsh_code_in_mem' (\"1\") should be a boolean"},
		{"mh_lsh_shared_bloom_filter", "", "Type conflict in json: param 'mh_lsh_shared_bloom_filter' (\"\") should be a boolean"},
		{"mh_lsh_bloom_false_positive_prob", "0.01", ""},
		{"mh_lsh_bloom_false_positive_prob", "1.5", "Out of range in json: param 'mh_lsh_bloom_false_positive_prob' (1.5) should be in range [0.000000, 1.000000]"},
		{"mh_lsh_bloom_false_positive_prob", "x", "invalid float value, key: 'mh_lsh_bloom_false_positive_prob', value: 'x'"},
	} {
		err := minhash.Kind().Check(vecindex.Params{c.key: c.value}, 128, vecindex.MHJaccard)
		if c.err == "" {
			require.NoError(t, err, "%s %s", c.key, c.value)
			continue
		}
		var pe vecindex.ParamError
		require.ErrorAs(t, err, &pe)
		require.EqualError(t, err, c.err)
	}
	require.EqualError(t, minhash.Kind().Check(nil, 128, vecindex.L2), "metric type L2 not found or not supported, supported: [MHJACCARD]")
	require.Error(t, minhash.Kind().Check(nil, 12, vecindex.MHJaccard))
	require.Error(t, minhash.Kind().Check(nil, 0, vecindex.MHJaccard))
}

func TestSearchParams(t *testing.T) {
	for _, c := range []struct {
		p          map[string]any
		jaccard    bool
		candidates int
		err        string
	}{
		{},
		{p: map[string]any{"mh_search_with_jaccard": true, "anything": 1}, jaccard: true},
		{p: map[string]any{"mh_search_with_jaccard": "True"}, jaccard: true},
		{p: map[string]any{"mh_search_with_jaccard": false, "mh_lsh_batch_search": true}},
		{p: map[string]any{"refine_k": 1}, candidates: 10},
		{p: map[string]any{"refine_k": "50"}, candidates: 50},
		{p: map[string]any{"refine_k": 0}, err: "Out of range in json: param 'refine_k' (0) should be in range [1, 2147483647]"},
		{p: map[string]any{"refine_k": json.Number("2.5")}, err: "Type conflict in json: param 'refine_k' (2.5) should be integer"},
		{p: map[string]any{"mh_search_with_jaccard": json.Number("1")}, err: "Type conflict in json: param 'mh_search_with_jaccard' (1) should be a boolean"},
		{p: map[string]any{"mh_search_with_jaccard": nil}, err: "Type conflict in json: param 'mh_search_with_jaccard' (null) should be a boolean"},
		{p: map[string]any{"mh_lsh_batch_search": "maybe"}, err: "Type conflict in json: param 'mh_lsh_batch_search' (\"maybe\") should be a boolean"},
	} {
		got, err := minhash.Kind().CheckSearch(c.p, 10)
		if c.err != "" {
			var pe vecindex.ParamError
			require.ErrorAs(t, err, &pe)
			require.EqualError(t, err, c.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, vecindex.SearchParams{Candidates: c.candidates, MinHash: vecindex.MinHashParams{Jaccard: c.jaccard}}, got)
	}
}
