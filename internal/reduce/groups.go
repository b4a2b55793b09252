package reduce

import (
	"encoding/binary"
	"slices"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/schema"
)

// Grouped are one part's hits, in any order within a query, and the group that
// each belongs to.
type Grouped struct {
	Hits
	Groups []string // see GroupKeys
}

// Groups merges the parts' hits of each of nq queries into groups: it leaves out
// the first offset groups, keeps the next k, and of each the best size hits. A
// group is as good as its best hit, and its hits follow each other, the best
// first. Of hits with equal key only the best stays; equal scores are ordered by
// key.
func Groups(parts []Grouped, nq, offset, k, size int, larger bool) Top {
	t := Top{Counts: make([]int, nq)}
	at := make([]int, len(parts))
	var hits []Pick
	seen := merger{}
	for q := range nq {
		hits = hits[:0]
		for p := range parts {
			for range parts[p].Counts[q] {
				hits = append(hits, Pick{Part: int32(p), Row: int32(at[p])})
				at[p]++
			}
		}
		slices.SortFunc(hits, func(a, b Pick) int {
			x, y := parts[a.Part].Scores[a.Row], parts[b.Part].Scores[b.Row]
			switch {
			case x == y:
				return CompareKeys(parts[a.Part].Keys, int(a.Row), parts[b.Part].Keys, int(b.Row))
			case (x > y) == larger:
				return -1
			default:
				return 1
			}
		})
		clear(seen.ints)
		clear(seen.strings)
		number := map[string]int{}
		var groups [][]Pick
		for _, h := range hits {
			name := parts[h.Part].Groups[h.Row]
			i, known := number[name]
			if !known && len(groups) == offset+k || known && len(groups[i]) == size || seen.repeated(parts[h.Part].Keys, int(h.Row)) {
				continue
			}
			if !known {
				i = len(groups)
				number[name] = i
				groups = append(groups, nil)
			}
			groups[i] = append(groups[i], h)
		}
		for _, group := range groups[min(offset, len(groups)):] {
			for _, h := range group {
				t.Picks = append(t.Picks, h)
				t.Scores = append(t.Scores, parts[h.Part].Scores[h.Row])
				t.Counts[q]++
			}
		}
	}
	return t
}

// CanGroup reports whether GroupKeys knows a type.
func CanGroup(t schema.Type) bool {
	switch t {
	case schema.Bool, schema.Int8, schema.Int16, schema.Int32, schema.Int64, schema.VarChar:
		return true
	}
	return false
}

// GroupKeys returns for each of n rows the values of the columns as one string:
// equal ones mean equal values, null being one. The columns are of types that
// can group.
func GroupKeys(columns []*column.Column, n int) []string {
	out := make([]string, n)
	var b []byte
	for i := range out {
		b = b[:0]
		for _, c := range columns {
			if c.IsNull(i) {
				b = append(b, 0)
				continue
			}
			b = append(b, 1)
			switch c.Type {
			case schema.Bool:
				b = append(b, 0)
				if c.Bools[i] {
					b[len(b)-1] = 1
				}
			case schema.Int64:
				b = binary.LittleEndian.AppendUint64(b, uint64(c.Int64s[i]))
			case schema.VarChar:
				v := c.Bytes.At(i)
				b = append(binary.AppendUvarint(b, uint64(len(v))), v...)
			default:
				b = binary.LittleEndian.AppendUint32(b, uint32(c.Int32s[i]))
			}
		}
		out[i] = string(b)
	}
	return out
}
