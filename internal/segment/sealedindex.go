package segment

import (
	"context"
	"errors"
	"fmt"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/exec"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/scalarindex"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/objectstore"
)

// ErrBadIndex is wrapped by the error for an index file that is damaged, gone,
// or of other rows: building the index again mends it.
var ErrBadIndex = errors.New("bad index")

// OpenIndex opens the file of an index on a field of this segment. It takes
// the place of the one with its id and of any other on the same vectors, which
// searches under way finish with. A file that cannot be used replaces nothing;
// its error wraps ErrBadIndex.
func (s *Sealed) OpenIndex(ctx context.Context, files objectstore.Files, f *schema.Field, spec *schema.Index, key string) error {
	if !s.refs.acquire() {
		return ErrClosed
	}
	defer s.Release()
	open := s.scalarIndex
	if f.IsVector() {
		open = s.vectorIndex
	}
	a, read, err := open(f, spec)
	if err != nil {
		return err
	}
	m, err := files.Pin(ctx, key)
	if err == nil {
		err = read(m)
	}
	if errors.Is(err, vecindex.ErrBadFile) || errors.Is(err, scalarindex.ErrBadFile) || errors.Is(err, objectstore.ErrNotFound) {
		return fmt.Errorf("%w: index %s: %w", ErrBadIndex, key, err)
	}
	if err != nil {
		return fmt.Errorf("index %s: %w", key, err)
	}
	a.id, a.field = spec.ID, spec.Field
	a.refs.born()
	s.indexes.put(a)
	return nil
}

// vectorIndex prepares to read an index of vectors; what it returns takes a
// pin over.
func (s *Sealed) vectorIndex(f *schema.Field, spec *schema.Index) (*attached, func(*mem.Map) error, error) {
	kind, err := s.engine.Kind(spec.Type)
	if err != nil {
		return nil, nil, err
	}
	metric, err := vecindex.ParseMetric(spec.Metric)
	if err != nil {
		return nil, nil, err
	}
	source, err := s.Vectors(f.ID)
	if err != nil {
		return nil, nil, err
	}
	a := &attached{kind: kind, metric: metric}
	return a, func(m *mem.Map) (err error) {
		a.index, err = kind.Open(m, source, metric, spec.Params)
		return err
	}, nil
}

// scalarIndex is vectorIndex for scalars.
func (s *Sealed) scalarIndex(f *schema.Field, spec *schema.Index) (*attached, func(*mem.Map) error, error) {
	holds, ok := scalarindex.SpecOf(f, spec)
	if !ok {
		return nil, nil, fmt.Errorf("no %s index of field %s of type %s", spec.Type, f.Name, f.Type)
	}
	a := &attached{scalar: &exec.FieldIndex{Spec: holds}}
	return a, func(m *mem.Map) (err error) {
		a.scalar.Rows, err = scalarindex.Open(m, holds, s.Rows())
		return err
	}, nil
}

// BuildScalar makes an index on a scalar field. Its memory is reserved in the
// budget while it is made and until release is called, once, error or not.
func (s *Sealed) BuildScalar(ctx context.Context, f *schema.Field, spec *schema.Index, budget *mem.Budget) (x *scalarindex.Index, release func(), err error) {
	var held int64
	release = func() { budget.Release(held) }
	holds, ok := scalarindex.SpecOf(f, spec)
	if !ok {
		return nil, release, fmt.Errorf("no %s index of field %s of type %s", spec.Type, f.Name, f.Type)
	}
	c, err := s.column(f.ID)
	if err != nil {
		return nil, release, err
	}
	x, err = exec.BuildIndex(ctx, f, c, s.Rows(), holds, func(bytes int64) error {
		if err := budget.Reserve(max(0, bytes-held)); err != nil {
			return err
		}
		held = max(held, bytes)
		return nil
	})
	return x, release, err
}

// KeepIndexes drops the indexes whose ids are not wanted: what they are on is
// scanned.
func (s *Sealed) KeepIndexes(wanted func(id base.ID) bool) {
	s.indexes.remove(func(a *attached) bool { return !wanted(a.id) })
}

// HasIndex reports whether the index of an id is open.
func (s *Sealed) HasIndex(id base.ID) bool { return s.indexes.has(id) }
