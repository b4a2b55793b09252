package diskann

import (
	"math"
	"slices"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// space has what distances between rows need beside the vectors.
type space struct {
	inv    []float32 // COSINE: inverse norms
	square []float32 // IP: squared lengths, lifted
	lift   []float32 // IP: one more element of each row, see newSpace
}

// newSpace measures the rows. Distances are those of L2: for COSINE of unit
// vectors, for IP of vectors with one more element, which brings all to one
// length, so that for a query, which has 0 there, the order of rows is that by
// the inner product (Y. Bachrach et al., "Speeding up the Xbox recommender
// system", RecSys 2014, section 3). Rows much longer than most stay as they are,
// lest they drown the differences of all others in rounding.
func newSpace(b *builder) (sp space, err error) {
	rows := b.src.Rows()
	switch b.metric {
	case vecindex.L2:
		return sp, nil
	case vecindex.Cosine:
		if sp.inv, err = mem.Alloc[float32](&b.spare, b.o.Budget, rows); err != nil {
			return sp, err
		}
	case vecindex.IP:
		if sp.square, err = mem.Alloc[float32](&b.spare, b.o.Budget, rows); err != nil {
			return sp, err
		}
		if sp.lift, err = mem.Alloc[float32](&b.spare, b.o.Budget, rows); err != nil {
			return sp, err
		}
	}
	var squares []float64
	valid := b.src.Valid()
	every := max(1, b.nodes/sampled)
	for row, i := vecindex.NextNode(valid, 0), 0; row < rows; row, i = vecindex.NextNode(valid, row+1), i+1 {
		v := vecindex.Floats(b.src)[row*b.dim : (row+1)*b.dim]
		if b.metric == vecindex.Cosine {
			sp.inv[row] = b.kern.InvNorm(v)
			continue
		}
		sp.square[row] = min(b.kern.IP(v, v), math.MaxFloat32/8)
		if i%every == 0 {
			squares = append(squares, float64(sp.square[row]))
		}
	}
	if b.metric == vecindex.Cosine {
		return sp, nil
	}
	slices.Sort(squares)
	to := min(squares[len(squares)-1], 4*squares[len(squares)/2])
	for row := vecindex.NextNode(valid, 0); row < rows; row = vecindex.NextNode(valid, row+1) {
		short := max(to-float64(sp.square[row]), 0)
		sp.lift[row] = float32(math.Sqrt(short))
		sp.square[row] += float32(short)
	}
	return sp, nil
}

// distances sets out[i] to the distance of two rows.
func (b *builder) distances(row uint32, ids []uint32, out []float32) {
	vectors, sp := vecindex.Floats(b.src), &b.space
	v := vectors[int(row)*b.dim:][:b.dim]
	out = out[:len(ids)]
	switch b.metric {
	case vecindex.L2:
		b.kern.L2IDs(v, vectors, ids, out, 0)
	case vecindex.Cosine:
		b.kern.IPIDs(v, vectors, ids, out, 0)
		inv := sp.inv[row]
		for i, id := range ids {
			out[i] = positive(2-2*out[i]*inv*sp.inv[id], 2)
		}
	default:
		b.kern.IPIDs(v, vectors, ids, out, 0)
		lift, square := sp.lift[row], sp.square[row]
		for i, id := range ids {
			sum := square + sp.square[id]
			out[i] = positive(sum-2*(out[i]+lift*sp.lift[id]), sum)
		}
	}
}

// positive returns a difference of sums of about so much, which is nothing when
// it may be rounding: rows that are the same are to be at no distance.
func positive(d, of float32) float32 {
	if d <= of*1e-6 {
		return 0
	}
	return d
}
