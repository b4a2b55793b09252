package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/annoy"
	"github.com/redkite-db/redkite/internal/vecindex/diskann"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
	"github.com/redkite-db/redkite/internal/vecindex/ivf"
	sparseindex "github.com/redkite-db/redkite/internal/vecindex/sparse"
)

// engine makes and holds one index at a time.
type engine interface {
	// info says which version it is and which instruction set it uses.
	info() (version, isa string)
	// build makes the index over the rows of d, in place of the one before.
	build(ctx context.Context, d *dataset, params map[string]any, threads int) error
	// bytes is the memory of the index beside the float32 rows.
	bytes() int64
	// searcher returns a search for the k nearest rows with those parameters. It
	// is for one goroutine.
	searcher(ctx context.Context, params map[string]any, k int) (searcher, error)
	close() error
}

// searcher puts the nearest rows of q into out, best first, and -1 behind them.
type searcher func(q *question, out []int32) error

// question is a query, of one of the two kinds, and the rows that may answer it.
type question struct {
	vector []float32
	sparse vecindex.SparseVector
	skip   []uint64 // vecindex.Query.Skip; nil: all may
}

// kinds are our indexes: another one is another line. Each query is searched by
// the goroutine that asks.
func kinds(kern vec.Kernels) []vecindex.Kind {
	all := append([]vecindex.Kind{vecindex.Flat(kern, 1)}, hnsw.Kinds(kern)...)
	all = append(all, diskann.Kind(kern), annoy.Kind(kern))
	all = append(all, ivf.Kinds(kern)...)
	return append(all, sparseindex.Kinds(kern)...)
}

// variant is a kind under a name of its own, with parameters beside those that
// are asked for.
type variant struct {
	name, kind string
	params     func(dim int) vecindex.Params
}

// variants are what kinds hold in codes. Product codes have a byte for four
// elements, in one round or two.
func variants() []variant {
	scalar := func(name string) func(int) vecindex.Params {
		return func(int) vecindex.Params { return vecindex.Params{"sq_type": name} }
	}
	parts := func(each int) func(int) vecindex.Params {
		return func(dim int) vecindex.Params {
			n := each
			for dim%n != 0 {
				n /= 2
			}
			return vecindex.Params{"m": strconv.Itoa(dim / n)}
		}
	}
	return []variant{
		{"redkite-hnsw-sq4u", "HNSW_SQ", scalar("SQ4U")},
		{"redkite-hnsw-sq6", "HNSW_SQ", scalar("SQ6")},
		{"redkite-hnsw-sq8", "HNSW_SQ", scalar("SQ8")},
		{"redkite-hnsw-fp16", "HNSW_SQ", scalar("FP16")},
		{"redkite-hnsw-bf16", "HNSW_SQ", scalar("BF16")},
		{"redkite-hnsw-pq", "HNSW_PQ", parts(4)},
		{"redkite-hnsw-prq", "HNSW_PRQ", parts(8)},
	}
}

// newEngine returns the engine of that name: a variant's, redkite- and a kind's
// name in small letters with - for _, or coder-hnsw.
func newEngine(name string) (engine, error) {
	names := []string{coderName}
	if name == coderName {
		return &coder{kern: vec.Detect()}, nil
	}
	isa, taken := vec.Detect().String(), map[string]bool{}
	for _, v := range variants() {
		taken[v.kind] = true
	}
	for _, k := range kinds(vec.Detect()) {
		for _, v := range variants() {
			if v.kind != k.Name {
				continue
			}
			if v.name == name {
				return &redkite{kind: k, isa: isa, params: v.params}, nil
			}
			names = append(names, v.name)
		}
		if taken[k.Name] {
			continue
		}
		own := "redkite-" + strings.ReplaceAll(strings.ToLower(k.Name), "_", "-")
		if name == own {
			return &redkite{kind: k, isa: isa}, nil
		}
		names = append(names, own)
	}
	return nil, fmt.Errorf("no engine %q, there are %s", name, strings.Join(names, ", "))
}
