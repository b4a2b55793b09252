package segment

import (
	"bytes"
	"iter"
	"math/bits"

	"github.com/redkite-db/redkite/internal/binlog"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/schema"
)

// keyTable finds the rows of a primary key in a growing segment: a hash table
// with linear probing whose slots hold the latest row of a key, and for each
// row the one before it with the same key. Only the writer uses it.
type keyTable struct {
	slots  []uint32 // row + 1; 0: empty
	before []uint32 // row + 1; 0: none
	budget *mem.Budget
	bytes  int64 // in the budget
}

// hashKey returns the hash of the key at i.
func hashKey(c *column.Column, i int) uint64 {
	if c.Type == schema.Int64 {
		// Fibonacci hashing; keys are often consecutive.
		h := uint64(c.Int64s[i]) * 0x9e3779b97f4a7c15
		return h ^ h>>29
	}
	return binlog.HashBytes(c.Bytes.At(i))
}

// sameKey compares the keys at i of a and at j of b, of one type.
func sameKey(a *column.Column, i int, b *column.Column, j int) bool {
	if a.Type == schema.Int64 {
		return a.Int64s[i] == b.Int64s[j]
	}
	return bytes.Equal(a.Bytes.At(i), b.Bytes.At(j))
}

// reserve makes room for n more rows.
func (t *keyTable) reserve(keys *column.Column, n int) error {
	rows := len(t.before) + n
	size := max(64, 1<<bits.Len(uint(rows+rows/2))) // at most two thirds full
	var grown []uint32
	want := int64(4 * (max(cap(t.before), rows) + max(size, len(t.slots))))
	if err := t.budget.Reserve(want - t.bytes); err != nil {
		return err
	}
	t.bytes = want
	if size > len(t.slots) {
		grown = make([]uint32, size)
		old := t.slots
		t.slots = grown
		for _, s := range old {
			if s != 0 {
				t.slots[t.find(keys, keys, int(s-1))] = s
			}
		}
	}
	if rows > cap(t.before) {
		before := make([]uint32, len(t.before), max(rows, 2*cap(t.before)))
		copy(before, t.before)
		t.before = before
	}
	return nil
}

// find returns the slot of the key at i of c, or the empty one where it would
// be. keys are the segment's.
func (t *keyTable) find(keys, c *column.Column, i int) int {
	mask := len(t.slots) - 1
	for at := int(hashKey(c, i)) & mask; ; at = (at + 1) & mask {
		if s := t.slots[at]; s == 0 || sameKey(keys, int(s-1), c, i) {
			return at
		}
	}
}

// add enters the rows [len(t.before), keys.Len()), for which there is room.
func (t *keyTable) add(keys *column.Column) {
	for row := len(t.before); row < keys.Len(); row++ {
		at := t.find(keys, keys, row)
		t.before = append(t.before, t.slots[at])
		t.slots[at] = uint32(row + 1)
	}
}

// rows yields the rows of the key at i of c, the latest first.
func (t *keyTable) rows(keys, c *column.Column, i int) iter.Seq[int] {
	return func(yield func(row int) bool) {
		if len(t.slots) == 0 {
			return
		}
		for s := t.slots[t.find(keys, c, i)]; s != 0 && yield(int(s-1)); s = t.before[s-1] {
		}
	}
}
