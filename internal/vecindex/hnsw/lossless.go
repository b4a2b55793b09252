package hnsw

import (
	"context"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// Bytes may be the elements themselves: whole numbers of a range of 256, such as
// those of SIFT. A distance by codes is then the distance, for a query of such
// numbers too, and no vector has to be read to know the nearest rows and their
// scores.

// wholeSquares is a bound below which sums of whole numbers are exact in float32,
// in any order: only so far are distances by codes the scores of an exact scan.
const wholeSquares = 1 << 24

// rounding is the mean squared error of an element that is rounded to a byte, in
// units of bytes.
const rounding = 1.0 / 12

// mayBeLossless reports whether distances by codes of a step of 1, L2, are
// distances for rows that lose nothing.
func (c *octets) mayBeLossless(dim int) bool {
	return c.metric == vecindex.L2 && c.Scale == 1 && dim <= (wholeSquares-1)/(255*255)
}

// lossless reports whether no element of any row was changed by being coded.
func (c *octets) lossless(dim int) bool { return c.loss == 0 && c.mayBeLossless(dim) }

// measureLoss sets the loss of the codes of all rows: none or that of rounding.
func (x *live) measureLoss(ctx context.Context, s vecindex.Source, c *octets, codes []byte, threads int) {
	c.loss = rounding
	if !c.mayBeLossless(x.dim) {
		return
	}
	var lost atomic.Bool
	valid, m := s.Valid(), s.Matrix()
	each(ctx, s.Rows(), threads, func() func(row int) {
		room := make([]float32, x.dim)
		return func(row int) {
			if !lost.Load() && present(valid, row) && !same(c.Coder, codes[row*c.bytes:], m.Floats(row, room)) {
				lost.Store(true)
			}
		}
	})
	if !lost.Load() && ctx.Err() == nil {
		c.loss = 0
	}
}

// same reports whether codes of a step of 1 are the elements of v.
func same(c vec.Coder, codes []byte, v []float32) bool {
	codes = codes[:len(v)]
	for i, x := range v {
		if float32(codes[i])+c.Min != x {
			return false
		}
	}
	return true
}

// exactKey makes a key with an exact distance of one in the space of codes that
// lose nothing.
func exactKey(key uint64) uint64 { return vecindex.Key(float32(key>>32), vecindex.KeyRow(key)) }
