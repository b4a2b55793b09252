package sparse

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/redkite-db/redkite/internal/vecindex"
)

// algorithms are the names that Milvus has for ways to the same answers. There
// is one engine here, which serves all of them.
func algorithms() []string {
	return []string{"TAAT_NAIVE", "DAAT_WAND", "DAAT_MAXSCORE", "BLOCK_MAX_MAXSCORE", "BLOCK_MAX_WAND", "SINDI"}
}

// Ranges of the parameters are those of Milvus.
const (
	defaultAlgorithm          = "DAAT_MAXSCORE"
	maxK1                     = 3
	minScoreRatio             = 0.5
	maxScoreRatio             = 1.3
	minSINDIWindow            = 1024
	maxSINDIWindow            = 65535
	maxB                      = 1
	inherit                   = "INHERIT"
	algorithmKey, searchAlgo  = "inverted_index_algo", "search_algo"
	keyK1, keyB, keyAvgDL     = "bm25_k1", "bm25_b", "bm25_avgdl"
	keyDropBuild, keyDrop     = "drop_ratio_build", "drop_ratio_search"
	keyMaxScore, keyQuantType = "dim_max_score_ratio", "quant_type"
)

// params are the build parameters that make a difference.
type params struct {
	k1, b, avgdl float64 // BM25
	// free says that a search may name another k1 and b than the build.
	free bool
}

// parse reads the build parameters.
func parse(p vecindex.Params, m vecindex.Metric) (params, error) {
	var par params
	if m != vecindex.IP && m != vecindex.BM25 {
		return par, vecindex.ParamError("only IP&BM25 is the supported metric type for sparse index")
	}
	algo, err := oneOf(p, algorithmKey, defaultAlgorithm, strings.ToUpper, algorithms()...)
	if err != nil {
		return par, err
	}
	par.free = algo == "TAAT_NAIVE" || algo == "SINDI"
	if _, err := oneOf(p, "inverted_index_codec", "block_streamvbyte", same, "block_streamvbyte", "block_maskedvbyte", "block_adaptive"); err != nil {
		return par, err
	}
	types := []string{"fp16", "fp32"}
	if m == vecindex.BM25 {
		types = []string{"u16", "u32"}
	}
	if _, err := oneOf(p, keyQuantType, types[1], same, types...); err != nil {
		return par, err
	}
	if _, err := p.Int("block_max_block_size", 128, 1, vecindex.MaxInt); err != nil {
		return par, err
	}
	if _, err := p.Int("sindi_window_size", maxSINDIWindow, minSINDIWindow, maxSINDIWindow); err != nil {
		return par, err
	}
	if _, _, err := p.Float(keyDropBuild, 0, 1, true); err != nil {
		return par, err
	}
	for _, f := range []struct {
		key  string
		high float64
		to   *float64
	}{{keyK1, maxK1, &par.k1}, {keyB, maxB, &par.b}, {keyAvgDL, vecindex.MaxFloat, &par.avgdl}} {
		v, given, err := p.Float(f.key, 0, f.high, false)
		if err == nil && !given && m == vecindex.BM25 {
			err = vecindex.ParamError(fmt.Sprintf("param '%s' not exist in json", f.key))
		}
		if err != nil {
			return par, err
		}
		*f.to = v
	}
	if m != vecindex.BM25 {
		par.k1, par.b, par.avgdl = 0, 0, 0
		return par, nil
	}
	par.avgdl = max(par.avgdl, 1)
	return par, nil
}

func same(s string) string { return s }

// oneOf returns a build parameter that is a name, as fold makes it.
func oneOf(p vecindex.Params, key, def string, fold func(string) string, names ...string) (string, error) {
	given, ok := p[key]
	if !ok {
		return def, nil
	}
	if !slices.Contains(names, fold(given)) {
		return "", unknown(key, given, names)
	}
	return fold(given), nil
}

func unknown(key, name string, names []string) error {
	return vecindex.ParamError(fmt.Sprintf("%s %s not found or not supported, supported: [%s]", key, name, strings.Join(names, " ")))
}

// checkSearch reads the search parameters.
func checkSearch(p map[string]any, _ int) (vecindex.SearchParams, error) {
	var sp vecindex.SearchParams
	drop, _, err := vecindex.SearchFloatBelow(p, keyDrop, 0, 1)
	if err != nil {
		return sp, err
	}
	sp.Sparse.DropRatio = drop
	ratio, _, err := vecindex.SearchFloat(p, keyMaxScore, minScoreRatio, maxScoreRatio)
	if err != nil {
		return sp, err
	}
	sp.Sparse.MaxScore = ratio
	if err := checkSearchAlgo(p); err != nil {
		return sp, err
	}
	k1, given, err := vecindex.SearchFloat(p, keyK1, 0, maxK1)
	if err != nil {
		return sp, err
	}
	if given {
		sp.Sparse.BM25.K1 = &k1
	}
	b, given, err := vecindex.SearchFloat(p, keyB, 0, maxB)
	if err != nil {
		return sp, err
	}
	if given {
		sp.Sparse.BM25.B = &b
	}
	avgdl, given, err := vecindex.SearchFloat(p, keyAvgDL, 0, vecindex.MaxFloat)
	if given {
		sp.Sparse.BM25.AvgDL = max(avgdl, 1)
	}
	return sp, err
}

func checkSearchAlgo(p map[string]any) error {
	x, given := p[searchAlgo]
	if !given {
		return nil
	}
	name, ok := x.(string)
	if !ok {
		text, err := json.Marshal(x)
		if err != nil {
			text = fmt.Append(nil, x)
		}
		return vecindex.ParamError(fmt.Sprintf("Type conflict in json: param '%s' (%s) should be a string", searchAlgo, text))
	}
	if names := append([]string{inherit}, algorithms()...); !slices.Contains(names, name) {
		return unknown(searchAlgo, name, names)
	}
	return nil
}

// rule is the formula of BM25 with numbers in place of its parameters: a count
// tf in a row of length len is worth tf*factor / (tf + base + slope*len).
type rule struct{ factor, base, slope float64 }

func newRule(k1, b, avgdl float64) rule {
	return rule{factor: k1 + 1, base: k1 * (1 - b), slope: k1 * b / avgdl}
}

// worth is what a count is worth.
func (r rule) worth(tf, length float64) float64 {
	return tf * r.factor / (tf + r.base + r.slope*length)
}

// growth returns by how much a count may be worth more by rule r than by s, as
// a factor, among counts of at least tf and rows of a length in [low, high]. The
// quotient of two worths, r.factor/s.factor * (tf + S)/(tf + R), is monotonous in
// tf and, R and S being linear in the length, in the length: it is largest at an
// end. For tf without bound it is r.factor/s.factor.
func (r rule) growth(s rule, tf, low, high float64) float64 {
	most := 1.0
	for _, length := range []float64{low, high} {
		most = math.Max(most, (tf+s.base+s.slope*length)/(tf+r.base+r.slope*length))
	}
	return most * r.factor / s.factor
}
