package ivf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redkite-db/redkite/internal/vecindex"
)

// Ranges and defaults of the parameters are those of Milvus.
const (
	maxLists, defaultLists   = 65536, 128
	maxProbe, defaultProbe   = 65536, 8
	maxM                     = 65536
	maxBits, defaultBits     = 24, 8
	maxSubDim, defaultSubDim = 65536, 2
	maxCodeBits              = 9
	maxQueryBits             = 8
	minRowsPerList           = 39 // with fewer there are fewer lists
)

// params are the build parameters.
type params struct {
	lists int
	m     int // PQ, SCANN: sub-vectors
	bits  int // PQ, SCANN: of the code of a sub-vector
}

// parse reads the build parameters of vectors of dim elements.
func (c coding) parse(p vecindex.Params, dim int) (params, error) {
	lists, err := p.Int("nlist", defaultLists, 1, maxLists)
	if err != nil {
		return params{}, err
	}
	par := params{lists: lists}
	switch c {
	case codingSQ:
		err = checkSQ(p)
	case codingPQ:
		err = par.parsePQ(p, dim)
	case codingRaBitQ:
		err = checkRaBitQ(p)
	case codingScann:
		err = par.parseScann(p, dim)
	}
	switch {
	case err != nil:
	case c == codingFast:
		err = checkRefine(p, "fp32", "flat")
	case c != codingFlat && c != codingScann:
		err = checkRefine(p, "sq6", "sq8", "fp16", "bf16", "fp32", "flat")
	}
	return par, err
}

// checkSQ accepts the narrower codes too: they are held as bytes.
func checkSQ(p vecindex.Params) error {
	switch name := p["sq_type"]; strings.ToLower(name) {
	case "", "sq4", "sq6", "sq8":
		return nil
	default:
		return vecindex.ParamError(fmt.Sprintf("invalid sq_type : %s, optional types are [sq4, sq6, sq8]", name))
	}
}

func (par *params) parsePQ(p vecindex.Params, dim int) (err error) {
	if _, given := p["m"]; !given {
		return vecindex.ParamError("param 'm' not exist in json")
	}
	if par.m, err = p.Int("m", 0, 1, maxM); err != nil {
		return err
	}
	if dim%par.m != 0 {
		return vecindex.ParamError(fmt.Sprintf("The dimension of a vector (dim) should be a multiple of the number of subquantizers (m). Dimension: %d, m: %d", dim, par.m))
	}
	if par.bits, err = p.Int("nbits", defaultBits, 1, maxBits); err != nil {
		return err
	}
	if par.bits > defaultBits {
		return vecindex.ParamError(fmt.Sprintf("nbits %d of IVF_PQ is not supported by this version, the largest is %d", par.bits, defaultBits))
	}
	return nil
}

func checkRaBitQ(p vecindex.Params) error {
	bits, err := p.Int("rbq_bits", 1, 1, maxCodeBits)
	if err == nil && bits > 1 {
		err = vecindex.ParamError(fmt.Sprintf("rbq_bits %d of IVF_RABITQ is not supported by this version, only 1 is", bits))
	}
	return err
}

func (par *params) parseScann(p vecindex.Params, dim int) error {
	sub, err := p.Int("sub_dim", defaultSubDim, 1, maxSubDim)
	if err != nil {
		return err
	}
	if dim%sub != 0 {
		return vecindex.ParamError(fmt.Sprintf("The dimension of a vector (dim) should be a multiple of sub_dim. Dimension: %d, sub_dim: %d", dim, sub))
	}
	par.m, par.bits = dim/sub, scannBits
	_, err = p.Bool("with_raw_data", true)
	return err
}

// scannBits is the size of SCANN's codes.
const scannBits = 4

// checkRefine checks how candidates are to be refined; it is by the vectors
// themselves, whichever of the types is given.
func checkRefine(p vecindex.Params, types ...string) error {
	if _, err := p.Bool("refine", false); err != nil {
		return err
	}
	name, given := p["refine_type"]
	if !given || slices.Contains(types, strings.ToLower(name)) {
		return nil
	}
	return vecindex.ParamError(fmt.Sprintf("invalid refine type : %s, optional types are [%s]", name, strings.Join(types, ", ")))
}

// listsFor returns the number of lists for so many nodes.
func (par params) listsFor(nodes int) int {
	return max(1, min(par.lists, nodes/minRowsPerList))
}

// bitsFor returns the bits of the codes of IVF_PQ for so many nodes: there are
// no more codes than nodes.
func (par params) bitsFor(nodes int) int {
	for _, b := range []int{par.bits, 8, 4, 2} {
		if b <= par.bits && nodes >= 1<<b {
			return b
		}
	}
	return 1
}

// checkSearch reads the search parameters.
func (c coding) checkSearch(p map[string]any, k int) (vecindex.SearchParams, error) {
	sp := vecindex.SearchParams{NProbe: defaultProbe}
	probe, given, err := vecindex.SearchInt(p, "nprobe", 1, maxProbe)
	if err != nil {
		return sp, err
	}
	if given {
		sp.NProbe = probe
	}
	switch c {
	case codingFlat:
		return sp, nil
	case codingScann:
		reorder, given, err := vecindex.SearchInt(p, "reorder_k", 1, vecindex.MaxInt)
		if err == nil && given && reorder < k {
			err = vecindex.ParamError(fmt.Sprintf("reorder_k(%d) should be larger than k(%d)", reorder, k))
		}
		sp.Candidates = reorder
		return sp, err
	case codingRaBitQ, codingFast:
		// Queries are never rounded to fewer bits than their sums have.
		most := maxQueryBits
		if c == codingFast {
			most = 0
		}
		if _, _, err := vecindex.SearchInt(p, "rbq_bits_query", 0, most); err != nil {
			return sp, err
		}
	}
	refine, given, err := vecindex.SearchFloat(p, "refine_k", 1, vecindex.MaxFloat)
	if given {
		sp.Candidates = int(min(float64(k)*refine, vecindex.MaxInt))
	}
	return sp, err
}
