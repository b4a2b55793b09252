// Package mem owns the memory that the garbage collector does not: read-only
// maps of files, and slabs outside the Go heap, with the budgets that bound
// them.
//
// Such memory counts neither for GOGC nor for GOMEMLIMIT, so every slab is
// reserved in a Budget before it exists, and each Map and Slab has an owner
// who gives it back: there are no finalizers.
package mem

import "unsafe"

// Word is an element type that a slab or a map can be viewed as.
type Word interface {
	~uint8 | ~int8 | ~uint16 | ~int16 | ~uint32 | ~int32 | ~uint64 | ~int64 | ~float32 | ~float64
}

// View reinterprets b as elements of T in the machine's byte order, without a
// copy; bytes beyond a whole number of elements are left out. It reports false
// when b does not start at an address aligned for T.
func View[T Word](b []byte) ([]T, bool) {
	var t T
	size := unsafe.Sizeof(t)
	n := len(b) / int(size)
	if n == 0 {
		return nil, true
	}
	p := unsafe.Pointer(unsafe.SliceData(b))
	if uintptr(p)%size != 0 {
		return nil, false
	}
	return unsafe.Slice((*T)(p), n), true
}

// Bytes is the reverse of View: the memory of s as bytes in the machine's
// order, without a copy.
func Bytes[T Word](s []T) []byte {
	var t T
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(t)))
}

// LittleEndian reports whether the machine's byte order is that of the files,
// so that a View of a file's bytes needs no decoding.
func LittleEndian() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}
