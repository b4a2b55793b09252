package expr

import (
	"math"
	"slices"
	"sort"
)

// Set is a set of constants that is asked for membership once per row. It may
// hold several kinds; numbers are all integers or all floats.
type Set struct {
	ints   []int64 // ascending, distinct
	floats []float64
	strs   []string
	bools  [2]bool

	bitmapBase int64
	bitmap     []uint64 // integers that lie close together: bit v-bitmapBase
	table      intTable // other integers, and floats by their bits
	names      map[string]struct{}
}

// newSet returns the set of the list's elements; elements that are lists are
// left out. Integers beside floats become floats.
func newSet(l *List) *Set {
	s := &Set{}
	if kind, ok := l.uniform(); ok {
		switch kind {
		case Int:
			s.ints = slices.Clone(l.ints)
		case Float:
			s.floats = slices.Clone(l.floats)
		case String:
			s.strs = slices.Clone(l.strs)
		case Bool:
			for _, b := range l.bools {
				s.bools[bit(b)] = true
			}
		}
	} else {
		for i := range l.Len() {
			s.add(l.At(i))
		}
	}
	s.prepare()
	return s
}

func (s *Set) add(v Value) {
	switch v.kind {
	case Int:
		s.ints = append(s.ints, v.Int())
	case Float:
		s.floats = append(s.floats, v.Float())
	case String:
		s.strs = append(s.strs, v.str)
	case Bool:
		s.bools[bit(v.Bool())] = true
	}
}

// prepare sorts the members and builds what membership is asked of.
func (s *Set) prepare() {
	if len(s.ints) > 0 && len(s.floats) > 0 {
		for _, i := range s.ints {
			s.floats = append(s.floats, float64(i))
		}
		s.ints = nil
	}
	s.ints = sortedUnique(s.ints)
	for i, f := range s.floats {
		s.floats[i] = f + 0 // one zero
	}
	s.floats = sortedUnique(s.floats)
	s.strs = sortedUnique(s.strs)
	switch {
	case len(s.floats) > 0:
		keys := make([]int64, len(s.floats))
		for i, f := range s.floats {
			keys[i] = int64(math.Float64bits(f))
		}
		s.table = newIntTable(keys)
	case len(s.ints) > 0 && !s.makeBitmap():
		s.table = newIntTable(s.ints)
	}
	if len(s.strs) > 0 {
		s.names = make(map[string]struct{}, len(s.strs))
		for _, v := range s.strs {
			s.names[v] = struct{}{}
		}
	}
}

// makeBitmap builds the bitmap if the integers fill it well enough: it may
// cost 128 bits a member, as much as the table does.
func (s *Set) makeBitmap() bool {
	lo, hi := s.ints[0], s.ints[len(s.ints)-1]
	span := uint64(hi) - uint64(lo)
	if span >= 1<<16 && span/128 >= uint64(len(s.ints)) {
		return false
	}
	s.bitmapBase = lo
	s.bitmap = make([]uint64, span/64+1)
	for _, v := range s.ints {
		d := uint64(v) - uint64(lo)
		s.bitmap[d>>6] |= 1 << (d & 63)
	}
	return true
}

// Len returns the number of members.
func (s *Set) Len() int {
	return len(s.ints) + len(s.floats) + len(s.strs) + bit(s.bools[0]) + bit(s.bools[1])
}

// Ints returns the integers in ascending order.
func (s *Set) Ints() []int64 { return s.ints }

// Floats returns the floats in ascending order.
func (s *Set) Floats() []float64 { return s.floats }

// Strings returns the strings in ascending order of bytes.
func (s *Set) Strings() []string { return s.strs }

// Bools tells whether false and true are members.
func (s *Set) Bools() (hasFalse, hasTrue bool) { return s.bools[0], s.bools[1] }

// Bitmap returns the integers as bits: v is a member if bit v-base of words is
// set. It returns no words if they lie too far apart.
func (s *Set) Bitmap() (base int64, words []uint64) { return s.bitmapBase, s.bitmap }

// HasInt reports whether the integer is a member.
func (s *Set) HasInt(v int64) bool {
	if s.bitmap != nil {
		d := uint64(v) - uint64(s.bitmapBase)
		return d>>6 < uint64(len(s.bitmap)) && s.bitmap[d>>6]>>(d&63)&1 != 0
	}
	return s.table.has(v)
}

// HasFloat reports whether the float is a member.
func (s *Set) HasFloat(f float64) bool {
	return s.table.has(int64(math.Float64bits(f + 0)))
}

// HasString reports whether the string is a member.
func (s *Set) HasString(b []byte) bool {
	_, ok := s.names[string(b)]
	return ok
}

// HasBool reports whether the boolean is a member.
func (s *Set) HasBool(b bool) bool { return s.bools[bit(b)] }

// The Index methods number the members: from 0 to Len+1, with gaps where a
// boolean is none. They return -1 for what is no member.

// IndexInt returns the number of an integer.
func (s *Set) IndexInt(v int64) int { return index(s.ints, v, 2) }

// IndexFloat returns the number of a float.
func (s *Set) IndexFloat(f float64) int { return index(s.floats, f, 2) }

// IndexNear returns the number of the first integer that, as a float, equals f.
func (s *Set) IndexNear(f float64) int {
	i := sort.Search(len(s.ints), func(i int) bool { return float64(s.ints[i]) >= f })
	if i < len(s.ints) && float64(s.ints[i]) == f {
		return i + 2
	}
	return -1
}

// IndexString returns the number of a string.
func (s *Set) IndexString(b []byte) int {
	i := sort.Search(len(s.strs), func(i int) bool { return s.strs[i] >= string(b) })
	if i == len(s.strs) || s.strs[i] != string(b) {
		return -1
	}
	return i + 2 + len(s.ints) + len(s.floats)
}

// IndexBool returns the number of a boolean.
func (s *Set) IndexBool(b bool) int {
	if !s.bools[bit(b)] {
		return -1
	}
	return bit(b)
}

// index returns the place of v in the ascending members, after base others.
func index[T int64 | float64](members []T, v T, base int) int {
	i, ok := slices.BinarySearch(members, v)
	if !ok {
		return -1
	}
	return base + i
}

// values returns the members in ascending order, kind by kind.
func (s *Set) values() *List {
	l := &List{}
	for i, in := range s.bools {
		if in {
			l.add(BoolValue(i == 1))
		}
	}
	for _, v := range s.ints {
		l.add(IntValue(v))
	}
	for _, v := range s.floats {
		l.add(FloatValue(v))
	}
	for _, v := range s.strs {
		l.add(StringValue(v))
	}
	return l
}

// intTable is a set of integers by open addressing, half full at most.
type intTable struct {
	slots []int64
	shift uint
	free  int64 // marks an empty slot; not a member
}

// newIntTable returns the table of distinct keys.
func newIntTable(keys []int64) intTable {
	if len(keys) == 0 {
		return intTable{}
	}
	t := intTable{shift: 63, free: absent(keys)}
	size := 2
	for size < 2*len(keys) {
		size *= 2
		t.shift--
	}
	t.slots = make([]int64, size)
	for i := range t.slots {
		t.slots[i] = t.free
	}
	for _, k := range keys {
		i := t.home(k)
		for t.slots[i] != t.free {
			i = (i + 1) & uint64(size-1)
		}
		t.slots[i] = k
	}
	return t
}

// home returns the slot where the search for k begins (Fibonacci hashing).
func (t *intTable) home(k int64) uint64 { return uint64(k) * 0x9E3779B97F4A7C15 >> t.shift }

func (t *intTable) has(k int64) bool {
	if len(t.slots) == 0 || k == t.free {
		return false
	}
	i, mask := t.home(k), uint64(len(t.slots)-1)
	for {
		switch t.slots[i&mask] {
		case k:
			return true
		case t.free:
			return false
		}
		i++
	}
}

// absent returns an integer that is not among the keys: of len(keys)+1
// integers one at least is not.
func absent(keys []int64) int64 {
	sorted := slices.Clone(keys)
	slices.Sort(sorted)
	v := int64(math.MinInt64)
	for _, k := range sorted {
		if k != v {
			break
		}
		v++
	}
	return v
}

func sortedUnique[T int64 | float64 | string](s []T) []T {
	if !slices.IsSorted(s) {
		slices.Sort(s)
	}
	return slices.Compact(s)
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
