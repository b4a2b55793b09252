//go:build (!amd64 && !arm64) || purego || race

package vec

import "math"

func (i isa) available() bool { return i == portable }

func vnniKernels() Kernels { return Kernels{isa: vnni} }

func (k Kernels) l2(q, rows []float32, ids []uint32, out []float32, _ int) {
	l2Portable(q, rows, ids, out)
}

func (k Kernels) ip(q, rows []float32, ids []uint32, out []float32, _ int) {
	ipPortable(q, rows, ids, out)
}

func (k Kernels) l2Codes(q, rows []byte, ids, out []uint32, _ int) {
	l2CodesPortable(q, rows, ids, out)
}

func (k Kernels) ipCodes(q []byte, base uint32, rows []byte, ids, out []uint32, _ int) {
	ipCodesPortable(q, base, rows, ids, out)
}

func (k Kernels) unvisited(ids []uint32, visited []uint64, limit int, out []uint32, _ []byte, _ int, _ []uint32) int {
	return unvisitedPortable(ids, visited, limit, out)
}

func (k Kernels) offer(p *Pool, ids, dist, _ []uint32, _ int) int { return p.offerPortable(ids, dist) }

func (k Kernels) ipBytes(q []int16, rows []byte, out []int32) { ipBytesPortable(q, rows, out) }

func (k Kernels) nibbles(tables, blocks []byte, out []uint16) { nibblesPortable(tables, blocks, out) }

func (k Kernels) nearestColumn(p, cols []float32, n int) int {
	return nearestColumnPortable(p, cols, n, 0, float32(math.Inf(1)), 0)
}

func (k Kernels) ipColumns(p, cols, out []float32) { ipColumnsPortable(p, cols, out, 0) }
