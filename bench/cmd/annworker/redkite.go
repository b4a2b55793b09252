package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/redkite-db/redkite/internal/vecindex"
)

// redkite is an index of ours, used through its port as a segment uses it.
type redkite struct {
	kind   vecindex.Kind
	isa    string
	params func(dim int) vecindex.Params // a variant's own, or nil
	index  vecindex.Index
}

func (r *redkite) info() (version, isa string) { return "this tree", r.isa }

// buildSeed makes a build with one thread repeatable.
const buildSeed = 1

func (r *redkite) build(ctx context.Context, d *dataset, params map[string]any, threads int) error {
	if err := r.close(); err != nil {
		return err
	}
	p := vecindex.Params{}
	if r.params != nil {
		p = r.params(d.dim)
	}
	maps.Copy(p, given(params))
	if sparse := d.sparse != nil; sparse != slices.Contains(r.kind.Types, vecindex.SparseFloat32) {
		return fmt.Errorf("%s is not for such vectors", r.kind.Name)
	}
	if err := r.kind.Check(p, d.dim, d.metric); err != nil {
		return err
	}
	x, err := r.kind.Build(ctx, d.source(), d.metric, p, vecindex.BuildOptions{Threads: threads, Seed: buildSeed})
	if err != nil {
		return err
	}
	r.index = x
	return nil
}

func (r *redkite) bytes() int64 { return r.index.Bytes() }

func (r *redkite) searcher(ctx context.Context, params map[string]any, k int) (searcher, error) {
	p, err := r.kind.CheckSearch(params, k)
	if err != nil {
		return nil, err
	}
	q := vecindex.Query{K: k, Params: p, Allowed: -1}
	var hits []vecindex.Hit
	return func(ask *question, out []int32) error {
		q.Vector, q.Sparse, q.Skip = ask.vector, ask.sparse, ask.skip
		var err error
		hits, err = r.index.Search(ctx, &q, hits[:0])
		for i := range out {
			out[i] = -1
			if i < len(hits) {
				out[i] = int32(hits[i].Row)
			}
		}
		return err
	}, nil
}

func (r *redkite) close() error {
	if r.index == nil {
		return nil
	}
	x := r.index
	r.index = nil
	return x.Close()
}

// grow implements grower.
func (r *redkite) grow(d *dataset, params map[string]any) (vecindex.Live, error) {
	if r.kind.Live == nil {
		return nil, fmt.Errorf("%s does not grow", r.kind.Name)
	}
	return r.kind.Live(d.dim, d.metric, given(params), vecindex.LiveOptions{MaxRows: d.rows().Rows(), Seed: buildSeed})
}

func (r *redkite) checkSearch(params map[string]any, k int) (vecindex.SearchParams, error) {
	return r.kind.CheckSearch(params, k)
}

// given are parameters as a client gives them.
func given(params map[string]any) vecindex.Params {
	p := vecindex.Params{}
	for key, v := range params {
		p[key] = fmt.Sprint(v)
	}
	return p
}
