package hnsw

import (
	"fmt"
	"strings"

	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/pq"
)

// Ranges and defaults of the parameters are those of Milvus, except for the
// default of ef, which is larger.
const (
	minM, maxM, defaultM = 2, 2048, 30
	defaultEfC           = 360
	minDefaultEf         = 64
	maxParts             = 65536
	maxBits, defaultBits = 24, 8
	maxRounds            = 16
)

// family says which of the kinds that share the graph one is.
type family uint8

const (
	plain    family = iota // HNSW
	scalar                 // HNSW_SQ
	product                // HNSW_PQ
	residual               // HNSW_PRQ
)

// String returns the name of the kind.
func (f family) String() string {
	return [...]string{"HNSW", "HNSW_SQ", "HNSW_PQ", "HNSW_PRQ"}[f]
}

// params are the build parameters.
type params struct {
	m   int // neighbours a new node chooses; length of a list above level 0
	efc int // size of the candidate list of an insertion
	// codes is what searches walk on, as far as parameters say it; codesNone
	// leaves it to the build: bytes, where they serve.
	codes codesHeader
}

// takes reports whether there are graphs of vectors of an element by a metric, with
// codes.
func takes(e vecindex.Element, m vecindex.Metric, codes uint32) bool {
	switch e {
	case vecindex.Binary:
		return codes == codesNone && (m == vecindex.Hamming || m == vecindex.Jaccard)
	case vecindex.Float32, vecindex.Float16, vecindex.BFloat16, vecindex.Int8:
		return m.Measures(e)
	default:
		return false
	}
}

// checkMetric checks the metric of a build, as far as the element does not matter.
func (f family) checkMetric(m vecindex.Metric) error {
	if f == plain {
		return vecindex.CheckMetric(m, vecindex.L2, vecindex.IP, vecindex.Cosine, vecindex.Hamming, vecindex.Jaccard)
	}
	return vecindex.CheckMetric(m, vecindex.L2, vecindex.IP, vecindex.Cosine)
}

// m0 is the length of a list in level 0.
func (par params) m0() int { return 2 * par.m }

// parse reads the build parameters of vectors of dim elements.
func (f family) parse(p vecindex.Params, dim int) (params, error) {
	m, err := p.Int("M", defaultM, minM, maxM)
	if err != nil {
		return params{}, err
	}
	efc, err := p.Int("efConstruction", defaultEfC, 1, vecindex.MaxInt)
	if err != nil {
		return params{}, err
	}
	par := params{m: m, efc: efc}
	refine, err := p.Bool("refine", false)
	if err != nil {
		return params{}, err
	}
	switch f {
	case plain:
		if _, given := p["refine_type"]; given || refine {
			err = vecindex.ParamError("refine is not supported for this index")
		}
		return par, err
	case scalar:
		err = par.parseScalar(p)
	default:
		err = par.parseProduct(f, p, dim)
	}
	if err == nil {
		err = checkRefineType(p)
	}
	return par, err
}

func (par *params) parseScalar(p vecindex.Params) error {
	switch strings.ToLower(p["sq_type"]) {
	case "sq4u":
		par.codes.kind = codesPacked4
	case "sq6":
		par.codes.kind = codesPacked6
	case "fp16":
		par.codes.kind = codesHalf
	case "bf16":
		par.codes.kind = codesBrain
	case "sq8":
	default:
		if _, given := p["sq_type"]; given {
			return vecindex.ParamError("invalid scalar quantizer type")
		}
	}
	return nil
}

// parseProduct reads the parameters of product codes. A code has no more than 8
// bits, whatever nbits says.
func (par *params) parseProduct(f family, p vecindex.Params, dim int) error {
	parts, rounds := 32, 1
	if f == residual {
		parts, rounds = 2, 2
	}
	parts, err := p.Int("m", parts, 1, maxParts)
	if err != nil {
		return err
	}
	bits, err := p.Int("nbits", defaultBits, 1, maxBits)
	if err != nil {
		return err
	}
	if f == residual {
		if rounds, err = p.Int("nrq", rounds, 1, maxRounds); err != nil {
			return err
		}
	}
	if dim%parts != 0 {
		return vecindex.ParamError(fmt.Sprintf("The dimension of the vector (dim) should be a multiple of the number of subquantizers (m). Dimension: %d, m: %d", dim, parts))
	}
	par.codes = codesHeader{kind: codesProduct, m: uint32(parts), bits: uint32(min(bits, pq.MaxBits)), rounds: uint32(rounds)}
	return nil
}

// checkRefineType checks how candidates are to be refined; it is by the vectors
// themselves, whatever the type.
func checkRefineType(p vecindex.Params) error {
	name, given := p["refine_type"]
	switch strings.ToLower(name) {
	case "sq4u", "sq6", "sq8", "fp16", "bf16", "fp32", "flat":
		return nil
	}
	if !given {
		return nil
	}
	return vecindex.ParamError(fmt.Sprintf("invalid refine type : %s, optional types are [sq4u, sq6, sq8, fp16, bf16, fp32, flat]", name))
}

// checkSearch reads the search parameters.
func (f family) checkSearch(p map[string]any, k int) (vecindex.SearchParams, error) {
	var sp vecindex.SearchParams
	ef, given, err := vecindex.SearchInt(p, "ef", 1, vecindex.MaxInt)
	switch {
	case err != nil:
		return sp, err
	case !given:
		ef = defaultEf(k)
	case ef < k && f != product && f != residual:
		return sp, vecindex.ParamError(fmt.Sprintf("ef(%d) should be larger than k(%d)", ef, k))
	}
	sp.Ef = ef
	if f == plain {
		return sp, nil
	}
	refine, given, err := vecindex.SearchFloat(p, "refine_k", 1, vecindex.MaxFloat)
	if given {
		sp.Candidates = int(min(float64(k)*refine, vecindex.MaxInt))
	}
	return sp, err
}

// defaultEf leaves room above k: the last of k hits out of k candidates are
// poor.
func defaultEf(k int) int { return max(minDefaultEf, k+k/2) }
