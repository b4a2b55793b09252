package segment

import (
	"context"
	"fmt"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/objectstore"
)

// OpenIndex opens the file of an index over this segment and puts it in the
// place of the field's present one, which searches under way finish with. A
// file that cannot be used replaces nothing; its error wraps
// vecindex.ErrBadFile.
func (s *Sealed) OpenIndex(ctx context.Context, files objectstore.Files, spec *schema.Index, key string) error {
	kind, err := s.engine.Kind(spec.Type)
	if err != nil {
		return err
	}
	metric, err := vecindex.ParseMetric(spec.Metric)
	if err != nil {
		return err
	}
	if !s.refs.acquire() {
		return ErrClosed
	}
	defer s.Release()
	source, err := s.Vectors(spec.Field)
	if err != nil {
		return err
	}
	m, err := files.Pin(ctx, key)
	if err != nil {
		return fmt.Errorf("index %s: %w", key, err)
	}
	x, err := kind.Open(m, source, metric, spec.Params) // takes the pin over
	if err != nil {
		return fmt.Errorf("index %s: %w", key, err)
	}
	a := &attached{id: spec.ID, kind: kind, metric: metric, index: x}
	a.refs.born()
	s.indexes.set(spec.Field, a)
	return nil
}

// DropIndex makes searches of a field compare all rows.
func (s *Sealed) DropIndex(field base.ID) { s.indexes.set(field, nil) }

// HasIndex reports whether the index of an id is open.
func (s *Sealed) HasIndex(id base.ID) bool { return s.indexes.has(id) }
