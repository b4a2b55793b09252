package ivf

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/kmeans"
	"github.com/redkite-db/redkite/internal/vecindex/pq"
)

const (
	maxRows       = 1 << 31
	rowsPerCenter = 64      // of the sample that centers are made of
	rounds        = 10      // of k-means
	step          = 1 << 14 // rows after which progress is reported
	decodedFloats = 1 << 18 // of rows that are not of float32, at a time

	residualSample = 1 << 15 // residuals, at most, that a book is made of
)

// builder makes one index.
type builder struct {
	*index
	o     vecindex.BuildOptions
	dim   int
	slabs mem.Slabs // of the index

	sampled []float32 // in spare
	spare   mem.Slabs // of the build alone
}

func (e *env) build(ctx context.Context, c coding, s vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) (*index, error) {
	par, err := c.parse(p, s.Dim())
	if err != nil {
		return nil, err
	}
	if dim := s.Dim(); dim < 1 || int64(s.Rows()) >= maxRows || s.Rows() > math.MaxInt/8/dim {
		return nil, fmt.Errorf("%v index of %d rows of dimension %d: too large", c, s.Rows(), dim)
	}
	if err := vecindex.CheckSource(s, m, types()...); err != nil {
		return nil, err
	}
	x := &index{env: e, coding: c, metric: m, src: s, rows: s.Matrix(), nodes: vecindex.Nodes(s.Valid(), 0, s.Rows()), seed: o.Seed}
	x.elem = vecindex.ElementOf(&x.rows)
	x.params = par
	x.lists = par.listsFor(x.nodes)
	if c == codingPQ {
		x.bits = par.bitsFor(x.nodes)
	}
	b := &builder{index: x, o: o, dim: s.Dim()}
	x.close = b.slabs.Free
	err = errors.Join(b.run(ctx), b.spare.Free())
	if err != nil {
		if ctx.Err() == nil {
			err = fmt.Errorf("%v index of %d rows: %w", c, s.Rows(), err)
		}
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

// Shares of the work, for reports.
const (
	trained  = 0.3
	assigned = 0.6
	learned  = 0.8
)

func (b *builder) run(ctx context.Context) error {
	if err := b.findCenters(ctx); err != nil {
		return err
	}
	if err := b.fillLists(ctx); err != nil {
		return err
	}
	if err := b.encode(ctx); err != nil {
		return err
	}
	b.report(1)
	return ctx.Err()
}

// report says which share of the work is done.
func (b *builder) report(share float64) {
	if b.o.Progress != nil {
		b.o.Progress(int(share*float64(b.src.Rows())), b.src.Rows())
	}
}

// findCenters makes the centers of the lists from a sample.
func (b *builder) findCenters(ctx context.Context) (err error) {
	if b.centers, err = mem.Alloc[float32](&b.slabs, b.o.Budget, b.lists*b.dim); err != nil || b.nodes == 0 {
		return err
	}
	if b.sampled, err = b.sample(max(rowsPerCenter*b.lists, b.wanted())); err != nil {
		return err
	}
	b.mix(b.sampled)
	centers := b.sampled[:min(len(b.sampled), rowsPerCenter*b.lists*b.dim)]
	err = kmeans.Train(ctx, b.kern, centers, b.dim, b.centers, kmeans.Options{
		Seed: b.seed, Threads: b.o.Threads, Iterations: rounds, Spherical: b.metric == vecindex.Cosine,
		Progress: func(done, total int) { b.report(trained * float64(done) / float64(total)) },
	})
	if err != nil {
		return err
	}
	return b.codeCenters()
}

// wanted is the number of residuals that a book is made of.
func (b *builder) wanted() int {
	if b.coding == codingFlat || b.coding.signs() {
		return 0
	}
	return min(residualSample, pq.SamplesPerWord<<max(b.bits, defaultBits))
}

// mix brings the rows of a sample into a random order.
func (b *builder) mix(sample []float32) {
	rng := rand.New(rand.NewPCG(b.seed, 0x6d6978))
	spare := make([]float32, b.dim)
	for i := len(sample)/b.dim - 1; i > 0; i-- {
		j := rng.IntN(i + 1)
		v, w := sample[i*b.dim:(i+1)*b.dim], sample[j*b.dim:(j+1)*b.dim]
		copy(spare, v)
		copy(v, w)
		copy(w, spare)
	}
}

// sample copies up to n nodes, as unit vectors for Cosine, each set of them as
// likely as any other (selection sampling: D. Knuth, The Art of Computer
// Programming 2, 3.4.2, algorithm S).
func (b *builder) sample(n int) ([]float32, error) {
	n = min(n, b.nodes)
	out, err := mem.Alloc[float32](&b.spare, b.o.Budget, n*b.dim)
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(b.seed, 0x73616d706c65))
	left, taken := b.nodes, 0
	for row := vecindex.NextNode(b.src.Valid(), 0); taken < n; row = vecindex.NextNode(b.src.Valid(), row+1) {
		if rng.IntN(left) < n-taken {
			b.vector(row, out[taken*b.dim:(taken+1)*b.dim])
			taken++
		}
		left--
	}
	return out, nil
}

// vector copies a row, as a unit vector for Cosine.
func (b *builder) vector(row int, dst []float32) {
	v := b.rows.Floats(row, dst)
	if b.metric == vecindex.Cosine {
		b.kern.Normalize(dst, v)
		return
	}
	copy(dst, v)
}

// fillLists puts each node into the list of its nearest center.
func (b *builder) fillLists(ctx context.Context) (err error) {
	rows := b.src.Rows()
	if b.ends, err = mem.Alloc[uint32](&b.slabs, b.o.Budget, b.lists+1); err != nil {
		return err
	}
	if b.ids, err = mem.Alloc[uint32](&b.slabs, b.o.Budget, b.nodes); err != nil {
		return err
	}
	near, err := mem.Alloc[uint32](&b.spare, b.o.Budget, rows)
	if err != nil {
		return err
	}
	block := step
	if b.elem != vecindex.Float32 {
		block = max(min(step, decodedFloats/b.dim), 1)
	}
	var room []float32
	for from := 0; from < rows; from += block {
		to := min(from+block, rows)
		points := b.points(from, to, &room)
		// By inner product the length of a vector does not matter, so that
		// vectors are compared where they are. What lies in the place of a row
		// without one does no harm.
		err := kmeans.Assign(ctx, b.kern, points, b.dim, b.centers, near[from:to], b.o.Threads, b.metric == vecindex.Cosine)
		if err != nil {
			return err
		}
		b.report(trained + (assigned-trained)*float64(to)/float64(rows))
	}
	if err := b.measure(); err != nil {
		return err
	}
	if err := b.measureLists(ctx, near); err != nil {
		return err
	}
	// Counting sort: ends[i+1] becomes the place of the next row of list i, and
	// at last its end.
	valid := b.src.Valid()
	next := make([]uint32, b.lists)
	for row := vecindex.NextNode(valid, 0); row < rows; row = vecindex.NextNode(valid, row+1) {
		next[near[row]]++
	}
	at := uint32(0)
	for i, n := range next {
		next[i] = at
		at += n
		b.ends[i+1] = at
	}
	for row := vecindex.NextNode(valid, 0); row < rows; row = vecindex.NextNode(valid, row+1) {
		b.ids[next[near[row]]] = uint32(row)
		next[near[row]]++
	}
	return nil
}

// cancelEvery is how many rows are measured between two looks at whether to end.
const cancelEvery = 4096

// measureLists computes how far rows are from the centers of their lists, which
// are near.
func (b *builder) measureLists(ctx context.Context, near []uint32) (err error) {
	if b.spread, err = mem.Alloc[float32](&b.slabs, b.o.Budget, b.lists); err != nil {
		return err
	}
	sums, counts := make([]float64, b.lists), make([]int, b.lists)
	valid, v, square := b.src.Valid(), make([]float32, b.dim), make([]float32, 1)
	for row := vecindex.NextNode(valid, 0); row < b.src.Rows(); row = vecindex.NextNode(valid, row+1) {
		if row%cancelEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		list := int(near[row])
		b.vector(row, v)
		b.kern.L2Rows(v, b.center(list), square)
		sums[list] += min(float64(square[0]), math.MaxFloat32)
		counts[list]++
	}
	for i, n := range counts {
		if n > 0 {
			b.spread[i] = float32(math.Sqrt(sums[i] / float64(n)))
		}
	}
	return nil
}

// points returns the elements of rows, where they are if they are float32, else
// in room.
func (b *builder) points(from, to int, room *[]float32) []float32 {
	if b.elem == vecindex.Float32 {
		return b.rows.Float32s()[from*b.dim : to*b.dim]
	}
	if *room == nil {
		*room = make([]float32, (to-from)*b.dim)
	}
	for row := from; row < to; row++ {
		b.rows.Floats(row, (*room)[(row-from)*b.dim:][:b.dim])
	}
	return (*room)[:(to-from)*b.dim]
}

// measure computes the inverse norms.
func (b *builder) measure() (err error) {
	if b.metric != vecindex.Cosine {
		return nil
	}
	if b.inv, err = mem.Alloc[float32](&b.slabs, b.o.Budget, b.src.Rows()); err != nil {
		return err
	}
	valid, room := b.src.Valid(), make([]float32, b.dim)
	for row := vecindex.NextNode(valid, 0); row < b.src.Rows(); row = vecindex.NextNode(valid, row+1) {
		b.inv[row] = b.kern.InvNormOf(&b.rows, row, room)
	}
	return nil
}
