package vecindex

import (
	"fmt"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/vec"
)

// Element is what vectors are made of. The values are part of file formats.
type Element uint8

// The elements of vectors.
const (
	Float32       Element = 1 // dim floats a row
	SparseFloat32 Element = 2 // some of 2^32 dimensions, a float for each
	Float16       Element = 3 // dim IEEE 754 floats of 16 bits a row
	BFloat16      Element = 4 // the upper halves of dim floats a row
	Int8          Element = 5 // dim bytes a row
	Binary        Element = 6 // dim bits a row, a multiple of 8
)

// ElementOf returns the element of dense vectors.
func ElementOf(m *vec.Matrix) Element {
	switch m.Element() {
	case vec.Float16s:
		return Float16
	case vec.BFloat16s:
		return BFloat16
	case vec.Int8s:
		return Int8
	case vec.Bits:
		return Binary
	default:
		return Float32
	}
}

// String returns the name of the type of field whose vectors are of the element.
func (e Element) String() string {
	switch e {
	case Float32:
		return "FLOAT_VECTOR"
	case SparseFloat32:
		return "SPARSE_FLOAT_VECTOR"
	case Float16:
		return "FLOAT16_VECTOR"
	case BFloat16:
		return "BFLOAT16_VECTOR"
	case Int8:
		return "INT8_VECTOR"
	case Binary:
		return "BINARY_VECTOR"
	default:
		return fmt.Sprintf("VECTOR(%d)", uint8(e))
	}
}

// Packed is a Source in memory of vectors that are not of float32.
type Packed struct {
	Data    vec.Matrix
	Present column.Bitset // rows that have a vector; zero: all
}

// Rows returns the number of rows.
func (v Packed) Rows() int { return v.Data.Rows() }

// Dim returns the number of elements of a row.
func (v Packed) Dim() int { return v.Data.Dim() }

// Matrix returns the elements.
func (v Packed) Matrix() vec.Matrix { return v.Data }

// Valid returns the rows that have a vector.
func (v Packed) Valid() column.Bitset { return v.Present }

// Floats returns the elements of a source of float32, row-major; nil for others.
func Floats(s Source) []float32 {
	m := s.Matrix()
	return m.Float32s()
}

// CheckSource says that a kind does not take the vectors of a source, or that
// they do not have a metric.
func CheckSource(s Source, m Metric, types ...Element) error {
	rows := s.Matrix()
	e := ElementOf(&rows)
	for _, t := range types {
		if t == e && m.Measures(e) && rows.Dim() > 0 {
			return nil
		}
	}
	return fmt.Errorf("index with metric %v of a %v of dimension %d, want one of %v", m, e, rows.Dim(), types)
}

// CheckOpened is CheckSource for the rows of a file: the error wraps ErrBadFile.
func CheckOpened(s Source, m Metric, types ...Element) error {
	if err := CheckSource(s, m, types...); err != nil {
		return fmt.Errorf("%w: %w", ErrBadFile, err)
	}
	return nil
}

// Probe returns the query's vector, which Check found good, for rows of an
// element.
func (q *Query) Probe(e Element) vec.Probe {
	switch e {
	case Int8:
		return vec.Int8Probe(q.Bytes)
	case Binary:
		return vec.BitsProbe(q.Bytes)
	default:
		return vec.FloatProbe(q.Vector)
	}
}

// Check says what is wrong with a query on rows of dim elements.
func (q *Query) Check(m Metric, e Element, dim int) error {
	size, want := len(q.Vector), dim
	switch e {
	case Int8:
		size = len(q.Bytes)
	case Binary:
		size, want = len(q.Bytes), dim/8
	}
	switch {
	case size != want:
		return fmt.Errorf("vector dimension mismatch, expected vector size(%d), actual(%d)", want, size)
	case q.K < 1:
		return fmt.Errorf("topk %d is not positive", q.K)
	case q.Range != nil && m.IsMatch():
		return fmt.Errorf("metric %v has no range search", m)
	}
	return nil
}
