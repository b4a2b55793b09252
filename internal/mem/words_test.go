package mem

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWords(t *testing.T) {
	b := Bytes(make([]uint64, 3)) // aligned
	for i := range b {
		b[i] = byte(3 * i)
	}
	for shift := range 3 { // decoded in place, and not aligned
		part := b[shift : shift+13]
		words := Decode[uint32](part)
		require.Len(t, words, 3)
		for i, w := range words {
			require.Equal(t, binary.LittleEndian.Uint32(part[4*i:]), w, "shift %d", shift)
		}
		require.Equal(t, part[:12], Encode(words), "shift %d", shift)
		halves := Decode[uint16](part)
		require.Len(t, halves, 6)
		require.Equal(t, binary.LittleEndian.Uint16(part[10:]), halves[5], "shift %d", shift)
		require.Equal(t, part[:12], Encode(halves), "shift %d", shift)
	}
	require.Empty(t, Decode[float32](nil))
	require.Empty(t, Encode[float32](nil))
}

func TestSwap(t *testing.T) {
	s := []uint32{0x01020304, 0xa0b0c0d0}
	before := bytes.Clone(Bytes(s))
	swap(s)
	require.Equal(t, []uint32{0x04030201, 0xd0c0b0a0}, s)
	swap(s)
	require.Equal(t, before, Bytes(s))
	bytesOnly := []byte{1, 2, 3}
	swap(bytesOnly)
	require.Equal(t, []byte{1, 2, 3}, bytesOnly)
}
