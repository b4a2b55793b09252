package vecindex

import "github.com/redkite-db/redkite/internal/column"

// Bits is the element of binary vectors: dim bits a row, a multiple of 8.
const Bits Element = 7

// MHJaccard is the share of elements in which two MinHash signatures are the
// same, an estimate of the Jaccard index of the sets they are made of (A. Broder,
// "On the resemblance and containment of documents", 1997); larger is nearer.
const MHJaccard Metric = 11

// BitSource is a Source of binary vectors: Dim counts bits and Vectors is nil.
type BitSource interface {
	Source
	BitRows() []byte // row-major, Rows() * Dim()/8 bytes; possibly mapped, so read-only
}

// BitVectors is a BitSource in memory.
type BitVectors struct {
	Data      []byte        // row-major
	Dimension int           // bits
	Present   column.Bitset // rows that have a vector; zero: all
}

// Rows returns the number of whole rows.
func (v BitVectors) Rows() int { return len(v.Data) / (v.Dimension / 8) }

// Dim returns the number of bits of a row.
func (v BitVectors) Dim() int { return v.Dimension }

// Vectors returns nil.
func (v BitVectors) Vectors() []float32 { return nil }

// BitRows returns the bytes.
func (v BitVectors) BitRows() []byte { return v.Data }

// Valid returns the rows that have a vector.
func (v BitVectors) Valid() column.Bitset { return v.Present }

// MinHashParams are the search parameters of MINHASH_LSH. Rows that share no
// band with the query are no hits, so that there may be fewer than K. SearchParams.Candidates
// bounds the rows that are compared by their elements.
type MinHashParams struct {
	// Jaccard: a hit's score is its share of equal elements, and the best come
	// first. Else all rows that share a band have the score 1, and some K of them
	// are the hits.
	Jaccard bool
}
