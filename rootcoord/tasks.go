package rootcoord

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/meta"
)

// tasks are the works that write objects. A task's record is in the catalog
// from Begin until it has committed or, if it did not, until what it left
// behind is removed. The tasks of an earlier process are revoked by being
// found at start: none of them is open, so none can commit.
type tasks struct {
	mu struct {
		sync.Mutex
		open    map[base.ID]string // kind
		ended   map[base.ID]bool   // without a commit: their objects are garbage unless named
		garbage map[base.ID]*meta.Garbage
		// done remembers the last tasks that committed, for reports that come twice.
		done  map[base.ID]bool
		order []base.ID // of done, oldest first
	}
}

// remembered is how many committed tasks are remembered.
const remembered = 10_000

func (t *tasks) init(found []*meta.Task, garbage []*meta.Garbage) {
	t.mu.open = map[base.ID]string{}
	t.mu.ended = map[base.ID]bool{}
	t.mu.garbage = map[base.ID]*meta.Garbage{}
	t.mu.done = map[base.ID]bool{}
	for _, task := range found {
		t.mu.ended[task.ID] = true
	}
	for _, g := range garbage {
		t.mu.garbage[g.ID] = g
	}
}

// committed notes what a published change ended and what it left to delete.
func (t *tasks) committed(ended []base.ID, garbage []*meta.Garbage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range ended {
		delete(t.mu.open, id)
		t.mu.done[id] = true
		t.mu.order = append(t.mu.order, id)
		if len(t.mu.order) > remembered {
			delete(t.mu.done, t.mu.order[0])
			t.mu.order = t.mu.order[1:]
		}
	}
	for _, g := range garbage {
		t.mu.garbage[g.ID] = g
	}
}

// state tells whether a task is open, and whether it has committed.
func (t *tasks) state(id base.ID) (open, done bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, open = t.mu.open[id]
	return open, t.mu.done[id]
}

// errRevoked: a commit came from a task that is not open.
func errRevoked(id base.ID) error {
	return merr.Internal.Text("task %d has ended or was revoked: it cannot commit", id)
}

// Begin implements role.Segments.
func (c *Coord) Begin(ctx context.Context, kind string) (base.ID, error) {
	id, err := c.ids.Next(ctx, 1)
	if err != nil {
		return 0, err
	}
	var change meta.Change
	change.PutTask(&meta.Task{ID: id, Kind: kind})
	if err := c.catalog.Apply(ctx, &change); err != nil {
		return 0, err
	}
	c.tasks.mu.Lock()
	defer c.tasks.mu.Unlock()
	c.tasks.mu.open[id] = kind
	return id, nil
}

// End implements role.Segments. The record goes when the objects are gone.
func (c *Coord) End(_ context.Context, task base.ID) error {
	c.tasks.mu.Lock()
	_, open := c.tasks.mu.open[task]
	if open {
		delete(c.tasks.mu.open, task)
		c.tasks.mu.ended[task] = true
	}
	c.tasks.mu.Unlock()
	if open {
		c.loops.KickSweep()
	}
	return nil
}

// Leftovers implements sched.Host: tasks that ended without a commit.
func (h *host) Leftovers() []base.ID {
	t := &h.tasks
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]base.ID, 0, len(t.mu.ended))
	for id := range t.mu.ended {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// ForgetTasks implements sched.Host: nothing of these tasks is left.
func (h *host) ForgetTasks(ctx context.Context, ids []base.ID) error {
	var change meta.Change
	for _, id := range ids {
		change.DropTask(id)
	}
	if err := h.catalog.Apply(ctx, &change); err != nil {
		return err
	}
	h.tasks.mu.Lock()
	defer h.tasks.mu.Unlock()
	for _, id := range ids {
		delete(h.tasks.mu.ended, id)
	}
	return nil
}

// Garbage implements sched.Host: what was dropped of a collection and is to be deleted.
func (h *host) Garbage(collection base.ID) []*meta.Garbage {
	t := &h.tasks
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []*meta.Garbage
	for _, g := range t.mu.garbage {
		if g.Collection == collection {
			out = append(out, g)
		}
	}
	slices.SortFunc(out, func(a, b *meta.Garbage) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// ForgetGarbage implements sched.Host: these objects are deleted.
func (h *host) ForgetGarbage(ctx context.Context, ids []base.ID) error {
	var change meta.Change
	for _, id := range ids {
		change.DropGarbage(id)
	}
	if err := h.catalog.Apply(ctx, &change); err != nil {
		return err
	}
	h.tasks.mu.Lock()
	defer h.tasks.mu.Unlock()
	for _, id := range ids {
		delete(h.tasks.mu.garbage, id)
	}
	return nil
}
