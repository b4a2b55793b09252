package sparse

import "math/bits"

// key is a list of the index: of the rows that have a value above 0 in a
// dimension, or of those that have one below. Of the keys of a dimension that
// of the values below 0 comes second.
type key uint64

func keyOf(dim uint32, negative bool) key {
	k := key(dim) << 1
	if negative {
		k |= 1
	}
	return k
}

func (k key) dim() uint32    { return uint32(k >> 1) }
func (k key) negative() bool { return k&1 != 0 }

// tally numbers keys in the order in which they come: a hash table with open
// addressing, at most half full.
type tally struct {
	slots []uint32 // number + 1, or 0
	shift int
	keys  []key
}

// reset empties t.
func (t *tally) reset() {
	clear(t.slots)
	t.keys = t.keys[:0]
}

// number returns the number of a key and whether it is new.
func (t *tally) number(k key) (int, bool) {
	if 2*len(t.keys) >= len(t.slots) {
		t.grow()
	}
	at := t.place(k)
	for {
		switch n := t.slots[at]; {
		case n == 0:
			t.keys = append(t.keys, k)
			t.slots[at] = uint32(len(t.keys))
			return len(t.keys) - 1, true
		case t.keys[n-1] == k:
			return int(n - 1), false
		}
		at = (at + 1) & (len(t.slots) - 1)
	}
}

func (t *tally) place(k key) int { return int(uint64(k) * 0x9e3779b97f4a7c15 >> t.shift) }

func (t *tally) grow() {
	t.slots = make([]uint32, max(1024, 2*len(t.slots)))
	t.shift = 65 - bits.Len(uint(len(t.slots)))
	for i, k := range t.keys {
		at := t.place(k)
		for t.slots[at] != 0 {
			at = (at + 1) & (len(t.slots) - 1)
		}
		t.slots[at] = uint32(i + 1)
	}
}
