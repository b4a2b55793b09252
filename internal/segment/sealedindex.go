package segment

import (
	"context"
	"fmt"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/objectstore"
)

// attached is an open index of a sealed segment. The segment has one
// reference, each search one; it is closed with the last.
type attached struct {
	id     base.ID
	kind   *vecindex.Kind
	metric vecindex.Metric
	index  vecindex.Index
	refs   refs
}

func (a *attached) drop() {
	if a.refs.drop() {
		_ = a.index.Close() // a file that cannot be unmapped is lost address space
	}
}

type fieldIndex struct {
	field base.ID
	a     *attached
}

// OpenIndex opens the file of an index over this segment and puts it in the
// place of the field's present one, which searches under way finish with.
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
	s.setIndex(spec.Field, a)
	return nil
}

// DropIndex makes searches of a field compare all rows.
func (s *Sealed) DropIndex(field base.ID) { s.setIndex(field, nil) }

func (s *Sealed) setIndex(field base.ID, a *attached) {
	s.indexes.Lock()
	defer s.indexes.Unlock()
	var list []fieldIndex
	var old *attached
	if p := s.indexes.byField.Load(); p != nil {
		for _, x := range *p {
			if x.field == field {
				old = x.a
			} else {
				list = append(list, x)
			}
		}
	}
	if a != nil {
		list = append(list, fieldIndex{field: field, a: a})
	}
	s.indexes.byField.Store(&list)
	if old != nil {
		old.drop()
	}
}

// HasIndex reports whether the index of an id is open.
func (s *Sealed) HasIndex(id base.ID) bool {
	if p := s.indexes.byField.Load(); p != nil {
		for _, x := range *p {
			if x.a.id == id {
				return true
			}
		}
	}
	return false
}

// indexOf returns the index of a field with a reference, nil if there is none.
func (s *Sealed) indexOf(field base.ID) *attached {
	for {
		p := s.indexes.byField.Load()
		var a *attached
		if p != nil {
			for _, x := range *p {
				if x.field == field {
					a = x.a
				}
			}
		}
		if a == nil || a.refs.acquire() {
			return a
		}
		// It was replaced between the two steps: look again.
	}
}
