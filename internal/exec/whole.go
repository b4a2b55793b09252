package exec

import (
	"encoding/binary"
	"strconv"

	"github.com/redkite-db/redkite/internal/scalarindex"
	"github.com/redkite-db/redkite/internal/schema"
)

// An index of whole JSON values has, of each scalar in them, the key
//
//	<JSON pointer> 00 <kind> <value>
//
// where numbers are eight bytes of the order of doubles. An element of a list
// has two, one by its own pointer and one by the list's, of a kind of its own.
// Keys of different places may be equal, and of equal members all have keys:
// what such an index finds is always looked at. So are rows with the key "",
// whose values lie deeper than the index goes.

// maxDepth is how deep an index of whole values goes; so the keys of a value
// are at most so many times as long as the value.
const maxDepth = 32

// appendPlace appends what the keys of a type begin with under a pointer.
func appendPlace(dst, pointer []byte, t schema.Type, element bool) []byte {
	kind := byte('s')
	switch t {
	case schema.Bool:
		kind = 'b'
	case schema.Double:
		kind = 'n'
	}
	if element {
		kind -= 'a' - 'A'
	}
	return append(append(dst, pointer...), 0, kind)
}

// orderedBytes are eight bytes of the order of the integers.
func orderedBytes(v int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(v)^1<<63) }

// addWhole adds all scalars of a value that a pointer leads to.
func (k *keyer) addWhole(v jsonValue, pointer []byte, depth, row int) {
	switch v.kind {
	case jsonObject, jsonArray:
		if depth == maxDepth {
			k.b.AddString(nil, row)
			return
		}
	}
	switch v.kind {
	case jsonObject:
		for it := (members{doc: v.raw}); it.next(); {
			k.addWhole(it.value(), append(pointer, scalarindex.Pointer([]string{it.key})...), depth+1, row)
		}
	case jsonArray:
		i := int64(0)
		for it := (elements{doc: v.raw}); it.next(); i++ {
			el := it.value()
			k.addPlaced(el, pointer, true, row)
			k.addWhole(el, strconv.AppendInt(append(pointer, '/'), i, 10), depth+1, row)
		}
	default:
		k.addPlaced(v, pointer, false, row)
	}
}

// addPlaced adds the key of a scalar; others have none.
func (k *keyer) addPlaced(v jsonValue, pointer []byte, element bool, row int) {
	var t schema.Type
	var value []byte
	switch v.kind {
	case jsonBool:
		t, value = schema.Bool, orderedBytes(v.i)
	case jsonInt:
		t, value = schema.Double, orderedBytes(orderedDouble(float64(v.i)))
	case jsonDouble:
		t, value = schema.Double, orderedBytes(orderedDouble(v.f))
	case jsonString:
		t, value = schema.VarChar, v.raw
		if v.escaped {
			var ok bool
			if value, ok = unescapeJSON(k.scratch[:0], v.raw); !ok {
				return // no predicate is true of it
			}
			k.scratch = value
		}
	default:
		return
	}
	k.whole = append(appendPlace(k.whole[:0], pointer, t, element), value...)
	k.b.AddString(k.whole, row)
}
