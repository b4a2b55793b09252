package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
	"github.com/redkite-db/redkite/internal/vecindex/ivf"
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

// question is a query vector and the rows that may answer it.
type question struct {
	vector []float32
	skip   []uint64 // vecindex.Query.Skip; nil: all may
}

// kinds are our indexes: another one is another line. Each query is searched by
// the goroutine that asks.
func kinds(kern vec.Kernels) []vecindex.Kind {
	return append([]vecindex.Kind{
		vecindex.Flat(kern, 1),
		hnsw.Kind(kern),
	}, ivf.Kinds(kern)...)
}

// newEngine returns the engine of that name: redkite- and a kind's name in
// small letters with - for _, or coder-hnsw.
func newEngine(name string) (engine, error) {
	names := []string{coderName}
	if name == coderName {
		return &coder{kern: vec.Detect()}, nil
	}
	for _, k := range kinds(vec.Detect()) {
		own := "redkite-" + strings.ReplaceAll(strings.ToLower(k.Name), "_", "-")
		if name == own {
			return &redkite{kind: k, isa: vec.Detect().String()}, nil
		}
		names = append(names, own)
	}
	return nil, fmt.Errorf("no engine %q, there are %s", name, strings.Join(names, ", "))
}
