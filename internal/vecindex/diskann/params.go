package diskann

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"

	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/pq"
)

// Defaults of the build parameters are those of Milvus.
const (
	maxDegree, defaultDegree = 2048, 56
	maxList, defaultList     = 1 << 16, 100
	defaultCodes             = 0.125 // bytes of codes for each of vectors
	defaultCache             = 0.1   // bytes of cached blocks for each of vectors
)

// params are the build parameters.
type params struct {
	degree int // neighbours of a node, at most
	list   int // candidates of an insertion
	codes  budget
	cache  budget
}

// budget is an amount of memory: gigabytes, or a share of that of the vectors.
type budget struct{ gigabytes, ratio float64 }

// bytes returns the budget for vectors of raw bytes.
func (b budget) bytes(raw int64) int64 {
	if b.gigabytes > 0 {
		return int64(min(b.gigabytes*(1<<30), 1<<62))
	}
	return int64(min(b.ratio*float64(raw), 1<<62))
}

// parse reads the build parameters. Milvus takes whatever it is given here: what
// is no number, or negative, is the default, and what is too large the largest.
func parse(p vecindex.Params) params {
	par := params{
		degree: int(min(number(p, "max_degree", defaultDegree), maxDegree)),
		list:   int(min(number(p, "search_list_size", defaultList), maxList)),
		codes:  budget{number(p, "pq_code_budget_gb", 0), number(p, "pq_code_budget_gb_ratio", defaultCodes)},
		cache:  budget{number(p, "search_cache_budget_gb", 0), number(p, "search_cache_budget_gb_ratio", defaultCache)},
	}
	if par.codes.ratio == 0 {
		par.codes.ratio = defaultCodes
	}
	par.degree, par.list = max(par.degree, minDegree), max(par.list, par.degree, minDegree)
	return par
}

// minDegree is what keeps a graph together.
const minDegree = 8

func number(p vecindex.Params, key string, def float64) float64 {
	v, err := strconv.ParseFloat(p[key], 64)
	if err != nil || !(v >= 0) || math.IsInf(v, 1) {
		return def
	}
	return v
}

// subVector returns how many elements of a vector of dim a code stands for, when
// all codes of n vectors are to fit the budget.
func (par params) subVector(dim, n int) int {
	each := par.codes.bytes(4*int64(dim)*int64(n)) / int64(max(n, 1))
	each = min(max(each, 1), int64(dim))
	return int((int64(dim) + each - 1) / each)
}

// bitsFor returns the bits of codes of so many nodes: there are no more codes
// than nodes.
func bitsFor(nodes int) int {
	return min(max(bits.Len(uint(nodes))-1, 1), pq.MaxBits)
}

const (
	maxBeam, defaultBeam = 128, 8
	defaultSearchList    = 100
	leastScanFrom        = 1e-9 // any share at all
)

// checkSearch reads the search parameters.
func checkSearch(p map[string]any, k int) (vecindex.SearchParams, error) {
	sp := vecindex.SearchParams{List: max(k, defaultSearchList), Beam: defaultBeam}
	const key = "search_list_size"
	if v, ok := p["search_list"]; ok && p[key] == nil {
		p = map[string]any{key: v, "beamwidth": p["beamwidth"], "filter_threshold": p["filter_threshold"]}
	}
	list, given, err := vecindex.SearchInt(p, key, 1, vecindex.MaxInt)
	if err == nil && given && list < k {
		err = vecindex.ParamError(fmt.Sprintf("search_list_size(%d) should be larger than k(%d)", list, k))
	}
	if err != nil {
		return sp, err
	}
	if given {
		sp.List = list
	}
	if p["beamwidth"] != nil {
		if sp.Beam, _, err = vecindex.SearchInt(p, "beamwidth", 1, maxBeam); err != nil {
			return sp, err
		}
	}
	if p["filter_threshold"] != nil {
		share, _, err := vecindex.SearchFloat(p, "filter_threshold", -1, 1)
		if err != nil {
			return sp, err
		}
		if share >= 0 {
			sp.ScanFrom = max(share, leastScanFrom)
		}
	}
	return sp, nil
}
