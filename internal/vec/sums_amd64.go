//go:build amd64 && !purego && !race

package vec

// The assembly takes n codes or sums, a positive multiple of SumsUnit.

//go:noescape
func addDenseAVX512(sums *uint16, codes *byte, n int, factor uint16)

//go:noescape
func addDenseAVX2(sums *uint16, codes *byte, n int, factor uint16)

//go:noescape
func takeSumsAVX512(sums *uint16, n int, least uint16, places, values *uint16) int

//go:noescape
func takeSumsAVX2(sums *uint16, n int, least uint16, places, values *uint16) int

//go:noescape
func codesFromAVX512(codes *byte, n int, least byte, out *uint16) int

//go:noescape
func codesFromAVX2(codes *byte, n int, least byte, out *uint16) int

func (k Kernels) addDense(sums *Sums, codes []byte, factor uint16) {
	switch k.isa {
	case avx512, vnni:
		addDenseAVX512(&sums[0], &codes[0], len(codes), factor)
	case avx2:
		addDenseAVX2(&sums[0], &codes[0], len(codes), factor)
	default:
		addDensePortable(sums, codes, factor)
	}
}

func (k Kernels) takeSums(sums *Sums, n int, least uint16, places, values []uint16) int {
	switch k.isa {
	case avx512, vnni:
		return takeSumsAVX512(&sums[0], n, least, &places[0], &values[0])
	case avx2:
		return takeSumsAVX2(&sums[0], n, least, &places[0], &values[0])
	default:
		return takeSumsPortable(sums, n, least, places, values)
	}
}

func (k Kernels) codesFrom(codes []byte, least byte, out []uint16) int {
	switch k.isa {
	case avx512, vnni:
		return codesFromAVX512(&codes[0], len(codes), least, &out[0])
	case avx2:
		return codesFromAVX2(&codes[0], len(codes), least, &out[0])
	default:
		return codesFromPortable(codes, least, out)
	}
}
