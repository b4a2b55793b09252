package scalarindex

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// errTooLarge says that a segment has more keys than a file can hold.
var errTooLarge = errors.New("scalarindex: more than 2^32-1 entries or bytes of keys")

// Builder collects the keys of rows, which come in ascending order; a row may
// have any number of keys, and the same one repeatedly.
type Builder struct {
	spec    Spec
	total   int
	numbers []numberEntry
	ids     map[string]uint32 // of the strings so far
	strings []string          // by id
	data    int               // bytes of strings
	last    []uint32          // by id: the last row with the key, plus 1
	entries []stringEntry
}

type numberEntry struct {
	key int64
	row uint32
}

type stringEntry struct{ id, row uint32 }

// NewBuilder returns a builder for a segment of rows rows.
func NewBuilder(spec Spec, rows int) *Builder {
	b := &Builder{spec: spec, total: rows}
	if spec.Strings() {
		b.ids = make(map[string]uint32)
	}
	return b
}

// AddNumber adds a key of a row.
func (b *Builder) AddNumber(key int64, row int) {
	b.numbers = append(b.numbers, numberEntry{key, uint32(row)})
}

// AddString adds a key of a row, copied.
func (b *Builder) AddString(key []byte, row int) {
	id, ok := b.ids[string(key)]
	if !ok {
		id = uint32(len(b.strings))
		s := string(key)
		b.ids[s] = id
		b.strings, b.last = append(b.strings, s), append(b.last, 0)
		b.data += len(s)
	}
	if b.last[id] != uint32(row)+1 {
		b.last[id] = uint32(row) + 1
		b.entries = append(b.entries, stringEntry{id, uint32(row)})
	}
}

// Bytes returns about how much memory the builder and its result take.
func (b *Builder) Bytes() int64 {
	return int64(28*len(b.numbers) + 64*len(b.strings) + 2*b.data + 12*len(b.entries))
}

// Finish returns the index; the builder is spent.
func (b *Builder) Finish() (*Index, error) {
	if b.total > math.MaxInt32 || len(b.numbers) > math.MaxUint32 || len(b.entries) > math.MaxUint32 || b.data > math.MaxUint32 {
		return nil, fmt.Errorf("index of %d rows: %w", b.total, errTooLarge)
	}
	x := &Index{spec: b.spec.String(), total: b.total}
	if b.spec.Strings() {
		b.finishStrings(x)
	} else {
		b.finishNumbers(x)
	}
	if len(x.starts) == x.Keys()+1 && len(x.rows) == x.Keys() {
		x.starts = nil
	}
	return x, nil
}

func (b *Builder) finishNumbers(x *Index) {
	slices.SortFunc(b.numbers, func(p, q numberEntry) int {
		if c := cmp.Compare(p.key, q.key); c != 0 {
			return c
		}
		return cmp.Compare(p.row, q.row)
	})
	b.numbers = slices.Compact(b.numbers)
	x.rows = make([]uint32, len(b.numbers))
	for i, e := range b.numbers {
		if i == 0 || e.key != b.numbers[i-1].key {
			x.numbers, x.starts = append(x.numbers, e.key), append(x.starts, uint32(i))
		}
		x.rows[i] = e.row
	}
	x.starts = append(x.starts, uint32(len(b.numbers)))
}

// finishStrings orders the keys and counts the entries into their places.
func (b *Builder) finishStrings(x *Index) {
	order := make([]uint32, len(b.strings))
	for id := range order {
		order[id] = uint32(id)
	}
	slices.SortFunc(order, func(p, q uint32) int { return cmp.Compare(b.strings[p], b.strings[q]) })
	rank := b.last // of each id
	x.offsets, x.data = make([]uint32, 1, len(order)+1), make([]byte, 0, b.data)
	for r, id := range order {
		rank[id] = uint32(r)
		x.data = append(x.data, b.strings[id]...)
		x.offsets = append(x.offsets, uint32(len(x.data)))
	}
	x.starts = make([]uint32, len(order)+1)
	for _, e := range b.entries {
		x.starts[rank[e.id]+1]++
	}
	for i := range order {
		x.starts[i+1] += x.starts[i]
	}
	x.rows = make([]uint32, len(b.entries))
	next := slices.Clone(x.starts)
	for _, e := range b.entries { // rows ascend, so they do within each key
		r := rank[e.id]
		x.rows[next[r]] = e.row
		next[r]++
	}
}
