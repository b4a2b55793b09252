//go:build !amd64 || purego || race

package vec

// split keeps the keys up to pivot, whose number it returns, and moves the others
// to high, which is as long as keys, all in their order.
func (k Kernels) split(keys []uint64, pivot uint64, high []uint64) int {
	return splitPortable(keys, pivot, high)
}

func (k Kernels) listKeys(r *Reach, dist []uint32, spread []float32, keys []uint64) {
	listKeysPortable(r, dist, spread, keys)
}
