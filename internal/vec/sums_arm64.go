//go:build arm64 && !purego && !race

package vec

// The assembly takes n codes or sums, a positive multiple of SumsUnit.

//go:noescape
func addDenseNEON(sums *uint16, codes *byte, n int, factor uint16)

//go:noescape
func takeSumsNEON(sums *uint16, n int, least uint16, places, values *uint16) int

//go:noescape
func codesFromNEON(codes *byte, n int, least byte, out *uint16) int

func (k Kernels) addDense(sums *Sums, codes []byte, factor uint16) {
	if k.isa == portable {
		addDensePortable(sums, codes, factor)
		return
	}
	addDenseNEON(&sums[0], &codes[0], len(codes), factor)
}

func (k Kernels) takeSums(sums *Sums, n int, least uint16, places, values []uint16) int {
	if k.isa == portable {
		return takeSumsPortable(sums, n, least, places, values)
	}
	return takeSumsNEON(&sums[0], n, least, &places[0], &values[0])
}

func (k Kernels) codesFrom(codes []byte, least byte, out []uint16) int {
	if k.isa == portable {
		return codesFromPortable(codes, least, out)
	}
	return codesFromNEON(&codes[0], len(codes), least, &out[0])
}
