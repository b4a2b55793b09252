//go:build arm64 && !purego && !race

package vec

func (k Kernels) nibbles(tables, blocks []byte, out []uint16) {
	if k.isa == portable {
		nibblesPortable(tables, blocks, out)
		return
	}
	nibblesAsm(&tables[0], len(tables)/32, &blocks[0], len(out)/NibbleRows, &out[0])
}
