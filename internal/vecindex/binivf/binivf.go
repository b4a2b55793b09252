// Package binivf is the index BIN_IVF_FLAT: binary vectors in lists around
// centers, as in J. Sivic and A. Zisserman, "Video Google", 2003.
//
// A center has the bits that most rows of its list have, which is the vector of
// the least sum of Hamming distances to them; lists are made by Lloyd's algorithm
// on a sample. A search compares the query with all centers and then with the rows
// of the nearest lists.
package binivf

import (
	"context"
	"sync"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// Ranges and defaults of the parameters are those of Milvus, and so is
// minRowsPerList: there are fewer lists than asked for where they would hold fewer
// rows.
const (
	maxLists, defaultLists = 65536, 128
	maxProbe, defaultProbe = 65536, 8
	minRowsPerList         = 39
	maxRows                = 1 << 31
)

// env is what all indexes of the kind share.
type env struct {
	kern      vec.Kernels
	scratches sync.Pool // *scratch
}

// Kind returns the kind BIN_IVF_FLAT, which computes with kern.
func Kind(kern vec.Kernels) vecindex.Kind {
	e := &env{kern: kern}
	e.scratches.New = func() any { return new(scratch) }
	return vecindex.Kind{
		Name:  "BIN_IVF_FLAT",
		Types: []vecindex.Element{vecindex.Binary},
		Check: func(p vecindex.Params, _ int, m vecindex.Metric) error {
			if _, err := lists(p); err != nil {
				return err
			}
			return vecindex.CheckMetric(m, vecindex.Hamming, vecindex.Jaccard)
		},
		CheckSearch: func(p map[string]any, _ int) (vecindex.SearchParams, error) {
			probe, given, err := vecindex.SearchInt(p, "nprobe", 1, maxProbe)
			if !given {
				probe = defaultProbe
			}
			return vecindex.SearchParams{NProbe: probe}, err
		},
		Build: func(ctx context.Context, s vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) (vecindex.Index, error) {
			x, err := e.build(ctx, s, m, p, o)
			if err != nil {
				return nil, err // not x, a nil pointer in an interface
			}
			return x, nil
		},
		Open: func(f *mem.Map, rows vecindex.Source, m vecindex.Metric, _ vecindex.Params) (vecindex.Index, error) {
			x, err := e.open(f, rows, m)
			if err != nil {
				return nil, err
			}
			return x, nil
		},
	}
}

// lists reads the number of lists that are asked for.
func lists(p vecindex.Params) (int, error) { return p.Int("nlist", defaultLists, 1, maxLists) }

// check says that there is no such index over a source.
func check(s vecindex.Source, m vecindex.Metric) error {
	if err := vecindex.CheckSource(s, m, vecindex.Binary); err != nil {
		return err
	}
	return vecindex.CheckMetric(m, vecindex.Hamming, vecindex.Jaccard)
}
