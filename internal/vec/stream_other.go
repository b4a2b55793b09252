//go:build !amd64 || purego || race

package vec

// stream reports that it did nothing: no machine but an amd64 was measured.
func (k Kernels) stream(Measure, []float32, []float32, []float32, int) bool { return false }
