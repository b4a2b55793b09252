package coderhnsw

import (
	"context"
	"errors"
	"fmt"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

const compiles = false

// build is not reached: the parameter is refused.
func build(context.Context, vec.Kernels, vecindex.Source, vecindex.Metric, vecindex.Params, vecindex.BuildOptions) (vecindex.Index, error) {
	return nil, errors.ErrUnsupported
}

// open refuses a file of another system.
func open(f *mem.Map, _ vec.Kernels, _ vecindex.Source, _ vecindex.Metric) (vecindex.Index, error) {
	return nil, errors.Join(fmt.Errorf("open HNSW index %s: %w: made by engine %s, which this system has not", f.Name(), vecindex.ErrBadFile, engineName), f.Unpin())
}
