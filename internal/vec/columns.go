package vec

import (
	"fmt"
	"math"
)

// Kernels for many short vectors, held column by column: element i of vector j
// of n lies at cols[i*n+j]. A register takes one element of several vectors, so
// that it is full however short these are.

// NearestColumn returns the number of the vector that has the smallest squared
// distance to p, the first of equal ones; 0 if no distance is a number. cols has
// n vectors of p's length.
func (k Kernels) NearestColumn(p, cols []float32, n int) int {
	checkColumns(p, cols, n)
	best, at, done := float32(math.Inf(1)), 0, 0
	if whole := n &^ 15; k.isa != portable && whole > 0 && len(p) > 0 {
		best, at = k.nearestColumns(p, cols, n, whole)
		done = whole
	}
	for j := done; j < n; j++ {
		sum := float32(0)
		for i, v := range p {
			d := v - cols[i*n+j]
			sum += d * d
		}
		if sum < best {
			best, at = sum, j
		}
	}
	return at
}

// IPColumns sets out[j] to the inner product of p and vector j, for each of the
// len(out) vectors of cols.
func (k Kernels) IPColumns(p, cols, out []float32) {
	n := len(out)
	checkColumns(p, cols, n)
	done := 0
	if whole := n &^ 15; k.isa != portable && whole > 0 && len(p) > 0 {
		k.ipColumns(p, cols, n, out[:whole])
		done = whole
	}
	rest := out[done:]
	clear(rest)
	for i, v := range p {
		for j, c := range cols[i*n+done : (i+1)*n] {
			rest[j] += v * c
		}
	}
}

func checkColumns(p, cols []float32, n int) {
	if n < 0 || len(p)*n > len(cols) {
		panic(fmt.Sprintf("vec: %d vectors of %d floats wanted, %d floats there", n, len(p), len(cols)))
	}
}

// firstLeast returns the least of lanes and the smallest number that has it;
// +Inf and 0 if there is none.
func firstLeast(values *[16]float32, numbers *[16]uint32) (float32, int) {
	best, at := float32(math.Inf(1)), uint32(0)
	for i, v := range values {
		if v < best || v == best && numbers[i] < at {
			best, at = v, numbers[i]
		}
	}
	return best, int(at)
}
