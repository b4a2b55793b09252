// Package annoy is ANNOY: a forest of random projection trees (S. Dasgupta and Y.
// Freund, "Random projection trees and low dimensional manifolds", STOC 2008),
// whose hyperplanes lie between two centers of the rows they part, and which are
// searched together, nearest cell first, as E. Bernhardsson's Annoy does.
//
// The cells of all trees that are nearest to a query are opened until enough
// rows were met; these are compared by their vectors, so that scores are exact.
package annoy

import (
	"context"
	"fmt"
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

// Kind returns ANNOY, which computes with kern.
func Kind(kern vec.Kernels) vecindex.Kind {
	e := &env{kern: kern}
	e.walkers.New = func() any { return new(walker) }
	return vecindex.Kind{
		Name:  "ANNOY",
		Types: []vecindex.Element{vecindex.Float32},
		Check: func(p vecindex.Params, _ int, _ vecindex.Metric) error {
			_, err := parse(p)
			return err
		},
		CheckSearch: checkSearch,
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

const maxTrees, defaultTrees = 1024, 8

// parse returns the number of trees. Milvus dropped the type with version 2.3 and
// says of it that it is none, whatever its parameters; that is said of wrong ones.
func parse(p vecindex.Params) (int, error) {
	n, err := p.Int("n_trees", defaultTrees, 1, maxTrees)
	if err != nil {
		return 0, vecindex.ParamError(fmt.Sprintf("invalid index type: ANNOY with these parameters: %v", err))
	}
	return n, nil
}

// checkSearch reads the search parameters.
func checkSearch(p map[string]any, k int) (vecindex.SearchParams, error) {
	n, given, err := vecindex.SearchInt(p, "search_k", -1, vecindex.MaxInt)
	if err != nil || !given || n == -1 {
		return vecindex.SearchParams{}, err
	}
	if n < k {
		return vecindex.SearchParams{}, vecindex.ParamError(fmt.Sprintf("search_k(%d) should be larger than k(%d)", n, k))
	}
	return vecindex.SearchParams{SearchK: n}, nil
}
