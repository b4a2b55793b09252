//go:build (!amd64 && !arm64) || purego || race

package vec

func (k Kernels) addDense(sums *Sums, codes []byte, factor uint16) {
	addDensePortable(sums, codes, factor)
}

func (k Kernels) takeSums(sums *Sums, n int, least uint16, places, values []uint16) int {
	return takeSumsPortable(sums, n, least, places, values)
}

func (k Kernels) codesFrom(codes []byte, least byte, out []uint16) int {
	return codesFromPortable(codes, least, out)
}
