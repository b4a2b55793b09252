package segment

import (
	"sync"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// attached is an open index of a segment. The segment's indexSet has one
// reference, each search one; it is closed with the last.
type attached struct {
	id     base.ID // of the index in the schema
	kind   *vecindex.Kind
	metric vecindex.Metric
	index  vecindex.Index
	refs   refs
}

func (a *attached) drop() {
	if a.refs.drop() {
		_ = a.index.Close() // memory that cannot be unmapped is lost address space
	}
}

// indexSet is the indexes of a segment by field. Changes take the lock;
// readers take none.
type indexSet struct {
	mu      sync.Mutex
	byField atomic.Pointer[[]fieldIndex] // replaced, never changed
}

type fieldIndex struct {
	field base.ID
	a     *attached
}

func (s *indexSet) list() []fieldIndex {
	if p := s.byField.Load(); p != nil {
		return *p
	}
	return nil
}

// set replaces the index of a field, whose searches under way go on; nil
// removes it. The set takes the caller's reference over.
func (s *indexSet) set(field base.ID, a *attached) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []fieldIndex
	var old *attached
	for _, x := range s.list() {
		if x.field == field {
			old = x.a
		} else {
			list = append(list, x)
		}
	}
	if a != nil {
		list = append(list, fieldIndex{field: field, a: a})
	}
	s.byField.Store(&list)
	if old != nil {
		old.drop()
	}
}

// clear removes all indexes.
func (s *indexSet) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.list() {
		x.a.drop()
	}
	s.byField.Store(nil)
}

// of returns the index of a field with a reference, nil if there is none.
func (s *indexSet) of(field base.ID) *attached {
	for {
		var a *attached
		for _, x := range s.list() {
			if x.field == field {
				a = x.a
			}
		}
		if a == nil || a.refs.acquire() {
			return a
		}
		// It was replaced between the two steps: look again.
	}
}

// has reports whether the index of an id is in the set.
func (s *indexSet) has(id base.ID) bool {
	for _, x := range s.list() {
		if x.a.id == id {
			return true
		}
	}
	return false
}
