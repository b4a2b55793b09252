package segment

import (
	"slices"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
)

// rowSet is all rows of a segment, pinned until close.
type rowSet struct {
	n      int
	sorted bool // by primary key, then time
	stored func(field base.ID) (*column.Column, error)
	times  []base.Timestamp
	hides  *deletes
	mapped func(c *column.Column) *window // how to read a stored column instead of its map; may be nil
	close  func()
}

// kept returns the rows that were not deleted at or before a time, ascending
// by primary key, then time, then row.
func (s *rowSet) kept(keys *column.Column, at base.Timestamp) []uint32 {
	hidden := column.BitsetOf(s.hides.hidden(at, s.n), s.n)
	out := make([]uint32, 0, s.n)
	for row := range s.n {
		if hidden.IsZero() || !hidden.Get(row) {
			out = append(out, uint32(row))
		}
	}
	if s.sorted {
		return out
	}
	// Rows ascend by time, so a stable order by key is all.
	byKey := func(a, b uint32) int {
		if c := compareKeys(keys, int(a), keys, int(b)); c != 0 {
			return c
		}
		return int(int64(a) - int64(b))
	}
	if !slices.IsSortedFunc(out, byKey) { // ids that the server gave ascend
		slices.SortFunc(out, byKey)
	}
	return out
}

// merger merges the sorted rows of several sources: a binary heap of their
// next rows.
type merger struct {
	keys  []*column.Column // of sources
	times [][]base.Timestamp
	rows  [][]uint32 // of sources, what is left
	heap  []uint32   // sources that have rows, the one with the smallest first
}

// mergeOrder returns the rows of all sources by key, then time, then source.
// It takes 8 bytes a row.
func mergeOrder(keys []*column.Column, times [][]base.Timestamp, rows [][]uint32) []rowRef {
	m := &merger{keys: keys, times: times, rows: rows}
	total := 0
	for i, list := range rows {
		if total += len(list); len(list) > 0 {
			m.heap = append(m.heap, uint32(i))
		}
	}
	for i := len(m.heap)/2 - 1; i >= 0; i-- {
		m.down(i)
	}
	out := make([]rowRef, 0, total)
	for len(m.heap) > 0 {
		src := m.heap[0]
		out = append(out, rowRef{src, m.rows[src][0]})
		m.rows[src] = m.rows[src][1:]
		if len(m.rows[src]) == 0 {
			last := len(m.heap) - 1
			m.heap[0], m.heap = m.heap[last], m.heap[:last]
		}
		m.down(0)
	}
	return out
}

func (m *merger) less(a, b uint32) bool {
	i, j := int(m.rows[a][0]), int(m.rows[b][0])
	if c := compareKeys(m.keys[a], i, m.keys[b], j); c != 0 {
		return c < 0
	}
	if s, t := m.times[a][i], m.times[b][j]; s != t {
		return s < t
	}
	return a < b
}

func (m *merger) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(m.heap) {
			return
		}
		if child+1 < len(m.heap) && m.less(m.heap[child+1], m.heap[child]) {
			child++
		}
		if !m.less(m.heap[child], m.heap[i]) {
			return
		}
		m.heap[i], m.heap[child] = m.heap[child], m.heap[i]
		i = child
	}
}
