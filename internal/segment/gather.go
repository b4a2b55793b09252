package segment

import (
	"bytes"
	"slices"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/schema"
)

// rowRef names a row of one of several sources.
type rowRef struct{ src, row uint32 }

// refsTo returns references to rows of the one source.
func refsTo(rows []uint32) []rowRef {
	refs := make([]rowRef, len(rows))
	for i, r := range rows {
		refs[i].row = r
	}
	return refs
}

// gather appends the referenced rows of sources, all of dst's type, to the
// empty column dst.
func gather(dst *column.Column, sources []*column.Column, refs []rowRef) {
	n := len(refs)
	switch dst.Type {
	case schema.Bool:
		dst.Bools = slices.Grow(dst.Bools, n)
		for _, r := range refs {
			dst.Bools = append(dst.Bools, sources[r.src].Bools[r.row])
		}
	case schema.Int8, schema.Int16, schema.Int32:
		dst.Int32s = slices.Grow(dst.Int32s, n)
		for _, r := range refs {
			dst.Int32s = append(dst.Int32s, sources[r.src].Int32s[r.row])
		}
	case schema.Int64:
		dst.Int64s = slices.Grow(dst.Int64s, n)
		for _, r := range refs {
			dst.Int64s = append(dst.Int64s, sources[r.src].Int64s[r.row])
		}
	case schema.Float:
		dst.Floats = slices.Grow(dst.Floats, n)
		for _, r := range refs {
			dst.Floats = append(dst.Floats, sources[r.src].Floats[r.row])
		}
	case schema.FloatVector:
		dst.Floats = slices.Grow(dst.Floats, n*dst.Dim)
		for _, r := range refs {
			at := int(r.row) * dst.Dim
			dst.Floats = append(dst.Floats, sources[r.src].Floats[at:at+dst.Dim]...)
		}
	case schema.Double:
		dst.Doubles = slices.Grow(dst.Doubles, n)
		for _, r := range refs {
			dst.Doubles = append(dst.Doubles, sources[r.src].Doubles[r.row])
		}
	case schema.VarChar, schema.JSON:
		gatherStrings(&dst.Bytes, sources, refs)
	case schema.Array:
		for _, r := range refs {
			src := sources[r.src]
			dst.Items.AppendRange(src.Items, int(src.Offsets[r.row]), int(src.Offsets[r.row+1]))
			dst.Offsets = append(dst.Offsets, uint32(dst.Items.Len()))
		}
	}
	gatherValid(dst, sources, refs)
}

func gatherStrings(dst *column.Bytes, sources []*column.Column, refs []rowRef) {
	total := 0
	for _, r := range refs {
		o := sources[r.src].Bytes.Offsets
		total += int(o[r.row+1] - o[r.row])
	}
	dst.Data = slices.Grow(dst.Data, total)
	dst.Offsets = append(slices.Grow(dst.Offsets, len(refs)+1), 0)
	for _, r := range refs {
		dst.Data = append(dst.Data, sources[r.src].Bytes.At(int(r.row))...)
		dst.Offsets = append(dst.Offsets, uint32(len(dst.Data)))
	}
}

func gatherValid(dst *column.Column, sources []*column.Column, refs []rowRef) {
	nullable := slices.ContainsFunc(sources, func(c *column.Column) bool { return c != nil && !c.Valid.IsZero() })
	if !nullable || len(refs) == 0 {
		return
	}
	valid := column.NewBitset(len(refs))
	for i, r := range refs {
		if !sources[r.src].IsNull(int(r.row)) {
			valid.Set(i)
		}
	}
	dst.Valid = valid
}

// compareKeys orders the primary keys at i of a and at j of b, of one type.
func compareKeys(a *column.Column, i int, b *column.Column, j int) int {
	if a.Type == schema.Int64 {
		switch x, y := a.Int64s[i], b.Int64s[j]; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	return bytes.Compare(a.Bytes.At(i), b.Bytes.At(j))
}
