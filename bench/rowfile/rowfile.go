// Package rowfile maps files of float32 rows, as the comparison has them: no header,
// little-endian, row after row.
package rowfile

import (
	"errors"
	"fmt"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// File is the rows of a file, which are mapped until Close.
type File struct {
	vecindex.Vectors
	data *mem.Map
}

// Open maps a file of one row or more of dim elements.
func Open(path string, dim int) (*File, error) {
	m, err := mem.Open(path)
	if err != nil {
		return nil, err
	}
	if err := Check(int64(len(m.Bytes())), dim); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), m.Unpin())
	}
	rows, _ := mem.View[float32](m.Bytes()) // a map begins at a page
	return &File{Vectors: vecindex.Vectors{Data: rows, Dimension: dim}, data: m}, nil
}

// First returns the first n rows, or all if there are fewer.
func (f *File) First(n int) vecindex.Vectors {
	return vecindex.Vectors{Data: f.Data[:min(n, f.Rows())*f.Dimension], Dimension: f.Dimension}
}

// Close ends the map.
func (f *File) Close() error { return f.data.Unpin() }

// Check checks that so many bytes are whole rows of dim elements.
func Check(size int64, dim int) error {
	if dim < 1 || size == 0 || size%int64(4*dim) != 0 {
		return fmt.Errorf("%d bytes are not rows of %d float32", size, dim)
	}
	return nil
}
