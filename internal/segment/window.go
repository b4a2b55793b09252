package segment

import (
	"context"
	"fmt"
	"io"
	"slices"
	"unsafe"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/schema"
)

// ranger reads a part of an object; most Files are Stores too.
type ranger interface {
	GetRange(ctx context.Context, key string, off, n int64) (io.ReadCloser, error)
}

// window reads rows of a mapped column into memory, so that merging large
// segments does not fill the process with their pages.
type window struct {
	files ranger
	key   string
	m     []byte // the mapped object
	buf   []uint64
}

// windows returns a window for each source whose column is mapped, large, and
// can be read instead; the others are nil.
func (w *sealedWriter) windows(columns []*column.Column) []*window {
	out := make([]*window, len(columns))
	for i, c := range columns {
		set := w.sets[i]
		if c == nil || set.mapped == nil {
			continue
		}
		if c.Type == schema.FloatVector || c.Type == schema.VarChar || c.Type == schema.JSON {
			out[i] = set.mapped(c)
		}
	}
	return out
}

// look returns columns and references that name the same values as those
// given, with the rows of windows read.
func look(ctx context.Context, windows []*window, columns []*column.Column, refs []rowRef) ([]*column.Column, []rowRef, error) {
	if !slices.ContainsFunc(windows, func(w *window) bool { return w != nil }) {
		return columns, refs, nil
	}
	lo, hi := make([]uint32, len(columns)), make([]uint32, len(columns))
	for i := range lo {
		lo[i] = ^uint32(0)
	}
	for _, r := range refs {
		lo[r.src], hi[r.src] = min(lo[r.src], r.row), max(hi[r.src], r.row+1)
	}
	columns, refs = slices.Clone(columns), slices.Clone(refs)
	for i, w := range windows {
		if w == nil || lo[i] >= hi[i] {
			lo[i] = 0
			continue
		}
		var err error
		if columns[i], err = w.read(ctx, columns[i], int(lo[i]), int(hi[i])); err != nil {
			return nil, nil, err
		}
	}
	for i := range refs {
		refs[i].row -= lo[refs[i].src]
	}
	return columns, refs, nil
}

// read returns rows [lo, hi) of the column, valid until the next read.
func (w *window) read(ctx context.Context, c *column.Column, lo, hi int) (*column.Column, error) {
	out := &column.Column{Type: c.Type, Element: c.Element, Dim: c.Dim}
	if !c.Valid.IsZero() {
		out.Valid = column.NewBitset(hi - lo)
		for i := lo; i < hi; i++ {
			if !c.IsNull(i) {
				out.Valid.Set(i - lo)
			}
		}
	}
	if c.Type == schema.FloatVector {
		b, err := w.load(ctx, mem.Bytes(c.Floats[lo*c.Dim:hi*c.Dim]))
		out.Floats, _ = mem.View[float32](b) // buf is aligned
		return out, err
	}
	o := c.Bytes.Offsets[lo : hi+1]
	b, err := w.load(ctx, c.Bytes.Data[o[0]:o[hi-lo]])
	out.Bytes = column.Bytes{Offsets: make([]uint32, len(o)), Data: b}
	for i := range o {
		out.Bytes.Offsets[i] = o[i] - o[0]
	}
	return out, err
}

// load reads what a part of the map holds, without touching it.
func (w *window) load(ctx context.Context, part []byte) ([]byte, error) {
	if len(part) == 0 {
		return nil, nil
	}
	off := uintptr(unsafe.Pointer(unsafe.SliceData(part))) - uintptr(unsafe.Pointer(unsafe.SliceData(w.m)))
	if n := (len(part) + 7) / 8; n > len(w.buf) {
		w.buf = make([]uint64, n)
	}
	b := mem.Bytes(w.buf)[:len(part)]
	r, err := w.files.GetRange(ctx, w.key, int64(off), int64(len(part)))
	if err != nil {
		return nil, err
	}
	_, err = io.ReadFull(r, b)
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", w.key, err)
	}
	return b, nil
}

// window returns a window on a column of the segment; nil if it does not lie
// in its map as it is, or objects can only be mapped.
func (s *Sealed) window(c *column.Column) *window {
	files, ok := s.files.(ranger)
	if !ok || !mem.LittleEndian() {
		return nil
	}
	for _, sc := range s.columns {
		if sc.view.Load() != c {
			continue
		}
		whole := sc.m.Bytes()
		part := mem.Bytes(c.Floats)
		if c.Type != schema.FloatVector {
			part = c.Bytes.Data
		}
		first, last := uintptr(unsafe.Pointer(unsafe.SliceData(whole))), uintptr(unsafe.Pointer(unsafe.SliceData(part)))
		if len(part) == 0 || last < first || last-first > uintptr(len(whole)-len(part)) {
			return nil
		}
		return &window{files: files, key: sc.stored.Object.Key, m: whole}
	}
	return nil
}
