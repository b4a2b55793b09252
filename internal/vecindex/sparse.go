package vecindex

import (
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/vec"
)

// SparseSource is a Source of sparse vectors: Dim is 0 and Matrix has no rows.
type SparseSource interface {
	Source
	SparseRows() SparseRows
}

// SparseRows is sparse vectors one behind the other. Row r has the dimensions
// Dims[Offsets[r]:Offsets[r+1]], ascending, none twice, and as many values, all
// finite; a row without a vector has none. It is read-only.
type SparseRows struct {
	Offsets []uint64 // one more than rows, ascending from 0
	Dims    []uint32
	Values  []float32
}

// SparseVectors is a SparseSource in memory.
type SparseVectors struct {
	Data    SparseRows
	Present column.Bitset // rows that have a vector; zero: all
}

// Rows returns the number of rows.
func (v SparseVectors) Rows() int { return max(len(v.Data.Offsets)-1, 0) }

// Dim returns 0.
func (v SparseVectors) Dim() int { return 0 }

// Matrix returns none.
func (v SparseVectors) Matrix() vec.Matrix { return vec.Matrix{} }

// SparseRows returns the elements.
func (v SparseVectors) SparseRows() SparseRows { return v.Data }

// Valid returns the rows that have a vector.
func (v SparseVectors) Valid() column.Bitset { return v.Present }

// SparseVector is one sparse vector: dimensions, ascending, none twice, and a
// finite value for each.
type SparseVector struct {
	Dims   []uint32
	Values []float32
}

// SparseParams are the search parameters of indexes of sparse vectors.
type SparseParams struct {
	DropRatio float64 // share of the query's terms, those of the least weight, that is left out
	MaxScore  float64 // factor of the bounds by which rows are passed over; 0: 1, exact
	BM25      BM25Params
}

// BM25Params are what a search by BM25 says of the collection.
type BM25Params struct {
	K1, B *float64 // nil: those of the build
	AvgDL float64  // mean of the rows' sums of counts, at least 1; 0: not given
}
