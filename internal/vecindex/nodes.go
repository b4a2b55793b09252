package vecindex

import (
	"math"

	"github.com/redkite-db/redkite/internal/column"
)

// NextNode returns the first row at or after row that has a vector, by the Valid
// of a Source; MaxInt if none has.
func NextNode(valid column.Bitset, row int) int {
	if valid.IsZero() {
		return row
	}
	if row = valid.Next(row); row < 0 {
		return math.MaxInt
	}
	return row
}

// Nodes returns how many of the rows [from, to) have a vector.
func Nodes(valid column.Bitset, from, to int) int {
	if valid.IsZero() {
		return to - from
	}
	n := 0
	for row := NextNode(valid, from); row < to; row = NextNode(valid, row+1) {
		n++
	}
	return n
}
