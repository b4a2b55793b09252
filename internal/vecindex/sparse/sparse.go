// Package sparse is the index of sparse vectors, SPARSE_INVERTED_INDEX and
// SPARSE_WAND, by inner product or BM25: inverted lists in windows of rows with
// codes of one byte, which bound the score of each row from above, and exact
// scores of the few rows that the bounds leave, from the Source. Its answers are
// exact.
//
// Rows are passed over as in MaxScore (H. Turtle and J. Flood, "Query evaluation:
// strategies and optimizations", 1995) with the bounds of each window (S. Ding
// and T. Suel, "Faster top-k document retrieval using block-max indexes", SIGIR
// 2011), list by list in an array of sums for a window as in SINDI (R. Li et al.,
// 2025).
package sparse

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// How many rows a window has, as a logarithm: of new indexes, and bounds. Words
// of Skip and units of kernels have 64 rows; numbers in a window have 16 bits.
const (
	windowBits    = 12
	minWindowBits = 6
	maxWindowBits = 16
)

// env is what all indexes share.
type env struct {
	kern       vec.Kernels
	windowBits uint
	scratches  sync.Pool // *scratch
}

func newEnv(kern vec.Kernels, bits uint) *env {
	e := &env{kern: kern, windowBits: bits}
	e.scratches.New = func() any { return new(scratch) }
	return e
}

// Kinds returns SPARSE_INVERTED_INDEX and SPARSE_WAND, two names of the same
// index.
func Kinds(kern vec.Kernels) []vecindex.Kind {
	e := newEnv(kern, windowBits)
	return []vecindex.Kind{e.kind("SPARSE_INVERTED_INDEX"), e.kind("SPARSE_WAND")}
}

func (e *env) kind(name string) vecindex.Kind {
	return vecindex.Kind{
		Name:  name,
		Types: []vecindex.Element{vecindex.SparseFloat32},
		Check: func(p vecindex.Params, _ int, m vecindex.Metric) error {
			_, err := parse(p, m)
			return err
		},
		CheckSearch: checkSearch,
		Build: func(ctx context.Context, s vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) (vecindex.Index, error) {
			src, ok := s.(vecindex.SparseSource)
			if !ok {
				return nil, fmt.Errorf("%s: %T has no sparse vectors", name, s)
			}
			x, err := e.build(ctx, src, m, p, o)
			if err != nil {
				return nil, err // not x, a nil pointer in an interface
			}
			return x, nil
		},
		Open: func(f *mem.Map, s vecindex.Source, m vecindex.Metric, p vecindex.Params) (vecindex.Index, error) {
			src, ok := s.(vecindex.SparseSource)
			if !ok {
				return nil, errors.Join(fmt.Errorf("%s: %T has no sparse vectors", name, s), f.Unpin())
			}
			x, err := e.open(f, src, m, p)
			if err != nil {
				return nil, err
			}
			return x, nil
		},
	}
}
