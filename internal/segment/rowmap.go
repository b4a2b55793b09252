package segment

import (
	"bytes"
	"cmp"
	"context"
	"fmt"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/vecindex"
)

const (
	// twins is how many rows of one key and time are looked at for one that has
	// the vector that is sought.
	twins = 64
	// mapStep is the number of rows after which a canceled context is seen.
	mapStep = 4096
)

// MapRows sets rows, one for each row of an earlier segment, to the row of s that
// has the same key, time and vector in a field, each given once, or to
// vecindex.Gone. s is what a compaction made of the earlier segment and others. It
// reads the keys, times and vectors of both, once and in order. That a vector is
// the same is seen by its bytes, so that no row is ever given for another; of very
// many rows of one key and time some may be Gone though they are there.
func (s *Sealed) MapRows(ctx context.Context, earlier *Sealed, field base.ID, rows []int32) error {
	if len(rows) != earlier.Rows() {
		return fmt.Errorf("segment %d: room for %d rows, segment %d has %d", s.ID(), len(rows), earlier.ID(), earlier.Rows())
	}
	var sides [2]mapSide
	for i, seg := range []*Sealed{earlier, s} {
		keys, err := seg.column(seg.manifest.PrimaryKey)
		if err != nil {
			return err
		}
		if sides[i].vectors, err = seg.Vectors(field); err != nil {
			return err
		}
		sides[i].keys, sides[i].times = keys, seg.times
	}
	from, to := &sides[0], &sides[1]
	if from.keys.Type != to.keys.Type || from.vectors.Dim() != to.vectors.Dim() {
		return fmt.Errorf("segments %d and %d are of different fields", s.ID(), earlier.ID())
	}
	at, end := 0, s.Rows()
	for row := range rows {
		if row%mapStep == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			s.engine.reading()
		}
		for at < end && from.compare(row, to, at) > 0 {
			at++
		}
		rows[row] = vecindex.Gone
		for twin := at; twin < min(end, at+twins) && from.compare(row, to, twin) == 0; twin++ {
			if from.sameVector(row, to, twin) {
				rows[row], at = int32(twin), twin+1
				break
			}
		}
	}
	return nil
}

// mapSide is one of two segments whose rows are compared, sorted by key and time.
type mapSide struct {
	keys    *column.Column
	times   []base.Timestamp
	vectors vecindex.Source
}

// compare orders row i of a and row j of b by key, then time.
func (a *mapSide) compare(i int, b *mapSide, j int) int {
	return cmp.Or(compareKeys(a.keys, i, b.keys, j), cmp.Compare(a.times[i], b.times[j]))
}

// sameVector reports whether rows have the same vector, or none.
func (a *mapSide) sameVector(i int, b *mapSide, j int) bool {
	null, other := a.null(i), b.null(j)
	if null || other {
		return null && other
	}
	return bytes.Equal(a.vector(i), b.vector(j))
}

func (a *mapSide) null(row int) bool {
	valid := a.vectors.Valid()
	return !valid.IsZero() && !valid.Get(row)
}

func (a *mapSide) vector(row int) []byte {
	m := a.vectors.Matrix()
	return m.Bytes()[row*m.RowSize() : (row+1)*m.RowSize()]
}
