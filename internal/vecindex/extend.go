package vecindex

import (
	"errors"

	"github.com/redkite-db/redkite/internal/mem"
)

// Gone is in an Earlier's Map the place of a row that is no more.
const Gone = -1

// ErrNotExtended is wrapped by the error of a Kind's Extend that a Build has to
// take the place of: nothing is wrong, but the earlier index does not suit the
// rows, or is of other parameters, or what it would save is not worth it.
var ErrNotExtended = errors.New("index is not extended")

// Earlier is an index that another one is made from.
type Earlier struct {
	// File is what WriteTo wrote. Extend takes over one pin of it, and gives it
	// back before it returns.
	File *mem.Map
	// Rows are those that File is over; they are read until Extend returns.
	Rows Source
	// Map has for each of these its row in the new Source, which has the very same
	// vector, or like it none; Gone if there is no such row. No two are the same.
	Map []int32
}
