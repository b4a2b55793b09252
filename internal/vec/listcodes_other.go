//go:build !amd64 || purego || race

package vec

func (k Kernels) ipBytes(q []int16, rows []byte, out []int32) { ipBytesPortable(q, rows, out) }

func (k Kernels) nibbles(tables, blocks []byte, out []uint16) { nibblesPortable(tables, blocks, out) }

func (k Kernels) nearestColumns(p, cols []float32, n, whole int) (float32, int) {
	panic("vec: no assembly")
}
func (k Kernels) ipColumns(p, cols []float32, n int, out []float32) { panic("vec: no assembly") }
