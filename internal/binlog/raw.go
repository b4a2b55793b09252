package binlog

import (
	"slices"
	"unsafe"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
)

// word is a value whose memory is its encoding on a little-endian machine.
type word interface {
	~int32 | ~int64 | ~float32 | ~float64 | ~uint32 | ~uint64
}

// encode returns the little-endian bytes of s: s's own memory where possible.
func encode[T word](s []T) []byte {
	b := column.View(s)
	if mem.LittleEndian() {
		return b
	}
	b = slices.Clone(b)
	swap[T](b)
	return b
}

// decode returns little-endian bytes as values: in place where the machine
// and the alignment allow it. A rest that is no whole value is left out.
func decode[T word](b []byte) []T {
	if v, ok := column.Cast[T](b); ok {
		return v
	}
	var z T
	out := make([]T, len(b)/int(unsafe.Sizeof(z)))
	copy(column.View(out), b)
	if !mem.LittleEndian() {
		swap[T](column.View(out))
	}
	return out
}

// swap reverses the bytes of each value.
func swap[T word](b []byte) {
	var z T
	size := int(unsafe.Sizeof(z))
	for ; len(b) >= size; b = b[size:] {
		slices.Reverse(b[:size])
	}
}

// boolBytes returns the memory of s, a byte each.
func boolBytes(s []bool) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}

// bools returns bytes that are all 0 or 1 as values, in place; false if one is
// neither.
func bools(b []byte) ([]bool, bool) {
	for _, v := range b {
		if v > 1 {
			return nil, false
		}
	}
	if len(b) == 0 {
		return nil, true
	}
	return unsafe.Slice((*bool)(unsafe.Pointer(unsafe.SliceData(b))), len(b)), true
}

// Timestamps views a column of timestamps as what they are.
func Timestamps(s []int64) []base.Timestamp {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*base.Timestamp)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}

// Int64s is the reverse of Timestamps.
func Int64s(s []base.Timestamp) []int64 {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}
