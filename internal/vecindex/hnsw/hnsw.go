// Package hnsw is the graph index HNSW, with codes of its kinds HNSW_SQ, HNSW_PQ
// and HNSW_PRQ: Y. Malkov and D. Yashunin, "Efficient
// and robust approximate nearest neighbor search using Hierarchical Navigable
// Small World graphs", 2016 (arXiv:1603.09320), whose algorithms 1 to 5 are
// named where they are used.
//
// A node is a row that has a vector. Each node has a list of up to 2M
// neighbours in level 0, and one of up to M in each level above that it
// reaches; a level holds about 1/M of the nodes of the one below. All lists lie
// in flat slabs of row numbers, of fixed length, and a list that is not full
// repeats the number of its own node behind its neighbours: to a walk that is a
// node it has seen, so that no length is stored or tested. A build puts other rows
// into the places behind the first of these (see fill.go). A row without a
// vector has a place for its list too, as its number is its place; nothing leads
// there.
//
// Vectors are read from the Source, never copied. An index walks on codes of them
// where these serve (see coding.go, and follower.go for one that grows);
// docs/vector-index.md says what that and the rest are worth.
//
// One writer (several goroutines of one Extend) and any number of searches
// work on a graph at a time without a lock between them: neighbours are stored
// and loaded atomically, and a new node is linked to only when its own lists
// and its vector are complete. A search sees the rows of one view.
package hnsw

import (
	"context"
	"errors"
	"math"
	"sync"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// maxRows keeps a row number and a flag in 32 bits (see beam).
const maxRows = 1 << 31

// env is what all indexes of a kind share.
type env struct {
	kern    vec.Kernels
	walkers sync.Pool // *walker
}

// Kinds returns HNSW, HNSW_SQ, HNSW_PQ and HNSW_PRQ, which compute with kern.
func Kinds(kern vec.Kernels) []vecindex.Kind {
	e := &env{kern: kern}
	e.walkers.New = func() any { return new(walker) }
	var kinds []vecindex.Kind
	for _, f := range []family{plain, scalar, product, residual} {
		kinds = append(kinds, e.newKind(f))
	}
	return kinds
}

// Kind returns the kind HNSW.
func Kind(kern vec.Kernels) vecindex.Kind { return Kinds(kern)[0] }

func (e *env) newKind(f family) vecindex.Kind {
	return vecindex.Kind{
		Name:  f.String(),
		Types: f.types(),
		Check: func(p vecindex.Params, dim int, m vecindex.Metric) error {
			if _, err := f.parse(p, dim); err != nil {
				return err
			}
			return f.checkMetric(m)
		},
		CheckSearch: f.checkSearch,
		Build: func(ctx context.Context, s vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) (vecindex.Index, error) {
			par, err := f.parse(p, s.Dim())
			if err != nil {
				return nil, err
			}
			return e.build(ctx, s, m, par, o)
		},
		Extend: func(ctx context.Context, from vecindex.Earlier, s vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) (vecindex.Index, error) {
			par, err := f.parse(p, s.Dim())
			if err != nil {
				return nil, errors.Join(err, from.File.Unpin())
			}
			return e.extend(ctx, from, s, m, par, o)
		},
		Open: func(f *mem.Map, rows vecindex.Source, m vecindex.Metric, _ vecindex.Params) (vecindex.Index, error) {
			return e.open(f, rows, m)
		},
		Live: func(dim int, m vecindex.Metric, p vecindex.Params, o vecindex.LiveOptions) (vecindex.Live, error) {
			par, err := f.parse(p, dim)
			if err != nil {
				return nil, err
			}
			x, err := e.newGrowing(dim, m, par, o)
			if err != nil {
				return nil, err // not x, a nil pointer in an interface
			}
			return x, nil
		},
	}
}

// types are the elements of vectors that a kind is for.
func (f family) types() []vecindex.Element {
	types := []vecindex.Element{vecindex.Float32, vecindex.Float16, vecindex.BFloat16, vecindex.Int8}
	if f == plain {
		types = append(types, vecindex.Binary)
	}
	return types
}

// level returns the highest level of a row: geometric with ratio 1/m (section
// 4.1 of the paper, mL = 1/ln m). It depends on nothing but its arguments, so
// that the order of insertion does not matter.
func level(seed uint64, row, m int) int {
	// splitmix64 (Steele, Lea, Flood 2014).
	x := seed + (uint64(row)+1)*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	u := float64(x>>11+1) / (1 << 53) // (0, 1]
	return min(int(-math.Log(u)/math.Log(float64(m))), maxLevel)
}
