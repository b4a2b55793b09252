// Package vecindex is the port of the vector indexes: what an index does for a
// segment (Index, Live), how it comes to be (Kind), what its parameters are
// and how a wrong one is named. It holds the exact index, FLAT, against which
// every other one is measured, and the exact scan that they fall back to.
//
// Rows are numbers from 0. An index never keeps the vectors: it reads them,
// row-major, from a Source, mostly a mapped column, which outlives it.
//
// A row of a nullable field may have no vector. It keeps its number and a place
// among the vectors, so that rows are numbered everywhere alike and vectors are
// used where their column lies; but it is no part of an index, which is as good,
// and a search as quick, as if it were over the other rows alone.
package vecindex

import (
	"context"
	"io"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
)

// Source is the vectors an index is over. All methods are cheap and safe for
// concurrent use; what they return does not change while an index lives.
type Source interface {
	Rows() int
	Dim() int
	Matrix() vec.Matrix // Rows() of Dim() elements, all finite; possibly mapped, so read-only
	// Valid is the rows that have a vector, Rows() of them or all; zero: all. In
	// the place of a row without one lies anything, mostly zeros.
	Valid() column.Bitset
}

// Vectors is a Source in memory of vectors of float32.
type Vectors struct {
	Data      []float32 // row-major
	Dimension int
	Present   column.Bitset // rows that have a vector; zero: all
}

// Rows returns the number of whole rows.
func (v Vectors) Rows() int { return len(v.Data) / v.Dimension }

// Dim returns the number of elements of a row.
func (v Vectors) Dim() int { return v.Dimension }

// Matrix returns the elements.
func (v Vectors) Matrix() vec.Matrix { return vec.Floats(v.Dimension, v.Data) }

// Valid returns the rows that have a vector.
func (v Vectors) Valid() column.Bitset { return v.Present }

// SearchParams are search parameters that CheckSearch found good. An index
// reads those of its kind.
type SearchParams struct {
	Ef         int // HNSW: size of the candidate list, at least k
	NProbe     int // IVF: lists to read; 0: the kind's default
	Candidates int // kinds with codes: rows found by codes and compared by vectors, at least k; 0: the kind's default
	Sparse     SparseParams
	MinHash    MinHashParams

	List     int     // DISKANN: size of the candidate list, at least k; 0: the kind's default
	Beam     int     // DISKANN: nodes to read at a time; 0: the kind's default
	ScanFrom float64 // DISKANN: share of rows left out from which on codes are scanned; 0: the index decides

	SearchK int // ANNOY: rows to compare, at least k; 0: the kind's default
}

// Query asks an index for the K rows nearest to Vector, or, of Iterate, for rows
// in batches of about K.
type Query struct {
	Vector []float32    // Dim elements, finite
	Bytes  []byte       // of int8 or of bits, in place of Vector: as a row is
	Sparse SparseVector // of an index of sparse vectors, in place of Vector
	K      int          // at least 1
	Params SearchParams // from the kind's CheckSearch with the same K; with 1 for a range or an iterator
	// Skip has a set bit, row r at Skip[r/64]>>(r%64), for every row that must
	// not be returned; rows beyond its end may be. Nil skips none. Rows that have
	// no vector must be among those skipped. It is read only during the search, or
	// the life of an iterator.
	Skip []uint64
	// Allowed is the number of rows among Limit that Skip lets pass, or
	// negative when the caller has not counted them.
	Allowed int
	// Limit, if positive, leaves out all rows from Limit on. It is for the
	// reader of a Live index, who scans the rows behind Rows() himself.
	Limit int
	// Range, if not nil, leaves out the rows outside of it. Which rows within it
	// an approximate kind finds is approximate too; one that is as wide as it gets
	// (Ef of all rows) finds them all.
	Range *Range
}

// Hit is a row and its score as Milvus reports it: the squared distance for
// L2, the inner product for IP, the cosine for COSINE; for the others see Metric.
type Hit struct {
	Row   uint32
	Score float32
}

// Index answers nearest-neighbour queries over the rows of one Source. Search,
// Iterate, WriteTo, Rows and Bytes may be called from many goroutines at a time.
type Index interface {
	// Search appends the best hits to out, best first, and returns it. It finds
	// exactly min(K, rows allowed) hits, whatever the filter and the kind, but of
	// sparse vectors only rows of a score above zero, of a metric that IsMatch only
	// rows that match, and by MHJaccard only rows that share a band with the query,
	// see MinHashParams;
	// which rows these are is approximate unless the kind is exact. Hits of
	// equal score come in row order. Scores are computed from the Source's
	// vectors and are those of the exact scan. With a Range it finds the K best
	// within it, or all. The error is ctx's, or says that the query's dimension is
	// wrong.
	Search(ctx context.Context, q *Query, out []Hit) ([]Hit, error)
	// Iterate begins to give all rows that q lets pass, the nearest first; see
	// Iterator. It fails as Search does. NewOrdered is one for any kind. By
	// MHJaccard there is neither this nor a Range: the error is a ParamError.
	Iterate(ctx context.Context, q *Query) (Iterator, error)
	// WriteTo writes the file that the kind's Open reads.
	io.WriterTo
	// Rows is the number of rows that a search covers.
	Rows() int
	// Bytes is the size of the index without the vectors: memory for a built
	// one, mapped bytes for an opened one.
	Bytes() int64
	// Close frees the memory and gives up the pin of an opened index. No search
	// may be running and no iterator open, and none may come.
	Close() error
}

// Live is an index over rows that are still being appended, searched meanwhile.
type Live interface {
	Index
	// Extend brings the rows [Rows(), s.Rows()) into the index. The rows before
	// are where they were: the vectors start at the same address in every call, as
	// a mem.Slab does, and nobody changes what is in them, nor in those of a call
	// that was canceled. Rows() moves forward
	// during the call, a small step at a time. A canceled ctx ends it early with
	// ctx's error; another Extend goes on from there. One Extend at a time.
	// Nor may WriteTo run during it.
	Extend(ctx context.Context, s Source, threads int) error
}

// BuildOptions say how to build, not what.
type BuildOptions struct {
	Threads  int                   // goroutines, at least 1; with 1 the result is a function of the input and Seed
	Seed     uint64                // of all random choices
	Budget   *mem.Budget           // where the index's memory is reserved; nil counts nothing
	Progress func(done, total int) // rows; called from one goroutine at a time; may be nil
}

// LiveOptions say how a Live index is laid out.
type LiveOptions struct {
	MaxRows int         // Extend refuses more
	Element Element     // of the rows; 0: Float32
	Seed    uint64      // of all random choices
	Budget  *mem.Budget // where the memory is reserved, as rows come; nil counts nothing
}

// Kind is a type of index. The server makes the list of kinds and hands it to
// whoever needs it; a Kind is safe for concurrent use.
type Kind struct {
	// Name is the index_type that clients give, in capital letters.
	Name string
	// Types are the elements of the vectors of fields that it may be asked for. Of
	// sparse ones, its Build and Open are given a SparseSource.
	Types []Element
	// Check says what is wrong with build parameters, as a ParamError. Unknown
	// parameters are ignored.
	Check func(p Params, dim int, m Metric) error
	// CheckSearch reads the search parameters that belong to the kind, as
	// decoded from JSON (numbers as json.Number or float64), and fills in
	// defaults. The error is a ParamError. Unknown parameters are ignored.
	CheckSearch func(p map[string]any, k int) (SearchParams, error)
	// Build makes an index over s, which must outlive it. When ctx is canceled
	// it returns ctx's error, and no goroutine and no memory stays behind. The
	// error may be a *mem.BudgetError.
	Build func(ctx context.Context, s Source, m Metric, p Params, o BuildOptions) (Index, error)
	// Extend is Build, but begins with an earlier index of the kind, of the same
	// metric, over some of the rows, so that only the others are new work. What it
	// makes is as good as what Build makes. An error that wraps ErrNotExtended or
	// ErrBadFile says to Build instead. Nil when the kind has none.
	Extend func(ctx context.Context, from Earlier, s Source, m Metric, p Params, o BuildOptions) (Index, error)
	// Open reads an index that WriteTo wrote, over the rows it was built from.
	// It takes over one pin of f, given back by Close, or at once when Open
	// fails. A file that is damaged, or belongs to other rows or another
	// metric, is an error that wraps ErrBadFile: then the index is built anew.
	// Parameters that the file records win over p. No file makes Open or a
	// later search crash.
	Open func(f *mem.Map, rows Source, m Metric, p Params) (Index, error)
	// Live makes an empty index that grows; nil when the kind has none.
	Live func(dim int, m Metric, p Params, o LiveOptions) (Live, error)
}
