package vec

import "testing"

// TestListKernelsReadNothingBeyond runs the kernels of columns and lists on slices
// that end at an unreadable page.
func TestListKernelsReadNothingBeyond(t *testing.T) {
	for _, k := range All() {
		for n := 1; n <= 50; n++ {
			for dim := 1; dim <= 5; dim++ {
				p, cols := atEnd(t, make([]float32, dim)), atEnd(t, make([]float32, dim*n))
				k.NearestColumn(p, cols, n)
				k.IPColumns(p, cols, atEnd(t, make([]float32, n)))
			}
		}
		for n := 1; n <= 5; n++ {
			for units := 1; units <= 9; units++ {
				dim := units * BytesUnit
				k.IPBytes(atEnd(t, make([]int16, dim)), atEnd(t, make([]byte, n*dim)), atEnd(t, make([]int32, n)))
				tables, blocks := atEnd(t, make([]byte, 32*units)), atEnd(t, make([]byte, NibbleRows*units*n))
				k.Nibbles(tables, blocks, atEnd(t, make([]uint16, NibbleRows*n)))
			}
		}
	}
}
