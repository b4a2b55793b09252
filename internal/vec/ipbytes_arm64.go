//go:build arm64 && !purego && !race

package vec

// ipBytesWide reports that there are no registers of 512 bits.
func ipBytesWide(Kernels, []int16, []byte, []int32) bool { return false }
