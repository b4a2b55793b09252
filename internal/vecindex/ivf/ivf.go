// Package ivf is the family of inverted file indexes: J. Sivic and A. Zisserman,
// "Video Google", 2003, for vectors as in H. Jégou, M. Douze and C. Schmid,
// "Product quantization for nearest neighbor search", 2011, section IV.
//
// The rows that have a vector are shared among lists, each by its nearest
// center; a search reads the lists of the centers nearest to the query. The
// kinds differ in what a list holds beside row numbers: IVF_FLAT nothing, as
// vectors are read from the Source; IVF_SQ8, IVF_PQ, SCANN, IVF_RABITQ and
// IVF_RABITQ_FASTSCAN codes of the differences between vectors and center
// (residuals), by which the best candidates are found. These are then compared
// by their vectors, so that scores are exact whatever the kind.
package ivf

import (
	"context"
	"sync"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// coding is how rows are held in lists. The values are part of the file format.
type coding uint32

const (
	codingFlat   coding = 1 // IVF_FLAT: row numbers alone
	codingSQ     coding = 2 // IVF_SQ8: a byte for each element
	codingPQ     coding = 3 // IVF_PQ: a code of up to 8 bits for each sub-vector
	codingRaBitQ coding = 4 // IVF_RABITQ: a bit for each element
	codingScann  coding = 5 // SCANN: a code of 4 bits for each sub-vector
	codingFast   coding = 6 // IVF_RABITQ_FASTSCAN: as IVF_RABITQ, whose codes are scanned in blocks too
)

// String returns the name of the kind.
func (c coding) String() string {
	switch c {
	case codingFlat:
		return "IVF_FLAT"
	case codingSQ:
		return "IVF_SQ8"
	case codingPQ:
		return "IVF_PQ"
	case codingRaBitQ:
		return "IVF_RABITQ"
	case codingFast:
		return "IVF_RABITQ_FASTSCAN"
	default:
		return "SCANN"
	}
}

// types are the elements of the vectors that all kinds are for.
func types() []vecindex.Element {
	return []vecindex.Element{vecindex.Float32, vecindex.Float16, vecindex.BFloat16}
}

// signs reports whether rows are held as bits, see rabitq.
func (c coding) signs() bool { return c == codingRaBitQ || c == codingFast }

// env is what all indexes of the family share.
type env struct {
	kern      vec.Kernels
	scratches sync.Pool // *scratch
}

// Kinds returns IVF_FLAT, IVF_SQ8, IVF_PQ, IVF_RABITQ, SCANN and
// IVF_RABITQ_FASTSCAN, which compute with kern.
func Kinds(kern vec.Kernels) []vecindex.Kind {
	e := &env{kern: kern}
	e.scratches.New = func() any { return new(scratch) }
	var kinds []vecindex.Kind
	for _, c := range []coding{codingFlat, codingSQ, codingPQ, codingRaBitQ, codingScann, codingFast} {
		kinds = append(kinds, e.newKind(c))
	}
	return kinds
}

func (e *env) newKind(c coding) vecindex.Kind {
	return vecindex.Kind{
		Name:  c.String(),
		Types: types(),
		Check: func(p vecindex.Params, dim int, _ vecindex.Metric) error {
			_, err := c.parse(p, dim)
			return err
		},
		CheckSearch: c.checkSearch,
		Build: func(ctx context.Context, s vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) (vecindex.Index, error) {
			x, err := e.build(ctx, c, s, m, p, o)
			if err != nil {
				return nil, err // not x, a nil pointer in an interface
			}
			return x, nil
		},
		Open: func(f *mem.Map, rows vecindex.Source, m vecindex.Metric, _ vecindex.Params) (vecindex.Index, error) {
			x, err := e.open(f, c, rows, m)
			if err != nil {
				return nil, err
			}
			return x, nil
		},
	}
}
