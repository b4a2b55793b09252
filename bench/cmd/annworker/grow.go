package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/redkite-db/redkite/bench/cpuclock"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// grower is an engine with an index that grows while it is searched.
type grower interface {
	// grow returns an empty index for the rows of d.
	grow(d *dataset, params map[string]any) (vecindex.Live, error)
	checkSearch(params map[string]any, k int) (vecindex.SearchParams, error)
}

// grow puts all rows into a growing index, some at a time as a segment gets
// them, while one more thread searches it, if search parameters are given. That
// begins behind the first call: an index without rows answers in no time.
func (w *worker) grow(ctx context.Context, r *request) (reply, error) {
	g, ok := w.engine.(grower)
	if !ok {
		return reply{}, errors.New("its index does not grow")
	}
	var p vecindex.SearchParams
	if len(r.Search) > 0 {
		var err error
		if p, err = g.checkSearch(r.Search, answers); err != nil {
			return reply{}, err
		}
	}
	x, err := g.grow(w.data, r.Params)
	if err != nil {
		return reply{}, err
	}
	var end atomic.Bool
	var asked reply // what the searching thread did
	searched := make(chan error, 1)
	rows, step := w.data.rows().Rows(), max(r.Step, 1)
	began := now()
	err = w.extend(ctx, x, 0, min(step, rows), step, r.Threads)
	if err == nil && len(r.Search) > 0 {
		go func() { searched <- w.askGrowing(ctx, x, p, &end, &asked) }()
	} else {
		searched <- nil
	}
	if err == nil {
		err = w.extend(ctx, x, min(step, rows), rows, step, r.Threads)
	}
	wall, cpu := began.spent()
	end.Store(true)
	err = errors.Join(err, <-searched, x.Close())
	return reply{
		Rows: rows, WallS: wall, CPUS: cpu - asked.CPUS,
		Queries: asked.Queries, SearchCPUS: asked.CPUS,
	}, err
}

// extend brings the rows [at, to) into x, which has those before, step of them a
// call.
func (w *worker) extend(ctx context.Context, x vecindex.Live, at, to, step, threads int) error {
	all := w.data.rows()
	for at < to {
		at = min(at+step, to)
		part := vecindex.Vectors{Data: all.Data[:at*all.Dimension], Dimension: all.Dimension}
		if err := x.Extend(ctx, part, threads); err != nil {
			return fmt.Errorf("extend to %d rows: %w", at, err)
		}
	}
	return nil
}

// askGrowing searches x with one query after the other until the end, on a
// thread of its own, whose CPU time is counted.
func (w *worker) askGrowing(ctx context.Context, x vecindex.Live, p vecindex.SearchParams, end *atomic.Bool, did *reply) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := cpuclock.Thread()
	q := vecindex.Query{K: answers, Params: p, Allowed: -1}
	var hits []vecindex.Hit
	for !end.Load() {
		q.Vector = w.data.query(did.Queries % w.data.queryCount()).vector
		var err error
		if hits, err = x.Search(ctx, &q, hits[:0]); err != nil {
			return err
		}
		did.Queries++
	}
	did.CPUS = (cpuclock.Thread() - before).Seconds()
	return nil
}
