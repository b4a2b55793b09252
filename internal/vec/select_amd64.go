//go:build amd64 && !purego && !race

package vec

// clearBitsVBMI2 is ClearBits for n >= 1 words and room >= 64 places.
//
//go:noescape
func clearBitsVBMI2(words *uint64, n int, first uint32, out *uint32, room int) (count, done int)

// atMostAVX512 is AtMost for n >= 1 ids.
//
//go:noescape
func atMostAVX512(ids, dist *uint32, n int, bound uint32, outIDs, outDist *uint32) int

// maxIDAVX512 is the largest of n >= 1 ids.
//
//go:noescape
func maxIDAVX512(ids *uint32, n int) uint32

func (k Kernels) clearBits(words []uint64, first uint32, out []uint32) (n, done int) {
	if !k.vbmi2 {
		return clearBitsPortable(words, first, out)
	}
	return clearBitsVBMI2(&words[0], len(words), first, &out[0], len(out))
}

func (k Kernels) atMost(ids, dist []uint32, bound uint32, outIDs, outDist []uint32) int {
	if !k.wide() {
		return atMostPortable(ids, dist, bound, outIDs, outDist)
	}
	return atMostAVX512(&ids[0], &dist[0], len(ids), bound, &outIDs[0], &outDist[0])
}

// maxID returns the largest of ids, of which there is one.
func (k Kernels) maxID(ids []uint32) uint32 {
	if !k.wide() {
		return maxIDPortable(ids)
	}
	return maxIDAVX512(&ids[0], len(ids))
}
