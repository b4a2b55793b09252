// Package coderhnsw makes github.com/coder/hnsw an engine of the kind HNSW, for
// comparison: it is chosen by the build parameter engine. The library holds a
// graph in maps of the Go heap and takes one writer; it is used as it is. Its
// nodes are row numbers, whose vectors are read from the Source, so that nothing
// is copied, and what it finds is compared and filled up as the port's law has
// it.
//
// The library does not compile on Windows.
package coderhnsw

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// engineKey is the build parameter, and engineName its value that is this
// package.
const (
	engineKey  = "engine"
	engineName = "coder"
)

// magic begins a file (docs/formats/coderhnsw.md).
const magic = "RKIXCODR"

// Kind returns HNSW as the kind given is, in which the build parameter engine
// chooses this package. A growing index is always the given kind's.
func Kind(kern vec.Kernels, hnsw vecindex.Kind) vecindex.Kind {
	k := hnsw
	k.Check = func(p vecindex.Params, dim int, m vecindex.Metric) error {
		if err := checkEngine(p); err != nil {
			return err
		}
		return hnsw.Check(p, dim, m)
	}
	k.Build = func(ctx context.Context, s vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) (vecindex.Index, error) {
		if err := k.Check(p, s.Dim(), m); err != nil {
			return nil, err
		}
		if _, ours := p[engineKey]; ours {
			if err := vecindex.CheckSource(s, m, vecindex.Float32); err != nil {
				return nil, err
			}
			return build(ctx, kern, s, m, p, o)
		}
		return hnsw.Build(ctx, s, m, p, o)
	}
	k.Extend = func(ctx context.Context, from vecindex.Earlier, s vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) (vecindex.Index, error) {
		if _, ours := p[engineKey]; ours {
			return nil, errors.Join(fmt.Errorf("engine %s: %w", engineName, vecindex.ErrNotExtended), from.File.Unpin())
		}
		return hnsw.Extend(ctx, from, s, m, p, o)
	}
	k.Open = func(f *mem.Map, rows vecindex.Source, m vecindex.Metric, p vecindex.Params) (vecindex.Index, error) {
		if bytes.HasPrefix(f.Bytes(), []byte(magic)) {
			if err := vecindex.CheckOpened(rows, m, vecindex.Float32); err != nil {
				return nil, errors.Join(fmt.Errorf("open HNSW index %s: %w", f.Name(), err), f.Unpin())
			}
			return open(f, kern, rows, m)
		}
		return hnsw.Open(f, rows, m, p)
	}
	return k
}

// checkEngine refuses engines that there are none of, or not on this system.
func checkEngine(p vecindex.Params) error {
	name, given := p[engineKey]
	switch {
	case !given:
		return nil
	case name != engineName:
		return vecindex.ParamError(fmt.Sprintf("engine %q of HNSW is not supported, optional engines are [%s]", name, engineName))
	case !compiles:
		return vecindex.ParamError(fmt.Sprintf("engine %s of HNSW is not supported on %s", name, runtime.GOOS))
	}
	return nil
}
