package minhash

import (
	"encoding/json"
	"fmt"

	"github.com/redkite-db/redkite/internal/vecindex"
)

// Ranges and defaults of the parameters are those of Milvus.
const (
	minWidth, maxWidth, defaultWidth = 8, 256, 8 // bits of an element
	defaultBands                     = 1
	minBlock                         = 4096
)

// params are the build parameters that make a difference.
type params struct {
	width    int // bytes of an element
	elements int // of a row
	bands    int // runs of elements/bands elements; elements that remain belong to none
}

// bandBytes is the number of bytes of a row that are in one band.
func (p *params) bandBytes() int { return p.elements / p.bands * p.width }

// parse reads the build parameters. Those that say where Milvus keeps the hashes
// and how large its Bloom filter is are checked and have no effect: a table is
// mapped and needs no filter. Nor has with_raw_data: the rows are at hand.
func parse(p vecindex.Params, dim int, m vecindex.Metric) (params, error) {
	var par params
	if m != vecindex.MHJaccard {
		return par, vecindex.ParamError(fmt.Sprintf("metric type %v not found or not supported, supported: [MHJACCARD]", m))
	}
	bits, err := p.Int("mh_element_bit_width", defaultWidth, minWidth, maxWidth)
	if err != nil {
		return par, err
	}
	if dim%8 != 0 || bits%8 != 0 || bits > dim {
		return par, vecindex.ParamError(fmt.Sprintf(
			"the dimension (%d) and mh_element_bit_width (%d) should be multiples of 8, and an element should not be larger than a vector", dim, bits))
	}
	par.width, par.elements = bits/8, dim/bits
	bands, err := p.Int("mh_lsh_band", defaultBands, 0, vecindex.MaxInt)
	if err != nil {
		return par, err
	}
	par.bands = min(max(bands, 1), par.elements)
	if _, err := p.Int("mh_lsh_aligned_block_size", minBlock, minBlock, vecindex.MaxInt); err != nil {
		return par, err
	}
	for _, key := range []string{"with_raw_data", "mh_lsh_code_in_mem", "mh_lsh_shared_bloom_filter"} {
		if _, err := p.Bool(key, false); err != nil {
			return par, err
		}
	}
	_, _, err = p.Float("mh_lsh_bloom_false_positive_prob", 0, 1, false)
	return par, err
}

// checkSearch reads the search parameters.
func checkSearch(p map[string]any, k int) (vecindex.SearchParams, error) {
	var sp vecindex.SearchParams
	jaccard, err := searchBool(p, "mh_search_with_jaccard")
	if err != nil {
		return sp, err
	}
	sp.MinHash.Jaccard = jaccard
	if _, err := searchBool(p, "mh_lsh_batch_search"); err != nil {
		return sp, err
	}
	n, given, err := vecindex.SearchInt(p, "refine_k", 1, vecindex.MaxInt)
	if given {
		sp.Candidates = max(n, k)
	}
	return sp, err
}

// searchBool returns a search parameter of decoded JSON, false when it is not
// given. A string is read as a build parameter is.
func searchBool(p map[string]any, key string) (bool, error) {
	switch x := p[key].(type) {
	case bool:
		return x, nil
	case string:
		return vecindex.Params{key: x}.Bool(key, false)
	case nil:
		if _, given := p[key]; !given {
			return false, nil
		}
	}
	text, err := json.Marshal(p[key])
	if err != nil {
		text = fmt.Append(nil, p[key])
	}
	return false, vecindex.ParamError(fmt.Sprintf("Type conflict in json: param '%s' (%s) should be a boolean", key, text))
}
