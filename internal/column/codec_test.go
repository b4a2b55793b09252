package column

import (
	"bytes"
	"math/rand"
	"reflect"
	"testing"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/schema"
)

// randomBatch makes a batch with one column of each type.
func randomBatch(r *rand.Rand, rows int) *Batch {
	b := &Batch{Rows: rows}
	types := []*schema.Field{
		{Type: schema.Bool},
		{Type: schema.Int8},
		{Type: schema.Int16},
		{Type: schema.Int32},
		{Type: schema.Int64},
		{Type: schema.Float},
		{Type: schema.Double},
		{Type: schema.VarChar},
		{Type: schema.JSON},
		{Type: schema.FloatVector, Dim: 3},
		{Type: schema.Array, Element: schema.VarChar},
		{Type: schema.Array, Element: schema.Int64},
	}
	for i, f := range types {
		c := New(f)
		for range rows {
			if i%2 == 0 && r.Intn(4) == 0 {
				c.AppendNull()
				continue
			}
			one := New(f)
			fillOne(r, one)
			c.AppendRange(one, 0, 1)
		}
		b.Add(base.ID(100+i), c)
	}
	return b
}

func fillOne(r *rand.Rand, c *Column) {
	switch c.Type {
	case schema.Bool:
		c.Bools = append(c.Bools, r.Intn(2) == 0)
	case schema.Int8, schema.Int16, schema.Int32:
		c.Int32s = append(c.Int32s, r.Int31())
	case schema.Int64:
		c.Int64s = append(c.Int64s, r.Int63())
	case schema.Float:
		c.Floats = append(c.Floats, r.Float32())
	case schema.FloatVector:
		for range c.Dim {
			c.Floats = append(c.Floats, r.Float32())
		}
	case schema.Double:
		c.Doubles = append(c.Doubles, r.Float64())
	case schema.VarChar, schema.JSON:
		c.Bytes.Append(make([]byte, r.Intn(9)))
	case schema.Array:
		for range r.Intn(4) {
			fillOne(r, c.Items)
		}
		c.Offsets = append(c.Offsets, uint32(c.Items.Len()))
	}
}

func TestCodecRoundTrip(t *testing.T) {
	for seed := range int64(50) {
		r := rand.New(rand.NewSource(seed))
		b := randomBatch(r, r.Intn(200))
		if err := b.Check(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		enc := b.AppendTo([]byte("head"))[4:]
		got, rest, err := Decode(append(enc, "tail"...))
		if err != nil || string(rest) != "tail" {
			t.Fatalf("seed %d: %v, rest %q", seed, err, rest)
		}
		if !bytes.Equal(got.AppendTo(nil), enc) {
			t.Fatalf("seed %d: encodes differently", seed)
		}
		if err := got.Check(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for i := range enc {
			if _, _, err := Decode(enc[:i]); err == nil && b.Rows > 0 {
				t.Fatalf("seed %d: decoded %d of %d bytes", seed, i, len(enc))
			}
		}
	}
}

func TestSelectMatchesRows(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	b := randomBatch(r, 70)
	rows := []int{69, 0, 13, 13, 64}
	got := b.Select(rows)
	if err := got.Check(); err != nil {
		t.Fatal(err)
	}
	for i, c := range got.Columns {
		for k, row := range rows {
			want, one := c.Like(), c.Like()
			want.AppendRange(b.Columns[i], row, row+1)
			one.AppendRange(c, k, k+1)
			if want.IsNull(0) != one.IsNull(0) {
				t.Fatalf("column %d row %d: null differs", i, row)
			}
			want.Valid, one.Valid = Bitset{}, Bitset{}
			if !reflect.DeepEqual(want, one) {
				t.Fatalf("column %d row %d: %+v, want %+v", i, row, one, want)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(randomBatch(rand.New(rand.NewSource(3)), 5).AppendTo(nil))
	f.Fuzz(func(t *testing.T, src []byte) {
		b, _, err := Decode(src)
		if err != nil {
			return
		}
		if err := b.Check(); err != nil {
			t.Fatal(err)
		}
	})
}
