// Package diskann is DISKANN: a graph whose lists lie in a file, each beside the
// vector of its node, and codes of all vectors in memory (S. Subramanya, F. Devvrit,
// R. Kadekodi, R. Krishnaswamy and H. Simhadri, "DiskANN: fast accurate
// billion-point nearest neighbor search on a single node", NeurIPS 2019).
//
// A search goes from node to node by distances of codes, reads the lists and
// vectors of a few nodes at a time, and answers with the nearest of the vectors
// it read. What it holds in memory is bounded by parameters; the file is read by
// calls, not mapped, so that its pages are the system's.
package diskann

import (
	"context"
	"sync"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// env is what all indexes of the kind share.
type env struct {
	kern    vec.Kernels
	walkers sync.Pool // *walker
}

// Kind returns DISKANN, which computes with kern.
func Kind(kern vec.Kernels) vecindex.Kind {
	e := &env{kern: kern}
	e.walkers.New = func() any { return newWalker() }
	return vecindex.Kind{
		Name:        "DISKANN",
		Types:       []vecindex.Element{vecindex.Float32},
		Check:       func(vecindex.Params, int, vecindex.Metric) error { return nil }, // see parse
		CheckSearch: checkSearch,
		Build: func(ctx context.Context, s vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) (vecindex.Index, error) {
			x, err := e.build(ctx, s, m, p, o)
			if err != nil {
				return nil, err // not x, a nil pointer in an interface
			}
			return x, nil
		},
		Open: func(f *mem.Map, rows vecindex.Source, m vecindex.Metric, p vecindex.Params) (vecindex.Index, error) {
			x, err := e.open(f, rows, m, p)
			if err != nil {
				return nil, err
			}
			return x, nil
		},
	}
}
