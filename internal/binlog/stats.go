package binlog

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"math"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/objectstore"
)

// maxStatBytes is the longest string that is kept as a bound.
const maxStatBytes = 1024

// Bounds are the smallest and the largest value of a scalar column.
type Bounds struct {
	Nulls int
	Range *column.Column // two rows: smallest, largest; nil: no values, or not kept
}

// Stats are the statistics of a segment: which primary keys it may have, and
// the bounds of its scalar fields.
type Stats struct {
	Rows   int
	Keys   *Bloom
	Bounds map[base.ID]Bounds
}

// StatsBuilder collects statistics, column by column.
type StatsBuilder struct {
	stats  Stats
	fields []base.ID
}

// NewStatsBuilder returns a builder for a segment of a number of rows.
func NewStatsBuilder(rows int) *StatsBuilder {
	return &StatsBuilder{stats: Stats{Rows: rows, Keys: NewBloom(rows), Bounds: map[base.ID]Bounds{}}}
}

// AddKeys adds primary keys.
func (s *StatsBuilder) AddKeys(c *column.Column) {
	for i := range c.Len() {
		if c.Type == schema.Int64 {
			s.stats.Keys.Add(HashInt64(c.Int64s[i]))
		} else {
			s.stats.Keys.Add(HashBytes(c.Bytes.At(i)))
		}
	}
}

// HasBounds reports whether values of a type have an order to keep bounds by.
func HasBounds(t schema.Type) bool {
	switch t {
	case schema.Bool, schema.Int8, schema.Int16, schema.Int32, schema.Int64, schema.Float, schema.Double, schema.VarChar:
		return true
	}
	return false
}

// Add widens the bounds of a field by a piece of its column. Fields without an
// order (vectors, JSON, arrays) are left out.
func (s *StatsBuilder) Add(field base.ID, c *column.Column) {
	if !HasBounds(c.Type) {
		return
	}
	b, known := s.stats.Bounds[field]
	if !known {
		s.fields = append(s.fields, field)
	}
	lo, hi := -1, -1
	for i := range c.Len() {
		switch {
		case c.IsNull(i):
			b.Nulls++
		case lo < 0:
			lo, hi = i, i
		default:
			if compare(c, i, c, lo) < 0 {
				lo = i
			}
			if compare(c, i, c, hi) > 0 {
				hi = i
			}
		}
	}
	if lo >= 0 {
		r := c.Like()
		lowest, highest := c, c
		at := [2]int{lo, hi}
		if b.Range != nil && compare(b.Range, 0, c, lo) < 0 {
			lowest, at[0] = b.Range, 0
		}
		if b.Range != nil && compare(b.Range, 1, c, hi) > 0 {
			highest, at[1] = b.Range, 1
		}
		r.AppendRange(lowest, at[0], at[0]+1)
		r.AppendRange(highest, at[1], at[1]+1)
		r.Valid = column.Bitset{}
		b.Range = r
	}
	s.stats.Bounds[field] = b
}

// compare orders two values of columns of one type; NaN is above all.
func compare(a *column.Column, i int, b *column.Column, j int) int {
	switch a.Type {
	case schema.Bool:
		return cmp.Compare(boolBytes(a.Bools)[i], boolBytes(b.Bools)[j])
	case schema.Int64:
		return cmp.Compare(a.Int64s[i], b.Int64s[j])
	case schema.Float:
		return compareFloats(float64(a.Floats[i]), float64(b.Floats[j]))
	case schema.Double:
		return compareFloats(a.Doubles[i], b.Doubles[j])
	case schema.VarChar:
		return bytes.Compare(a.Bytes.At(i), b.Bytes.At(j))
	}
	return cmp.Compare(a.Int32s[i], b.Int32s[j])
}

func compareFloats(x, y float64) int {
	if math.IsNaN(x) || math.IsNaN(y) {
		return -cmp.Compare(x, y) // cmp has NaN below all
	}
	return cmp.Compare(x, y)
}

// Write stores the statistics; the builder is done.
func (s *StatsBuilder) Write(ctx context.Context, store objectstore.Store, key string) (Object, error) {
	words := encode(s.stats.Keys.words)
	meta := binary.AppendUvarint(nil, uint64(s.stats.Rows))
	meta = binary.AppendUvarint(meta, uint64(len(words)))
	meta = binary.AppendUvarint(meta, uint64(len(s.fields)))
	ranges := &column.Batch{Rows: 2}
	for _, field := range s.fields {
		b := s.stats.Bounds[field]
		meta = binary.AppendUvarint(meta, uint64(field))
		meta = binary.AppendUvarint(meta, uint64(b.Nulls))
		if b.Range != nil && len(b.Range.Bytes.Data) <= 2*maxStatBytes {
			ranges.Add(field, b.Range)
		}
	}
	bounds := ranges.AppendTo(nil)
	body := alignUp(int64(len(words))) + int64(len(bounds))
	return putFrame(ctx, store, key, statsObject, meta, body, func(f *frameWriter) error {
		f.write(words)
		f.pad()
		f.write(bounds)
		return f.err
	})
}

// OpenStats reads statistics and checks all of them. The filter stays in the
// map that is returned, which the caller unpins when it is done.
func OpenStats(ctx context.Context, files objectstore.Files, o Object) (*Stats, *mem.Map, error) {
	m, err := files.Pin(ctx, o.Key)
	if err != nil {
		return nil, nil, err
	}
	s, err := parseStats(o, m.Bytes())
	if err != nil {
		_ = m.Unpin() // the object is not used
		return nil, nil, err
	}
	return s, m, nil
}

func parseStats(o Object, b []byte) (*Stats, error) {
	f, err := openFrame(o.Key, b, statsObject)
	if err != nil {
		return nil, err
	}
	if err := f.expect(o, len(b)); err != nil {
		return nil, err
	}
	if err := f.verify(); err != nil {
		return nil, err
	}
	return f.stats()
}

func (f *frame) stats() (*Stats, error) {
	d := metaReader{src: f.meta}
	s := &Stats{Rows: int(d.uvarint(maxRows)), Bounds: map[base.ID]Bounds{}}
	words := int64(d.uvarint(uint64(len(f.body))))
	fields := d.uvarint(maxColumns)
	for range fields {
		field := int64(d.uvarint(math.MaxInt64))
		s.Bounds[field] = Bounds{Nulls: int(d.uvarint(maxRows))}
	}
	if d.err != nil || len(d.src) > 0 || words == 0 || words%(4*bloomWords) != 0 || alignUp(words) > int64(len(f.body)) {
		return nil, f.malformed("meta data does not describe the body")
	}
	s.Keys = &Bloom{words: decode[uint32](f.body[:words])}
	ranges, rest, err := column.Decode(f.body[alignUp(words):])
	if err != nil || len(rest) > 0 || ranges.Rows != 2 {
		return nil, f.malformed("bounds: %v, %d bytes left", err, len(rest))
	}
	for i, field := range ranges.Fields {
		b, ok := s.Bounds[field]
		if !ok {
			return nil, f.malformed("bounds of field %d", field)
		}
		b.Range = ranges.Columns[i]
		s.Bounds[field] = b
	}
	return s, nil
}

// MayContain reports false only if the segment has no row of the primary key
// at i of c.
func (s *Stats) MayContain(c *column.Column, i int) bool {
	if c.Type == schema.Int64 {
		return s.Keys.MayContain(HashInt64(c.Int64s[i]))
	}
	return s.Keys.MayContain(HashBytes(c.Bytes.At(i)))
}
