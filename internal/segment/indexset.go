package segment

import (
	"sync"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/exec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// attached is an open index of a segment: of vectors, or of scalars. The
// segment's indexSet has one reference, each search one; it is closed with the
// last.
type attached struct {
	id     base.ID // of the index in the schema
	field  base.ID
	kind   *vecindex.Kind
	metric vecindex.Metric
	index  vecindex.Index   // nil: of scalars
	scalar *exec.FieldIndex // nil: of vectors
	refs   refs
}

// drop gives a reference back. Memory that cannot be unmapped with the last is
// lost address space, no error of the caller's.
func (a *attached) drop() {
	switch {
	case !a.refs.drop():
	case a.scalar != nil:
		_ = a.scalar.Rows.Close()
	default:
		_ = a.index.Close()
	}
}

// indexSet is the indexes of a segment: one of each vector field, any number
// of a scalar field. Changes take the lock; readers take none.
type indexSet struct {
	mu   sync.Mutex
	open atomic.Pointer[[]*attached] // replaced, never changed
}

func (s *indexSet) list() []*attached {
	if p := s.open.Load(); p != nil {
		return *p
	}
	return nil
}

// put adds an index in the place of the one with its id or, of vectors, with
// its field; searches under way finish with that. The set takes the caller's
// reference over.
func (s *indexSet) put(a *attached) {
	s.replace(a, func(x *attached) bool { return x.id == a.id || x.index != nil && x.field == a.field })
}

// remove takes the indexes out that are named.
func (s *indexSet) remove(named func(a *attached) bool) { s.replace(nil, named) }

func (s *indexSet) replace(a *attached, named func(x *attached) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list, old []*attached
	for _, x := range s.list() {
		if named(x) {
			old = append(old, x)
		} else {
			list = append(list, x)
		}
	}
	if a != nil {
		list = append(list, a)
	}
	s.open.Store(&list)
	for _, x := range old {
		x.drop()
	}
}

// clear removes all indexes.
func (s *indexSet) clear() { s.remove(func(*attached) bool { return true }) }

// vectors returns the index of a vector field with a reference, nil if there
// is none.
func (s *indexSet) vectors(field base.ID) *attached {
	for {
		var a *attached
		for _, x := range s.list() {
			if x.field == field && x.index != nil {
				a = x
			}
		}
		if a == nil || a.refs.acquire() {
			return a
		}
		// It was replaced between the two steps: look again.
	}
}

// scalars returns the indexes of a scalar field, each with a reference. One
// that is removed meanwhile may be missing.
func (s *indexSet) scalars(field base.ID) []*attached {
	var out []*attached
	for _, x := range s.list() {
		if x.field == field && x.scalar != nil && x.refs.acquire() {
			out = append(out, x)
		}
	}
	return out
}

// has reports whether the index of an id is in the set.
func (s *indexSet) has(id base.ID) bool {
	for _, x := range s.list() {
		if x.id == id {
			return true
		}
	}
	return false
}
