package reduce

import (
	"container/heap"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
)

// Rows are one part's rows in ascending key order.
type Rows struct {
	Keys  *column.Column
	Times []base.Timestamp // of each row; nil: of equal keys the later part's row is newer
}

// Ordered merges the parts' rows in ascending key order, of equal keys only
// the newest, leaves out the first offset and keeps at most limit (< 0: all).
func Ordered(parts []Rows, offset, limit int) []Pick {
	if len(parts) == 1 && parts[0].Times == nil {
		return window(parts[0], offset, limit)
	}
	h := &cursors{parts: parts}
	for p := range parts {
		if parts[p].Keys != nil && parts[p].Keys.Len() > 0 {
			h.items = append(h.items, Pick{Part: int32(p)})
		}
	}
	heap.Init(h)
	var out []Pick
	for skipped := 0; h.Len() > 0 && (limit < 0 || len(out) < limit); {
		first := h.items[0] // the newest of its key
		h.next()
		for h.Len() > 0 && h.compare(first, h.items[0]) == 0 {
			h.next()
		}
		if skipped < offset {
			skipped++
			continue
		}
		out = append(out, first)
	}
	return out
}

// window is Ordered of one part, which has no key twice.
func window(r Rows, offset, limit int) []Pick {
	n := 0
	if r.Keys != nil {
		n = max(0, r.Keys.Len()-offset)
	}
	if limit >= 0 {
		n = min(n, limit)
	}
	out := make([]Pick, n)
	for i := range out {
		out[i].Row = int32(offset + i)
	}
	return out
}

// cursors is a heap of the next row of each part: by key, the newest first.
type cursors struct {
	parts []Rows
	items []Pick
}

func (c *cursors) compare(a, b Pick) int {
	return CompareKeys(c.parts[a.Part].Keys, int(a.Row), c.parts[b.Part].Keys, int(b.Row))
}

// next moves the first cursor on.
func (c *cursors) next() {
	c.items[0].Row++
	if int(c.items[0].Row) < c.parts[c.items[0].Part].Keys.Len() {
		heap.Fix(c, 0)
	} else {
		heap.Pop(c)
	}
}

func (c *cursors) time(p Pick) base.Timestamp {
	if times := c.parts[p.Part].Times; times != nil {
		return times[p.Row]
	}
	return 0
}

// Len is part of heap.Interface.
func (c *cursors) Len() int { return len(c.items) }

// Less is part of heap.Interface.
func (c *cursors) Less(i, j int) bool {
	a, b := c.items[i], c.items[j]
	if d := c.compare(a, b); d != 0 {
		return d < 0
	}
	if ta, tb := c.time(a), c.time(b); ta != tb {
		return ta > tb
	}
	if a.Part != b.Part {
		return a.Part > b.Part
	}
	return a.Row > b.Row
}

// Swap is part of heap.Interface.
func (c *cursors) Swap(i, j int) { c.items[i], c.items[j] = c.items[j], c.items[i] }

// Push is part of heap.Interface.
func (c *cursors) Push(x any) { c.items = append(c.items, x.(Pick)) }

// Pop is part of heap.Interface.
func (c *cursors) Pop() any {
	last := c.items[len(c.items)-1]
	c.items = c.items[:len(c.items)-1]
	return last
}
