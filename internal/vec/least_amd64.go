//go:build amd64 && !purego && !race

package vec

// splitAVX512 is split for n >= 1 keys.
//
//go:noescape
func splitAVX512(keys *uint64, n int, pivot uint64, high *uint64) int

// listKeysAVX512 is ListKeys for n >= 1 lists.
//
//go:noescape
func listKeysAVX512(r *Reach, dist *uint32, spread *float32, n int, keys *uint64)

// split keeps the keys up to pivot, whose number it returns, and moves the others
// to high, which is as long as keys, all in their order.
func (k Kernels) split(keys []uint64, pivot uint64, high []uint64) int {
	if !k.wide() {
		return splitPortable(keys, pivot, high)
	}
	return splitAVX512(&keys[0], len(keys), pivot, &high[0])
}

func (k Kernels) listKeys(r *Reach, dist []uint32, spread []float32, keys []uint64) {
	if !k.wide() {
		listKeysPortable(r, dist, spread, keys)
		return
	}
	listKeysAVX512(r, &dist[0], &spread[0], len(dist), &keys[0])
}
