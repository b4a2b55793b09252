package hnsw

import (
	"context"
	"errors"
	"fmt"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// coding is a space of codes: how codes are made of rows, and what a file says
// of them. What distances in it are is in space.go, where each is named, as that
// code must not allocate.
type coding interface {
	// stride is the bytes of a row.
	stride() int
	// encoder returns a function for one goroutine that sets dst, stride bytes, to
	// the codes of a row; for COSINE it takes the unit vector.
	encoder() func(dst []byte, row []float32)
	// header is what a file's header says of the codes.
	header() codesHeader
	// book is what else a file has of them, or empty.
	book() []float32
}

// codesHeader describes codes in the header of a file.
type codesHeader struct {
	kind       uint32
	min, scale float32
	loss       float32 // see packed, halves and products
	m, bits    uint32
	rounds     uint32
}

// The spaces of a graph, codesHeader.kind. The values are part of the file
// format.
const (
	codesNone    uint32 = 0 // vectors
	codesBytes   uint32 = 1 // a byte an element
	codesPacked4 uint32 = 2 // 4 bits an element
	codesPacked6 uint32 = 3 // 6 bits an element
	codesHalf    uint32 = 4 // floats of 16 bits
	codesBrain   uint32 = 5 // the upper 16 bits of floats
	codesProduct uint32 = 6 // a byte for each sub-vector and round
)

// newCoding returns the coding that a header describes, without its book.
func (g *graph) newCoding(h codesHeader) (coding, bool) {
	switch h.kind {
	case codesBytes:
		return newOctets(g, h)
	case codesPacked4, codesPacked6:
		return newPacked(g, h)
	case codesHalf, codesBrain:
		return newHalves(g, h)
	case codesProduct:
		return newProducts(g, h)
	default:
		return nil, false
	}
}

// trainCoding returns the coding that a kind asks for beside bytes, nil if none,
// or if no numbers fit the rows.
func (x *live) trainCoding(ctx context.Context, s vecindex.Source, threads int) (coding, error) {
	switch x.codes.kind {
	case codesPacked4, codesPacked6:
		return x.trainPacked(s), nil
	case codesHalf, codesBrain:
		return x.trainHalves(s), nil
	case codesProduct:
		return x.trainProducts(ctx, s, threads)
	default:
		return nil, nil
	}
}

// recode makes the codes that a kind asks for, once the graph is built, and
// takes away those that it was built on. Where they cannot be made it keeps
// these.
func (x *live) recode(ctx context.Context, s vecindex.Source, threads int, budget *mem.Budget) error {
	if s.Rows() == 0 || vecindex.NextNode(s.Valid(), 0) >= s.Rows() {
		return nil
	}
	c, err := x.trainCoding(ctx, s, threads)
	if c == nil || err != nil {
		return err
	}
	slab, err := x.encodeAll(ctx, s, c, threads, budget)
	if err != nil {
		return err
	}
	if old := x.slabs.codes; old != nil {
		err = old.Free()
	}
	x.slabs.codes, x.coding = slab, c
	v := *x.view.Load()
	v.coding, v.codes = c, slab.Bytes()
	x.view.Store(&v)
	return err
}

// encodeAll makes codes of all rows.
func (x *live) encodeAll(ctx context.Context, s vecindex.Source, c coding, threads int, budget *mem.Budget) (*mem.Slab, error) {
	stride := c.stride()
	slab, err := mem.NewSlab(budget, stride*s.Rows(), stride*s.Rows())
	if err != nil {
		return nil, fmt.Errorf("HNSW index: %w", err)
	}
	x.encodeRows(ctx, s, c, slab.Bytes(), 0, threads, nil)
	if err := ctx.Err(); err != nil {
		return nil, errors.Join(err, slab.Free())
	}
	return slab, nil
}

// encodeRows sets codes of all rows from a row on, until ctx is canceled. saw, which
// may be nil, is called with those of each row and what they are codes of, by
// several goroutines.
func (x *live) encodeRows(ctx context.Context, s vecindex.Source, c coding, codes []byte, from, threads int, saw func(code []byte, vector []float32)) {
	stride, valid, m := c.stride(), s.Valid(), s.Matrix()
	each(ctx, s.Rows()-from, threads, func() func(i int) {
		unit, room, encode := make([]float32, x.dim), make([]float32, x.dim), c.encoder()
		return func(i int) {
			row := from + i
			if !present(valid, row) {
				return
			}
			vector := m.Floats(row, room)
			if x.metric == vecindex.Cosine {
				x.kern.Normalize(unit, vector)
				vector = unit
			}
			code := codes[row*stride : (row+1)*stride]
			if encode(code, vector); saw != nil {
				saw(code, vector)
			}
		}
	})
}

// sample returns about n rows, for COSINE their unit vectors.
func (x *live) sample(s vecindex.Source, n int) []float32 {
	return vecindex.Sample(x.kern, s, x.metric, n)
}
