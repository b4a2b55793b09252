//go:build (!amd64 && !arm64) || purego || race

package vec

func (k Kernels) packed(p Packing, l2 bool, x packedArgs) { packedPortable(p, !l2, x) }
