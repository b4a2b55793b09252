package vec

import (
	"testing"

	"github.com/stretchr/testify/require"
)

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

// TestPackedReadNothingBeyond does the same with packed codes.
func TestPackedReadNothingBeyond(t *testing.T) {
	for _, k := range All() {
		for _, p := range packings {
			for dim := PackedUnit; dim <= 3*PackedUnit; dim += PackedUnit {
				for n := 1; n <= 9; n++ {
					q, rows := atEnd(t, make([]byte, dim)), atEnd(t, make([]byte, n*p.Stride(dim)))
					ids, out := atEnd(t, make([]uint32, n)), atEnd(t, make([]uint32, n))
					for i := range ids {
						ids[i] = uint32(n - 1 - i)
					}
					k.L2PackedIDs(p, q, 0, rows, ids, out, 0)
					k.IPPackedIDs(p, q, 0, rows, ids, out, 0)
				}
			}
		}
	}
}

// TestSumsReadNothingBeyond does the same with those of sums; a hit in each place
// fills what they write to.
func TestSumsReadNothingBeyond(t *testing.T) {
	for _, k := range All() {
		for n := SumsUnit; n <= 4*SumsUnit; n += SumsUnit {
			sums, codes := new(Sums), atEnd(t, make([]byte, n))
			for i := range codes {
				codes[i] = 1
			}
			places, values := atEnd(t, make([]uint16, n)), atEnd(t, make([]uint16, n))
			k.AddDense(sums, codes, 1)
			require.Equal(t, n, k.TakeSums(sums, n, 1, places, values))
			require.Equal(t, n, k.CodesFrom(codes, 1, places))
		}
	}
}
