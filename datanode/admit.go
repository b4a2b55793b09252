package datanode

import (
	"context"
	"time"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/mq"
)

// gate is the owner behind the node's admission: rows wait while there are
// too many in memory, so that a slow object store slows its writers and never
// fills the memory.
type gate struct{ n *Node }

// Append admits the group's rows, then writes it.
func (g gate) Append(ctx context.Context, group *mq.Group) (base.Timestamp, error) {
	var bytes int64
	for _, m := range group.Messages {
		if m.Rows != nil {
			bytes += m.Rows.Size()
		}
		if m.Keys != nil {
			bytes += m.Keys.Size()
		}
	}
	if err := g.n.admit(ctx, bytes); err != nil {
		return 0, err
	}
	defer g.n.rows.Add(-bytes)
	return g.n.owner.Append(ctx, group)
}

// ReadAt asks the owner for a time to read at.
func (g gate) ReadAt(ctx context.Context, guarantee base.Timestamp) (base.Timestamp, error) {
	return g.n.owner.ReadAt(ctx, guarantee)
}

// admit counts bytes as under way once there is room for them. A request
// larger than all room is admitted when nothing else is in memory.
func (n *Node) admit(ctx context.Context, bytes int64) error {
	var timeout <-chan time.Time
	for {
		n.freed.Lock()
		changed := n.freed.changed
		n.freed.Unlock()
		under := n.rows.Add(bytes)
		used := n.cfg.Budget.Used() + under
		if used <= n.cfg.Admit || used == bytes {
			return nil
		}
		n.rows.Add(-bytes)
		n.wake()
		if timeout == nil {
			t := time.NewTimer(n.cfg.AdmitWait)
			defer t.Stop()
			timeout = t.C
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout:
			return merr.QuotaExceeded.Msg("memory quota exceeded, please allocate more resources: %d bytes wait to be flushed, the limit is %d", used, n.cfg.Admit)
		}
	}
}

// release wakes the writers that wait for room.
func (n *Node) release() {
	n.freed.Lock()
	defer n.freed.Unlock()
	close(n.freed.changed)
	n.freed.changed = make(chan struct{})
}
