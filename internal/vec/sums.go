package vec

import "fmt"

// Sums are those of the rows of one window of an index of sparse vectors.
type Sums [1 << 16]uint16

// The kernels of sums compute with integers: they are the same with every
// instruction set.

// SumsUnit is what the number of rows given to AddDense is a multiple of.
const SumsUnit = 64

// Scale is what a code, times a factor of 8 bits behind the point, adds to a
// sum: nothing if it is 0, else the product rounded up, or one more than it.
func Scale(code byte, factor uint16) uint16 {
	if code == 0 {
		return 0
	}
	return uint16(uint32(code)*uint32(factor)>>8) + 1
}

// AddCodes adds table[codes[i]] to sums[ids[i]] for each i, modulo 2^16.
func AddCodes(sums *Sums, ids []uint16, codes []byte, table *[256]uint16) {
	codes = codes[:len(ids)]
	for i, id := range ids {
		sums[id] += table[codes[i]]
	}
}

// AddDense adds Scale(codes[i], factor) to sums[i] for each i, modulo 2^16. There
// are a multiple of SumsUnit codes, at most as many as sums.
func (k Kernels) AddDense(sums *Sums, codes []byte, factor uint16) {
	if len(codes)%SumsUnit != 0 || len(codes) > len(sums) {
		panic(fmt.Sprintf("vec: %d codes for %d sums", len(codes), len(sums)))
	}
	if len(codes) > 0 {
		k.addDense(sums, codes, factor)
	}
}

func addDensePortable(sums *Sums, codes []byte, factor uint16) {
	for i, c := range codes {
		sums[i] += Scale(c, factor)
	}
}

// TakeSums makes the first n sums zeros. Of those that were at least least,
// which is not 0, it writes places, ascending, and values, and returns how many
// there are. n is a multiple of SumsUnit, and places and values have room for n.
func (k Kernels) TakeSums(sums *Sums, n int, least uint16, places, values []uint16) int {
	if n%SumsUnit != 0 || n > len(sums) || n > min(len(places), len(values)) || n < 0 || least == 0 {
		panic(fmt.Sprintf("vec: %d sums from %d on, room for %d and %d", n, least, len(places), len(values)))
	}
	if n == 0 {
		return 0
	}
	return k.takeSums(sums, n, least, places, values)
}

func takeSumsPortable(sums *Sums, n int, least uint16, places, values []uint16) int {
	found := 0
	for i, s := range sums[:n] {
		if s >= least {
			places[found], values[found] = uint16(i), s
			found++
		}
	}
	clear(sums[:n])
	return found
}

// CodesFrom writes the places of codes of at least least to out, ascending, and
// returns how many there are. out has room for all, of which there are at most
// 2^16.
func (k Kernels) CodesFrom(codes []byte, least byte, out []uint16) int {
	if len(codes) > len(out) || len(codes) > 1<<16 {
		panic(fmt.Sprintf("vec: %d codes, room for %d", len(codes), len(out)))
	}
	whole := len(codes) / SumsUnit * SumsUnit
	found := 0
	if whole > 0 {
		found = k.codesFrom(codes[:whole], least, out)
	}
	for i, c := range codes[whole:] {
		if c >= least {
			out[found] = uint16(whole + i)
			found++
		}
	}
	return found
}

func codesFromPortable(codes []byte, least byte, out []uint16) int {
	found := 0
	for i, c := range codes {
		if c >= least {
			out[found] = uint16(i)
			found++
		}
	}
	return found
}
