package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/redkite-db/redkite/bench/rowfile"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// dataset is what the indexes are built over and asked: float32 vectors, or, if
// the metric is BM25, sparse ones.
type dataset struct {
	dim     int
	metric  vecindex.Metric
	base    *mem.Slab // float32; huge pages where the system has them
	queries *mem.Slab // float32
	sparse  *sparse   // in place of both
	asked   []question
}

// loadDataset reads the files of a load request.
func loadDataset(r *request) (*dataset, error) {
	if r.Metric == vecindex.BM25.String() {
		s, err := loadSparse(r)
		if err != nil {
			return nil, err
		}
		d := &dataset{metric: vecindex.BM25, sparse: s}
		return d, d.choose("", nil)
	}
	m, err := vecindex.ParseMetric(r.Metric)
	if err != nil {
		return nil, err
	}
	if r.Dim < 1 {
		return nil, fmt.Errorf("dim is %d, at least 1", r.Dim)
	}
	d := &dataset{dim: r.Dim, metric: m}
	if d.base, err = readRows(r.Base, r.Dim); err != nil {
		return nil, err
	}
	if d.queries, err = readRows(r.Query, r.Dim); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, d.choose("", nil)
}

// readRows reads a file of whole rows of finite float32.
func readRows(path string, dim int) (*mem.Slab, error) {
	s, err := readSlab(path, func(size int64) error { return rowfile.Check(size, dim) })
	if err != nil {
		return nil, err
	}
	for i, x := range floats(s) {
		if x-x != 0 {
			return nil, errors.Join(fmt.Errorf("%s: row %d is not finite", path, i/dim), s.Free())
		}
	}
	return s, nil
}

// readSlab reads a file whose size is allowed.
func readSlab(path string, allowed func(size int64) error) (*mem.Slab, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := info.Size()
	if err := allowed(size); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if size > math.MaxInt {
		return nil, fmt.Errorf("%s: %d bytes are too many", path, size)
	}
	s, err := mem.NewSlab(nil, int(size), int(size))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if _, err := io.ReadFull(f, s.Bytes()); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), s.Free())
	}
	return s, nil
}

func floats(s *mem.Slab) []float32 {
	f, _ := mem.View[float32](s.Bytes())
	return f
}

func (d *dataset) rows() vecindex.Vectors {
	return vecindex.Vectors{Data: floats(d.base), Dimension: d.dim}
}

// source is what an index of ours is built over.
func (d *dataset) source() vecindex.Source {
	if d.sparse != nil {
		return d.sparse.base.vectors
	}
	return d.rows()
}

func (d *dataset) queryCount() int {
	if d.sparse != nil {
		return d.sparse.queries.vectors.Rows()
	}
	return len(floats(d.queries)) / d.dim
}

func (d *dataset) query(i int) question {
	if d.sparse != nil {
		return question{sparse: d.sparse.queries.row(i)}
	}
	return question{vector: floats(d.queries)[i*d.dim : (i+1)*d.dim]}
}

// choose makes the questions of a select request.
func (d *dataset) choose(columns string, groups []group) error {
	var asked []question
	if len(groups) == 0 {
		for i := range d.queryCount() {
			asked = append(asked, d.query(i))
		}
		d.asked = asked
		return nil
	}
	numbers, err := os.ReadFile(columns)
	if err != nil {
		return err
	}
	rows := d.source().Rows()
	for _, g := range groups {
		if g.Column < 0 || g.Column >= len(numbers)/4/rows {
			return fmt.Errorf("%s: no column %d of %d rows", columns, g.Column, rows)
		}
		skip := make([]uint64, (rows+63)/64)
		for row := range rows {
			x := int32(binary.LittleEndian.Uint32(numbers[4*(g.Column*rows+row):]))
			if x < g.Low || x >= g.High {
				skip[row/64] |= 1 << (row % 64)
			}
		}
		for _, q := range g.Queries {
			if q < 0 || q >= d.queryCount() {
				return fmt.Errorf("query %d of %d", q, d.queryCount())
			}
			one := d.query(q)
			one.skip = skip
			asked = append(asked, one)
		}
	}
	d.asked = asked
	return nil
}

func (d *dataset) close() error {
	if d.sparse != nil {
		return d.sparse.close()
	}
	var errs []error
	for _, s := range []*mem.Slab{d.base, d.queries} {
		if s != nil {
			errs = append(errs, s.Free())
		}
	}
	return errors.Join(errs...)
}

// writeAnswers writes row numbers as little-endian int32.
func writeAnswers(path string, ids []int32) error {
	b := make([]byte, 0, 4*len(ids))
	for _, id := range ids {
		b = binary.LittleEndian.AppendUint32(b, uint32(id))
	}
	return os.WriteFile(path, b, 0o644)
}
