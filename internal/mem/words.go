package mem

import (
	"slices"
	"unsafe"
)

// Decode returns the words of b, which are little-endian: a View where the
// machine's order and the address allow it, else a copy. Bytes beyond a whole
// number of words are left out.
func Decode[T Word](b []byte) []T {
	if LittleEndian() {
		if s, ok := View[T](b); ok {
			return s
		}
	}
	s := make([]T, len(b)/wordSize[T]())
	copy(Bytes(s), b)
	if !LittleEndian() {
		swap(s)
	}
	return s
}

// Encode is the reverse of Decode: the words of s as little-endian bytes, in
// place where that is the machine's order, else a copy.
func Encode[T Word](s []T) []byte {
	if LittleEndian() {
		return Bytes(s)
	}
	s = slices.Clone(s)
	swap(s)
	return Bytes(s)
}

// swap reverses the bytes of each word.
func swap[T Word](s []T) {
	size, b := wordSize[T](), Bytes(s)
	for ; len(b) >= size; b = b[size:] {
		slices.Reverse(b[:size])
	}
}

func wordSize[T Word]() int {
	var t T
	return int(unsafe.Sizeof(t))
}
