package mem

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Residency bounds how much memory the process has in RAM by letting go of
// pages of mapped files. They stay in the system's page cache, from where a
// reader gets them back by a fault, and the system may take them from there
// when it is short of memory; but as long as they are mapped they count as the
// process's own, and in one that reads much they never become fewer.
//
// A bound on what is resident is only as good as what is known of it: where
// the system does not say how much that is (see residentMeter) nothing is let go,
// and the system trims on its own. All methods are safe for concurrent use.
type Residency struct {
	high, low int64        // bytes: above high pages are let go until low is reached
	step      int64        // bytes to be added until it is tried again after low was not reached
	resident  func() int64 // bytes of the process in RAM, 0 if not known
	forget    func([]byte) // takes pages of a mapped file out of the process
	mapped    atomic.Int64 // bytes of all maps
	next      atomic.Int64 // bytes above which it is time to trim

	mu     sync.Mutex // guards the lists; nothing that takes another lock is called under it
	pages  []*pages   // those let go first come first
	longer []*pages   // let go when the others are gone
}

// pages is what one map has mapped. It is in a list until it is unmapped.
type pages struct{ data []byte }

// NewResidency returns a Residency for a process that is to stay below limit
// bytes. A quarter of it is left for what readers touch between two Checks.
func NewResidency(limit int64) *Residency {
	r := &Residency{high: limit / 4 * 3, low: limit / 2, step: limit / 8, resident: residentMeter(), forget: forget}
	r.next.Store(r.high)
	return r
}

// Open is mem.Open for a file whose pages may be let go, or only when all
// others have been if keep is set.
func (r *Residency) Open(path string, keep bool) (*Map, error) {
	r.Check()
	m, err := Open(path)
	if err != nil || m.unmap == nil {
		return m, err
	}
	list := &r.pages
	if keep {
		list = &r.longer
	}
	p := &pages{data: m.data}
	r.mu.Lock()
	*list = append(*list, p)
	r.mu.Unlock()
	r.mapped.Add(int64(len(p.data)))
	unmap := m.unmap
	m.unmap = func() error {
		r.mu.Lock()
		*list = slices.DeleteFunc(*list, func(other *pages) bool { return other == p })
		r.mu.Unlock()
		r.mapped.Add(-int64(len(p.data)))
		return unmap()
	}
	return m, nil
}

// Check lets pages go if too much is resident; whoever comes meanwhile waits,
// so that nobody adds to it. It costs next to nothing while little is mapped,
// else a microsecond; call it before reading much of a map.
func (r *Residency) Check() {
	if r.mapped.Load() < r.step || !r.due(r.resident()) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.resident()
	if now > r.next.Load() {
		now = r.trim(r.pages, now)
		now = r.trim(r.longer, now)
	}
	// If other memory is in the way of low, it is tried again when a little has
	// been added.
	r.next.Store(max(r.high, now+r.step))
}

// due reports whether pages have to go, or it need no longer be put off.
func (r *Residency) due(now int64) bool {
	next := r.next.Load()
	return now > next || next > max(r.high, now+r.step)
}

// trim lets pages of a list go until low is reached, and puts those whose turn
// it was at its end. It returns what is resident then, as now is before.
func (r *Residency) trim(list []*pages, now int64) int64 {
	n := 0
	for ; n < len(list) && now > r.low; n++ {
		r.forget(list[n].data)
		now = r.resident()
	}
	copy(list, slices.Concat(list[n:], list[:n]))
	return now
}
