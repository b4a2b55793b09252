//go:build !amd64 || purego || race

package vec

func (k Kernels) clearBits(words []uint64, first uint32, out []uint32) (n, done int) {
	return clearBitsPortable(words, first, out)
}

func (k Kernels) atMost(ids, dist []uint32, bound uint32, outIDs, outDist []uint32) int {
	return atMostPortable(ids, dist, bound, outIDs, outDist)
}

// maxID returns the largest of ids, of which there is one.
func (k Kernels) maxID(ids []uint32) uint32 { return maxIDPortable(ids) }
