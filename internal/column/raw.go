package column

import (
	"math"
	"unsafe"
)

// number is a fixed-width value whose memory is its encoding on a
// little-endian machine.
type number interface {
	~int32 | ~int64 | ~float32 | ~float64 | ~uint32 | ~uint64
}

// littleEndian tells whether memory can be copied as it is: every platform
// that releases are built for is little-endian.
var littleEndian = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}()

// View returns the memory of s as bytes; it aliases s.
func View[T number](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(s[0])))
}

// Cast returns b as values in place; it aliases b. It returns false if b is
// not aligned, not a whole number of values, or the machine is big-endian.
func Cast[T number](b []byte) ([]T, bool) {
	var z T
	size := int(unsafe.Sizeof(z))
	if len(b) == 0 {
		return nil, true
	}
	if !littleEndian || len(b)%size != 0 || uintptr(unsafe.Pointer(&b[0]))%unsafe.Alignof(z) != 0 {
		return nil, false
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), len(b)/size), true
}

// appendRaw appends the values little-endian.
func appendRaw[T number](dst []byte, s []T) []byte {
	if littleEndian {
		return append(dst, View(s)...)
	}
	for _, v := range s {
		raw := View([]T{v})
		for i := len(raw) - 1; i >= 0; i-- {
			dst = append(dst, raw[i])
		}
	}
	return dst
}

// decodeRaw copies n little-endian values out of the decoder.
func decodeRaw[T number](d *decoder, n int) []T {
	var z T
	size := int(unsafe.Sizeof(z))
	if n < 0 || n > math.MaxInt/size {
		d.fail("length")
		return nil
	}
	raw := d.take(n * size)
	if d.err != nil {
		return nil
	}
	out := make([]T, n)
	dst := View(out)
	copy(dst, raw)
	if !littleEndian {
		for i := 0; i < len(dst); i += size {
			for a, b := i, i+size-1; a < b; a, b = a+1, b-1 {
				dst[a], dst[b] = dst[b], dst[a]
			}
		}
	}
	return out
}
