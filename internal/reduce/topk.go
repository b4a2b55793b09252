package reduce

import (
	"github.com/redkite-db/redkite/internal/column"
)

// Hits are one part's hits: for each query Counts[q] of them, best first, equal
// scores by ascending key, all queries one after another.
type Hits struct {
	Counts []int
	Scores []float32
	Keys   *column.Column
}

// Top are the merged hits of all queries.
type Top struct {
	Counts []int // of each query
	Picks  []Pick
	Scores []float32
}

// TopK merges the parts' hits: for each of nq queries it leaves out the first
// offset hits and keeps the next k. larger says that a larger score is better.
// Of hits with equal key only the best stays, so parts may hold versions of
// one row; equal scores are ordered by key.
func TopK(parts []Hits, nq, offset, k int, larger bool) Top {
	t := Top{Counts: make([]int, nq)}
	m := merger{parts: parts, larger: larger, at: make([]int, len(parts)), end: make([]int, len(parts))}
	for q := range nq {
		for p := range parts {
			m.at[p] = m.end[p]
			m.end[p] += parts[p].Counts[q]
		}
		t.Counts[q] = m.query(&t, offset, k)
	}
	return t
}

// merger merges the sorted hits of one query after another.
type merger struct {
	parts   []Hits
	larger  bool
	at, end []int // of the query, in each part
	ints    map[int64]bool
	strings map[string]bool
}

func (m *merger) query(t *Top, offset, k int) int {
	clear(m.ints)
	clear(m.strings)
	kept := 0
	for seen := 0; kept < k; {
		p := m.best()
		if p < 0 {
			break
		}
		row := m.at[p]
		m.at[p]++
		if m.repeated(m.parts[p].Keys, row) {
			continue
		}
		if seen++; seen <= offset {
			continue
		}
		t.Picks = append(t.Picks, Pick{Part: int32(p), Row: int32(row)})
		t.Scores = append(t.Scores, m.parts[p].Scores[row])
		kept++
	}
	return kept
}

// best returns the part whose next hit is the best of all, -1 at the end.
func (m *merger) best() int {
	best := -1
	for p := range m.parts {
		if m.at[p] < m.end[p] && (best < 0 || m.before(p, best)) {
			best = p
		}
	}
	return best
}

func (m *merger) before(p, q int) bool {
	a, b := m.parts[p].Scores[m.at[p]], m.parts[q].Scores[m.at[q]]
	if a != b {
		return (a > b) == m.larger
	}
	return CompareKeys(m.parts[p].Keys, m.at[p], m.parts[q].Keys, m.at[q]) < 0
}

// repeated reports whether the key came before, and remembers it.
func (m *merger) repeated(keys *column.Column, row int) bool {
	if keys.Int64s != nil {
		if m.ints == nil {
			m.ints = make(map[int64]bool)
		}
		key := keys.Int64s[row]
		was := m.ints[key]
		m.ints[key] = true
		return was
	}
	if m.strings == nil {
		m.strings = make(map[string]bool)
	}
	key := keys.Bytes.At(row)
	if m.strings[string(key)] {
		return true
	}
	m.strings[string(key)] = true
	return false
}
