//go:build amd64 && !purego && !race

package vec

// nearestAVX2 looks at the first whole vectors, a positive multiple of 16, of n
// and sets, for each of 16 lanes, the least distance and the vector that has it.
//
//go:noescape
func nearestAVX2(p *float32, dim int, cols *float32, n, whole int, least *[16]float32, number *[16]uint32)

// ipColumnsAVX2 computes the inner products of the first whole vectors, a
// positive multiple of 16, of n.
//
//go:noescape
func ipColumnsAVX2(p *float32, dim int, cols *float32, n, whole int, out *float32)

func (k Kernels) nearestColumns(p, cols []float32, n, whole int) (float32, int) {
	var least [16]float32
	var number [16]uint32
	nearestAVX2(&p[0], len(p), &cols[0], n, whole, &least, &number)
	return firstLeast(&least, &number)
}

func (k Kernels) ipColumns(p, cols []float32, n int, out []float32) {
	ipColumnsAVX2(&p[0], len(p), &cols[0], n, len(out), &out[0])
}
