package column

import "math/bits"

// Bitset is a set of row numbers, one bit a row, in words of 64. The zero
// value is empty and of length 0; bits at or past the length are zero.
type Bitset struct {
	words []uint64
	n     int
}

// NewBitset returns an empty set over n rows.
func NewBitset(n int) Bitset { return Bitset{words: make([]uint64, (n+63)/64), n: n} }

// BitsetOf wraps words as a set over n rows; it keeps the slice. Bits past n
// must be zero.
func BitsetOf(words []uint64, n int) Bitset { return Bitset{words: words, n: n} }

// Len returns the number of rows that the set ranges over.
func (b Bitset) Len() int { return b.n }

// Words returns the words behind the set: row i is bit i%64 of word i/64.
func (b Bitset) Words() []uint64 { return b.words }

// Get reports whether row i is in the set; i must be below Len.
func (b Bitset) Get(i int) bool { return b.words[i>>6]>>(uint(i)&63)&1 != 0 }

// Set puts row i into the set.
func (b Bitset) Set(i int) { b.words[i>>6] |= 1 << (uint(i) & 63) }

// Clear takes row i out of the set.
func (b Bitset) Clear(i int) { b.words[i>>6] &^= 1 << (uint(i) & 63) }

// Count returns the number of rows in the set.
func (b Bitset) Count() int {
	n := 0
	for _, w := range b.words {
		n += bits.OnesCount64(w)
	}
	return n
}

// Clone returns a copy that shares nothing.
func (b Bitset) Clone() Bitset {
	return Bitset{words: append([]uint64(nil), b.words...), n: b.n}
}

// Fill puts every row into the set.
func (b Bitset) Fill() {
	for i := range b.words {
		b.words[i] = ^uint64(0)
	}
	b.trim()
}

// Not replaces the set by its complement.
func (b Bitset) Not() {
	for i := range b.words {
		b.words[i] = ^b.words[i]
	}
	b.trim()
}

// And keeps the rows that are in o too. Both have the same length.
func (b Bitset) And(o Bitset) {
	for i := range b.words {
		b.words[i] &= o.words[i]
	}
}

// Or adds the rows of o. Both have the same length.
func (b Bitset) Or(o Bitset) {
	for i := range b.words {
		b.words[i] |= o.words[i]
	}
}

// AndNot takes the rows of o out. Both have the same length.
func (b Bitset) AndNot(o Bitset) {
	for i := range b.words {
		b.words[i] &^= o.words[i]
	}
}

// SetRange puts rows [lo, hi) into the set.
func (b Bitset) SetRange(lo, hi int) {
	for lo < hi && lo&63 != 0 {
		b.Set(lo)
		lo++
	}
	for lo+64 <= hi {
		b.words[lo>>6] = ^uint64(0)
		lo += 64
	}
	for ; lo < hi; lo++ {
		b.Set(lo)
	}
}

// Next returns the first row at or after i that is in the set, -1 if none is.
func (b Bitset) Next(i int) int {
	if i >= b.n {
		return -1
	}
	w := b.words[i>>6] >> (uint(i) & 63)
	if w != 0 {
		return i + bits.TrailingZeros64(w)
	}
	for k := i>>6 + 1; k < len(b.words); k++ {
		if b.words[k] != 0 {
			return k<<6 + bits.TrailingZeros64(b.words[k])
		}
	}
	return -1
}

// IsZero reports whether the set was never made (length 0, no words).
func (b Bitset) IsZero() bool { return b.words == nil }

func (b Bitset) trim() {
	if r := uint(b.n) & 63; r != 0 {
		b.words[len(b.words)-1] &= 1<<r - 1
	}
}
