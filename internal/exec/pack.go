package exec

import (
	"context"
	"math"
	"math/bits"

	"github.com/redkite-db/redkite/internal/expr"
)

// The loops of this file turn 64 comparisons into one word without a branch.
// All comparisons of numbers are one: whether an integer lies in an interval.

// interval is a set of integers: those of [lo, hi], or with outside all
// others. lo > hi is the empty interval.
type interval struct {
	lo, hi  int64
	outside bool
}

var emptyInterval = interval{lo: math.MaxInt64, hi: math.MinInt64}

// above returns the integers from v on, or after v.
func above(v int64, included bool) interval {
	if included {
		return interval{lo: v, hi: math.MaxInt64}
	}
	if v == math.MaxInt64 {
		return emptyInterval
	}
	return interval{lo: v + 1, hi: math.MaxInt64}
}

// below returns the integers up to v, or before v.
func below(v int64, included bool) interval {
	if included {
		return interval{lo: math.MinInt64, hi: v}
	}
	if v == math.MinInt64 {
		return emptyInterval
	}
	return interval{lo: math.MinInt64, hi: v - 1}
}

// comparison returns the integers x of which x op c holds, where c stands for
// all integers of [first, last]: one, but for the two zeros of the floats.
func comparison(op expr.CompareOp, first, last int64) interval {
	switch op {
	case expr.EQ:
		return interval{lo: first, hi: last}
	case expr.NE:
		return interval{lo: first, hi: last, outside: true}
	case expr.LT:
		return below(first, false)
	case expr.LE:
		return below(last, true)
	case expr.GT:
		return above(last, false)
	default:
		return above(first, true)
	}
}

// and returns the intersection of two intervals that are not outside.
func (v interval) and(o interval) interval {
	return interval{lo: max(v.lo, o.lo), hi: min(v.hi, o.hi)}
}

// span returns what a loop needs: x is in the interval if x-start <= span as
// unsigned integers; flip is to be applied to the whole word.
func (v interval) span() (start, span, flip uint64) {
	if v.outside {
		flip = ^flip
	}
	if v.lo > v.hi { // nothing: everything, flipped
		return 0, math.MaxUint64, ^flip
	}
	return uint64(v.lo), uint64(v.hi) - uint64(v.lo), flip
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// packInts sets the bits of the rows whose integer is in the interval.
func packInts[T int32 | int64](dst []uint64, xs []T, v interval) {
	start, span, flip := v.span()
	full := len(xs) / 64
	for w := range full {
		x := (*[64]T)(xs[w*64:])
		var word uint64
		for i := range 64 {
			word |= bit(uint64(int64(x[i]))-start <= span) << uint(i)
		}
		dst[w] = word ^ flip
	}
	if full < len(dst) {
		var word uint64
		for i, x := range xs[full*64:] {
			word |= bit(uint64(int64(x))-start <= span) << uint(i&63)
		}
		dst[full] = word ^ flip
	}
}

// packFloats sets the bits of the rows whose float, as an ordered integer, is
// in the interval.
func packFloats(dst []uint64, xs []float32, v interval) {
	start, span, flip := v.span()
	for w := range dst {
		var word uint64
		for i, x := range xs[w*64 : min(w*64+64, len(xs))] {
			word |= bit(uint64(int64(orderedFloat(x)))-start <= span) << uint(i&63)
		}
		dst[w] = word ^ flip
	}
}

// packDoubles is packFloats for doubles.
func packDoubles(dst []uint64, xs []float64, v interval) {
	start, span, flip := v.span()
	for w := range dst {
		var word uint64
		for i, x := range xs[w*64 : min(w*64+64, len(xs))] {
			word |= bit(uint64(orderedDouble(x))-start <= span) << uint(i&63)
		}
		dst[w] = word ^ flip
	}
}

// packBools sets the bits of the rows that are true.
func packBools(dst []uint64, xs []bool) {
	for w := range dst {
		var word uint64
		for i, x := range xs[w*64 : min(w*64+64, len(xs))] {
			word |= bit(x) << uint(i&63)
		}
		dst[w] = word
	}
}

// packBitmap sets the bits of the rows whose integer is in a bitmap: bit
// x-base of members.
func packBitmap[T int32 | int64](dst []uint64, xs []T, base int64, members []uint64) {
	for w := range dst {
		var word uint64
		for i, x := range xs[w*64 : min(w*64+64, len(xs))] {
			d := uint64(int64(x)) - uint64(base)
			if d>>6 < uint64(len(members)) {
				word |= members[d>>6] >> (d & 63) & 1 << uint(i&63)
			}
		}
		dst[w] = word
	}
}

// packMembers sets the bits of the rows of which has holds.
func packMembers[T any](dst []uint64, xs []T, has func(T) bool) {
	for w := range dst {
		var word uint64
		for i, x := range xs[w*64 : min(w*64+64, len(xs))] {
			word |= bit(has(x)) << uint(i&63)
		}
		dst[w] = word
	}
}

// orderedFloat maps floats to integers of the same order; -0 comes right
// before 0, NaNs lie beyond the infinities.
func orderedFloat(f float32) int32 {
	i := int32(math.Float32bits(f))
	return i ^ i>>31&math.MaxInt32
}

// orderedDouble is orderedFloat for doubles.
func orderedDouble(f float64) int64 {
	i := int64(math.Float64bits(f))
	return i ^ i>>63&math.MaxInt64
}

// floatComparison returns the interval of x op c over the ordered integers of
// the floats, which order makes; a NaN is in none but that of !=.
func floatComparison(op expr.CompareOp, c float64, order func(float64) int64) interval {
	first, last := order(c), order(c)
	if c == 0 {
		first, last = order(math.Copysign(0, -1)), order(0)
	}
	v := comparison(op, first, last)
	if v.outside {
		return v
	}
	return v.and(interval{lo: order(math.Inf(-1)), hi: order(math.Inf(1))})
}

// float32Order is the order of 32-bit floats.
func float32Order(f float64) int64 { return int64(orderedFloat(float32(f))) }

// checkEvery is how many words are worked on between looks at the context.
const checkEvery = 256

// where sets the bits of the rows of the mask (nil: of all) of which holds is
// true.
func (e *evaluator) where(ctx context.Context, mask []uint64, holds func(row int) bool) ([]uint64, error) {
	dst := e.words()
	for w := range dst {
		if w%checkEvery == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		todo := ^uint64(0)
		if mask != nil {
			todo = mask[w]
		}
		if left := e.rows - w*64; left < 64 {
			todo &= 1<<uint(left) - 1
		}
		var word uint64
		for todo != 0 {
			i := bits.TrailingZeros64(todo)
			todo &= todo - 1
			word |= bit(holds(w*64+i)) << uint(i)
		}
		dst[w] = word
	}
	return dst, nil
}

// both returns the rows of two masks, each nil for all; it may return one of
// them.
func (e *evaluator) both(a, b []uint64) []uint64 {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	out := e.words()
	for i := range out {
		out[i] = a[i] & b[i]
	}
	return out
}
