package vecindex

import (
	"context"
	"math/bits"

	"github.com/redkite-db/redkite/internal/vec"
)

// A scan by codes goes in spans, and through these in steps of spanStep. Where
// more than one in spanShare of the rows had to be compared by vectors, the next
// span is scanned by vectors, and twice as many each time.
const (
	spanRows  = 64 * blockRows
	spanStep  = 16
	spanShare = 2
)

const (
	fewLive = blockRows / 4 // rows of a block that are looked up one by one if there are fewer
	pending = 16            // rows to be compared by vectors that wait for each other
)

// codeRoom is what a scan by codes needs beside that of a scan.
type codeRoom struct {
	codeQuery
	dist [2 * blockRows]uint32 // of codes
	ids  []uint32              // rows to be compared by codes
	most [blockBounds]float64  // of the blocks of ids
}

// byCodes is Rows by codes of m: it keeps the same keys, but compares only the
// vectors of rows that may be among them.
func (s *Scan) byCodes(ctx context.Context, c *flatCodes, m *vec.Matrix, from, to int, skip []uint64) error {
	if s.codes == nil {
		s.codes = &codeRoom{ids: make([]uint32, 0, 2*blockRows)}
	}
	if to > min(m.Rows(), len(c.radii)) || !s.q.Fits(m) || m.Dim() != c.dim || s.metric != c.metric || !s.codes.start(c, s.q.Floats()) {
		return s.Rows(ctx, m, c.invNorms, from, to, skip)
	}
	first := from / spanRows
	spans := (to+spanRows-1)/spanRows - first
	plain, back := 0, 1
	for i := range min(spans, spanStep) {
		for j := i; j < spans; j += spanStep {
			if err := ctx.Err(); err != nil {
				return err
			}
			at, end := max((first+j)*spanRows, from), min((first+j+1)*spanRows, to)
			if plain > 0 {
				plain--
				if err := s.Rows(ctx, m, c.invNorms, at, end, skip); err != nil {
					return err
				}
				continue
			}
			if compared := s.span(c, m, at, end, skip); compared*spanShare > end-at {
				plain, back = back, 2*back
			} else {
				back = 1
			}
		}
	}
	return ctx.Err()
}

// span compares rows [from, to) and returns how many of them by their vectors.
func (s *Scan) span(c *flatCodes, m *vec.Matrix, from, to int, skip []uint64) int {
	s.ids, s.codes.ids = s.ids[:0], s.codes.ids[:0]
	s.codes.most = [blockBounds]float64{}
	compared := 0
	for r := from; r < to; {
		end := min(r-r%blockRows+blockRows, to)
		live := liveRows(skip, r, end)
		switch n := bits.OnesCount64(live); {
		case n == 0:
		case n >= fewLive:
			compared += s.codeBlock(c, m, r, end, live)
		default:
			compared += s.codeIDs(c, m, r, live)
		}
		r = end
	}
	compared += s.gatherCodes(c, m)
	s.gathered(m, c.invNorms)
	return compared
}

// codeBlock compares those of the rows [from, to), of one block, that are in live,
// and returns how many may be hits.
func (s *Scan) codeBlock(c *flatCodes, m *vec.Matrix, from, to int, live uint64) int {
	q := s.codes
	dist := q.dist[:to-from]
	rows := c.rows[from*c.stride:]
	if c.metric == L2 {
		s.kern.L2CodeStream(q.code, rows, dist)
	} else {
		s.kern.IPCodeStream(q.code, q.base, rows, dist)
	}
	q.to(s.metric, min(s.Top.Bound(), s.high))
	bounds := c.blocks[from/blockRows*blockBounds:]
	length := float64(bounds[1])
	near, bound := uint64(0), q.bound(s.metric, float64(bounds[0]), length)
	for i, d := range dist {
		if d <= bound {
			near |= 1 << i
		}
	}
	near &= live
	hits := uint64(0)
	for ; near != 0; near &= near - 1 {
		i := bits.TrailingZeros64(near)
		if dist[i] <= q.bound(s.metric, float64(c.radii[from+i]), length) {
			hits |= 1 << i
		}
	}
	n := bits.OnesCount64(hits)
	if 4*n >= 3*(to-from) {
		s.block(m, c.invNorms, from, to, hits)
		return n
	}
	for ; hits != 0; hits &= hits - 1 {
		s.ids = append(s.ids, uint32(from+bits.TrailingZeros64(hits)))
	}
	if len(s.ids) >= pending {
		s.gathered(m, c.invNorms)
	}
	return n
}

// codeIDs takes the rows from+i, for each bit i of live, to those that are compared
// by codes, and returns how many were found that may be hits.
func (s *Scan) codeIDs(c *flatCodes, m *vec.Matrix, from int, live uint64) int {
	q := s.codes
	for ; live != 0; live &= live - 1 {
		q.ids = append(q.ids, uint32(from+bits.TrailingZeros64(live)))
	}
	for i, b := range c.blocks[from/blockRows*blockBounds:][:blockBounds] {
		q.most[i] = max(q.most[i], float64(b))
	}
	if len(q.ids) < blockRows {
		return 0
	}
	return s.gatherCodes(c, m)
}

// gatherCodes compares the rows of codes.ids and empties it.
func (s *Scan) gatherCodes(c *flatCodes, m *vec.Matrix) int {
	q := s.codes
	if len(q.ids) == 0 {
		return 0
	}
	dist := q.dist[:len(q.ids)]
	if c.metric == L2 {
		s.kern.L2CodeIDs(q.code, c.rows, q.ids, dist, 0)
	} else {
		s.kern.IPCodeIDs(q.code, q.base, c.rows, q.ids, dist, 0)
	}
	q.to(s.metric, min(s.Top.Bound(), s.high))
	n, bound := 0, q.bound(s.metric, q.most[0], q.most[1])
	for i, d := range dist {
		if d > bound {
			continue
		}
		row := q.ids[i]
		length := float64(c.blocks[int(row)/blockRows*blockBounds+1])
		if d <= q.bound(s.metric, float64(c.radii[row]), length) {
			s.ids = append(s.ids, row)
			n++
		}
	}
	q.ids, q.most = q.ids[:0], [blockBounds]float64{}
	if len(s.ids) >= pending {
		s.gathered(m, c.invNorms)
	}
	return n
}
