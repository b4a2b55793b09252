package vec

import (
	"fmt"
	"math"
)

// Kernels for many short vectors, held column by column: element i of vector j
// of n lies at cols[i*n+j]. A register takes one element of several vectors, so
// that it is full however short these are.

// columnUnit is what the number of vectors is a multiple of that the assembly
// takes; the rest is left to plain Go.
const columnUnit = 16

// NearestColumn returns the number of the vector that has the smallest squared
// distance to p, the first of equal ones; 0 if no distance is a number. cols has
// n vectors of p's length.
func (k Kernels) NearestColumn(p, cols []float32, n int) int {
	checkColumns(p, cols, n)
	if len(p) == 0 || n == 0 {
		return 0
	}
	return k.nearestColumn(p, cols, n)
}

// nearestColumnPortable goes on at vector done: among those before it the one at
// has the least distance.
func nearestColumnPortable(p, cols []float32, n, done int, least float32, at int) int {
	for j := done; j < n; j++ {
		sum := float32(0)
		for i, v := range p {
			d := v - cols[i*n+j]
			sum += d * d
		}
		if sum < least {
			least, at = sum, j
		}
	}
	return at
}

// IPColumns sets out[j] to the inner product of p and vector j, for each of the
// len(out) vectors of cols.
func (k Kernels) IPColumns(p, cols, out []float32) {
	checkColumns(p, cols, len(out))
	if len(p) == 0 || len(out) == 0 {
		clear(out)
		return
	}
	k.ipColumns(p, cols, out)
}

// ipColumnsPortable goes on at vector done.
func ipColumnsPortable(p, cols, out []float32, done int) {
	n, rest := len(out), out[done:]
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
func firstLeast(values *[columnUnit]float32, numbers *[columnUnit]uint32) (float32, int) {
	best, at := float32(math.Inf(1)), uint32(0)
	for i, v := range values {
		if v < best || v == best && numbers[i] < at {
			best, at = v, numbers[i]
		}
	}
	return best, int(at)
}
