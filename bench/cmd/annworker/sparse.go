package main

import (
	"errors"
	"fmt"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// sparse is sparse rows and queries.
type sparse struct{ base, queries *sparseFile }

// sparseFile is a file of sparse vectors, little-endian: the number of rows and
// of elements, 8 bytes each; where each row begins among the elements, and the
// last one ends, 8 bytes each; the elements' dimensions, ascending in a row, 4
// bytes each; their values, float32.
type sparseFile struct {
	slab    *mem.Slab
	vectors vecindex.SparseVectors
}

func loadSparse(r *request) (*sparse, error) {
	base, err := readSparse(r.Base)
	if err != nil {
		return nil, err
	}
	queries, err := readSparse(r.Query)
	if err != nil {
		return nil, errors.Join(err, base.slab.Free())
	}
	return &sparse{base, queries}, nil
}

func (s *sparse) close() error { return errors.Join(s.base.slab.Free(), s.queries.slab.Free()) }

// readSparse reads a file.
func readSparse(path string) (*sparseFile, error) {
	slab, err := readSlab(path, func(size int64) error {
		if size < 24 || size%8 != 0 {
			return fmt.Errorf("%d bytes are no sparse vectors", size)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s := &sparseFile{slab: slab}
	if err := s.parse(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), slab.Free())
	}
	return s, nil
}

// parse finds the parts and checks them.
func (s *sparseFile) parse() error {
	b := s.slab.Bytes()
	words, _ := mem.View[uint64](b)
	rows, elements := words[0], words[1]
	if rows > uint64(len(b)) || elements > uint64(len(b)) || 8*(rows+3)+8*elements != uint64(len(b)) {
		return fmt.Errorf("%d rows of %d elements in %d bytes", rows, elements, len(b))
	}
	d := &s.vectors.Data
	d.Offsets = words[2 : rows+3]
	at := 8 * (rows + 3)
	d.Dims, _ = mem.View[uint32](b[at : at+4*elements])
	d.Values, _ = mem.View[float32](b[at+4*elements:])
	last := uint64(0)
	for row, end := range d.Offsets {
		if end < last || end > elements || row == 0 && end != 0 {
			return fmt.Errorf("row %d begins at %d after %d", row, end, last)
		}
		for i := last + 1; i < end; i++ {
			if d.Dims[i] <= d.Dims[i-1] {
				return fmt.Errorf("row %d: dimension %d after %d", row-1, d.Dims[i], d.Dims[i-1])
			}
		}
		last = end
	}
	for i, v := range d.Values {
		if v-v != 0 {
			return fmt.Errorf("element %d is not finite", i)
		}
	}
	return nil
}

// row returns one vector.
func (s *sparseFile) row(i int) vecindex.SparseVector {
	d := &s.vectors.Data
	from, to := d.Offsets[i], d.Offsets[i+1]
	return vecindex.SparseVector{Dims: d.Dims[from:to], Values: d.Values[from:to]}
}
