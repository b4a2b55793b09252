//go:build (amd64 || arm64) && !purego && !race

package vec

import "math"

// nearestWhole looks at the first whole vectors, a positive multiple of
// columnUnit, of n and sets, for each lane, the least distance and the vector
// that has it.
//
//go:noescape
func nearestWhole(p *float32, dim int, cols *float32, n, whole int, least *[columnUnit]float32, number *[columnUnit]uint32)

// ipColumnsWhole computes the inner products of the first whole vectors, a
// positive multiple of columnUnit, of n.
//
//go:noescape
func ipColumnsWhole(p *float32, dim int, cols *float32, n, whole int, out *float32)

// The assembly is for AVX2 and for NEON, which all instruction sets but the portable
// one have.

func (k Kernels) nearestColumn(p, cols []float32, n int) int {
	whole := n - n%columnUnit
	if k.isa == portable || whole == 0 {
		return nearestColumnPortable(p, cols, n, 0, float32(math.Inf(1)), 0)
	}
	var lanes [columnUnit]float32
	var numbers [columnUnit]uint32
	nearestWhole(&p[0], len(p), &cols[0], n, whole, &lanes, &numbers)
	least, at := firstLeast(&lanes, &numbers)
	return nearestColumnPortable(p, cols, n, whole, least, at)
}

func (k Kernels) ipColumns(p, cols, out []float32) {
	n := len(out)
	whole := n - n%columnUnit
	if k.isa == portable || whole == 0 {
		ipColumnsPortable(p, cols, out, 0)
		return
	}
	ipColumnsWhole(&p[0], len(p), &cols[0], n, whole, &out[0])
	ipColumnsPortable(p, cols, out, whole)
}
