package hnsw

import (
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/mem"
)

// lease is a slab of codes of a growing graph, which others take the place of when
// their bounds do not suit: it is freed when no search reads it any more.
type lease struct {
	slab  *mem.Slab
	users atomic.Int64 // searches and iterators, and such as are about to see that it was replaced
}

// pin returns the present view, for a search or an iterator, which unpins it. It
// counts itself in before it looks whether the codes are still those of the
// present view, and live.sweep looks at the count after another view was stored:
// one of the two sees the other.
func (g *graph) pin() *view {
	for {
		v := g.view.Load()
		if v.lease == nil {
			return v
		}
		v.lease.users.Add(1)
		if g.view.Load().lease == v.lease {
			return v
		}
		v.lease.users.Add(-1)
	}
}

func (v *view) unpin() {
	if v.lease != nil {
		v.lease.users.Add(-1)
	}
}
