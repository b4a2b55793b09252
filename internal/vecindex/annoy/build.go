package annoy

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
)

const (
	maxRows  = 1 << 31
	cellRows = 64 // rows of a cell, at most
	draws    = 96 // rows that the centers of a split are made of
	sampled  = 1 << 12

	// leastShare of the rows of a run is on each side of a split, so that there
	// are at most as many splits as there are rows by leastSide.
	leastShare = 0.05
	leastSide  = 3
)

// builder makes one index: each tree by one goroutine, as a function of the seed
// and its number, whatever the number of goroutines.
type builder struct {
	*index
	o    vecindex.BuildOptions
	lift []float32 // IP: one more element of each row, see measure

	slabs, spare mem.Slabs // of the index, and of the build alone
	done         atomic.Int64
	reporting    sync.Mutex
}

func (e *env) build(ctx context.Context, s vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) (*index, error) {
	trees, err := parse(p)
	if err == nil {
		err = vecindex.CheckSource(s, m, vecindex.Float32)
	}
	if err != nil {
		return nil, err
	}
	if dim := s.Dim(); dim < 1 || int64(s.Rows()) >= maxRows || s.Rows() > math.MaxInt/8/splitWords(dim) {
		return nil, fmt.Errorf("ANNOY index of %d rows of dimension %d: too large", s.Rows(), dim)
	}
	x := &index{env: e, metric: m, src: s, nodes: vecindex.Nodes(s.Valid(), 0, s.Rows()), trees: make([]tree, trees)}
	b := &builder{index: x, o: o}
	x.close = b.slabs.Free
	err = errors.Join(b.run(ctx), b.spare.Free())
	if err != nil {
		if ctx.Err() == nil {
			err = fmt.Errorf("ANNOY index of %d rows: %w", s.Rows(), err)
		}
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

func (b *builder) run(ctx context.Context) error {
	if err := b.measure(); err != nil {
		return err
	}
	planters := make([]*planter, len(b.trees))
	for i := range planters {
		// The slabs are made here, by one goroutine, and grow in those that plant.
		rows, err := mem.NewSlab(b.o.Budget, 4*b.nodes, 4*b.nodes)
		if err != nil {
			return err
		}
		b.slabs = append(b.slabs, rows)
		splits, err := mem.NewSlab(b.o.Budget, 0, 4*splitWords(b.src.Dim())*(b.nodes/leastSide+1))
		if err != nil {
			return err
		}
		b.slabs = append(b.slabs, splits)
		planters[i] = &planter{b: b, t: &b.trees[i], slab: splits, rng: rand.New(rand.NewPCG(b.o.Seed, uint64(i)))}
		planters[i].t.rows, _ = mem.View[uint32](rows.Bytes())
	}
	errs := make([]error, len(planters))
	var next atomic.Int64
	work := func() {
		for {
			i := int(next.Add(1) - 1)
			if i >= len(planters) {
				return
			}
			errs[i] = planters[i].plant(ctx)
		}
	}
	var wg sync.WaitGroup
	for range min(b.o.Threads, len(planters)) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	b.report(0)
	return ctx.Err()
}

// report counts rows that reached their cells and says how far the build is.
func (b *builder) report(rows int) {
	b.reporting.Lock()
	defer b.reporting.Unlock()
	done := b.done.Add(int64(rows))
	if b.o.Progress == nil {
		return
	}
	share := 1.0
	if b.nodes > 0 {
		share = float64(done) / float64(b.nodes) / float64(len(b.trees))
	}
	b.o.Progress(int(share*float64(b.src.Rows())), b.src.Rows())
}

// measure computes the additional element of rows for IP: it brings all to one
// length, so that the order of rows by the inner product is that by the angle
// (Y. Bachrach et al., "Speeding up the Xbox recommender system", RecSys 2014,
// section 3). Rows much longer than most have none.
func (b *builder) measure() error {
	if b.metric != vecindex.IP || b.nodes == 0 {
		return nil
	}
	slab, err := mem.NewSlab(b.o.Budget, 4*b.src.Rows(), 4*b.src.Rows())
	if err != nil {
		return err
	}
	b.spare = append(b.spare, slab)
	b.lift, _ = mem.View[float32](slab.Bytes())
	dim, valid := b.src.Dim(), b.src.Valid()
	var squares []float32
	every := max(1, b.nodes/sampled)
	for row, i := vecindex.NextNode(valid, 0), 0; row < b.src.Rows(); row, i = vecindex.NextNode(valid, row+1), i+1 {
		v := vecindex.Floats(b.src)[row*dim : (row+1)*dim]
		b.lift[row] = min(b.kern.IP(v, v), math.MaxFloat32/8)
		if i%every == 0 {
			squares = append(squares, b.lift[row])
		}
	}
	slices.Sort(squares)
	to := min(squares[len(squares)-1], 4*squares[len(squares)/2])
	for row := vecindex.NextNode(valid, 0); row < b.src.Rows(); row = vecindex.NextNode(valid, row+1) {
		b.lift[row] = float32(math.Sqrt(float64(max(to-b.lift[row], 0))))
	}
	return nil
}

// planter makes one tree.
type planter struct {
	b      *builder
	t      *tree
	slab   *mem.Slab
	splits int
	rng    *rand.Rand

	centers []float32 // two
	point   []float32
	margins []float32
	side    []uint32 // rows of the positive side
}

// width is the number of elements of a point: one more than of a vector for IP.
func (p *planter) width() int {
	if p.b.metric == vecindex.IP {
		return p.b.src.Dim() + 1
	}
	return p.b.src.Dim()
}

func (p *planter) plant(ctx context.Context) error {
	b := p.b
	i := 0
	for row := vecindex.NextNode(b.src.Valid(), 0); row < b.src.Rows(); row = vecindex.NextNode(b.src.Valid(), row+1) {
		p.t.rows[i] = uint32(row)
		i++
	}
	p.centers, p.point = make([]float32, 2*p.width()), make([]float32, p.width())
	p.margins = make([]float32, batch)
	_, err := p.part(ctx, 0, b.nodes)
	p.t.splits, _ = mem.View[uint32](p.slab.Bytes())
	p.t.splits = p.t.splits[:p.splits*splitWords(b.src.Dim())]
	return err
}

// part parts the rows [from, to) of the tree and returns the number of the
// split; 0, which no split below another one has, for a cell.
func (p *planter) part(ctx context.Context, from, to int) (int, error) {
	if to-from <= cellRows {
		p.b.report(to - from)
		return 0, ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	dim := p.b.src.Dim()
	size := splitWords(dim)
	at := p.splits
	p.splits++
	if err := p.grow(4 * size * p.splits); err != nil {
		return 0, err
	}
	words, _ := mem.View[uint32](p.slab.Bytes())
	w := words[at*size:][:size]
	mid := p.choose(from, to, w)
	w[dim+1] = uint32(mid)
	left, err := p.part(ctx, from, mid)
	if err != nil {
		return 0, err
	}
	right, err := p.part(ctx, mid, to)
	w[dim+2], w[dim+3] = uint32(left), uint32(right)
	return at, err
}

// grow makes the slab hold n bytes, in few steps. At the end of a tree the rest
// is at most a quarter.
func (p *planter) grow(n int) error {
	if have := len(p.slab.Bytes()); n > have {
		return p.slab.Grow(min(max(n, have+have/4), p.slab.Cap()))
	}
	return nil
}

// choose fills in the plane of a split and brings the rows [from, to) into the
// order of its sides; it returns where the positive one begins.
func (p *planter) choose(from, to int, w []uint32) int {
	dim := p.b.src.Dim()
	least := int(leastShare * float64(to-from))
	for range 3 {
		normal, offset, lift := p.plane(p.t.rows[from:to])
		if normal == nil {
			break
		}
		mid := from + p.sort(p.t.rows[from:to], normal, offset, lift)
		if mid-from > least && to-mid > least {
			copy(floats(w[:dim]), normal)
			w[dim] = math.Float32bits(offset)
			return mid
		}
	}
	// Rows that no plane parts well, such as copies: at random, by a plane of
	// which every query is on both sides.
	run := p.t.rows[from:to]
	p.rng.Shuffle(len(run), func(i, j int) { run[i], run[j] = run[j], run[i] })
	mid := from + len(run)/2
	slices.Sort(p.t.rows[from:mid])
	slices.Sort(p.t.rows[mid:to])
	clear(w[:dim+1])
	return mid
}

// take copies a row as a point: for COSINE its unit vector, for IP with its
// additional element.
func (p *planter) take(row uint32) {
	dim := p.b.src.Dim()
	v := vecindex.Floats(p.b.src)[int(row)*dim:][:dim]
	switch p.b.metric {
	case vecindex.Cosine:
		p.b.kern.Normalize(p.point, v)
	case vecindex.IP:
		p.point[copy(p.point, v)] = p.b.lift[row]
	default:
		copy(p.point, v)
	}
}

// plane returns the plane between two centers of rows: its normal, of length 1,
// the offset for L2, else 0, and for IP the normal's additional element. The
// centers are running means of rows drawn at random, each of the nearer one. The
// normal is nil if the centers are the same.
func (p *planter) plane(rows []uint32) (normal []float32, offset, lift float32) {
	width, dim := p.width(), p.b.src.Dim()
	var counts [2]float32
	for c := range counts {
		p.take(rows[p.rng.IntN(len(rows))])
		copy(p.centers[c*width:], p.point)
		counts[c] = 1
	}
	var dist [2]float32
	for range draws {
		p.take(rows[p.rng.IntN(len(rows))])
		p.b.kern.L2Rows(p.point, p.centers, dist[:])
		c := 0
		// Weighed by the rows so far, so that neither is left with few.
		if counts[1]*dist[1] < counts[0]*dist[0] {
			c = 1
		}
		center := p.centers[c*width:][:width]
		for i, v := range p.point {
			center[i] += (v - center[i]) / (counts[c] + 1)
		}
		counts[c]++
	}
	a, z := p.centers[:width], p.centers[width:]
	square, middle := 0.0, 0.0
	for i, v := range a {
		d := float64(z[i]) - float64(v)
		p.point[i] = float32(d)
		square += d * d
		middle += d * (float64(z[i]) + float64(v)) / 2
	}
	if !(square > 0) || math.IsInf(square, 1) {
		return nil, 0, 0
	}
	scale := 1 / math.Sqrt(square)
	for i, v := range p.point {
		p.point[i] = float32(float64(v) * scale)
	}
	if p.b.metric == vecindex.L2 {
		if offset = float32(middle * scale); math.IsInf(float64(offset), 0) {
			return nil, 0, 0
		}
	}
	if width > dim {
		lift = p.point[dim]
	}
	return p.point[:dim], offset, lift
}

// sort brings rows into the order of the sides of a plane, each in its own order,
// and returns how many are on the negative one. Those in the plane alternate.
func (p *planter) sort(rows []uint32, normal []float32, offset, lift float32) int {
	p.side = p.side[:0]
	n, turn := 0, false
	for from := 0; from < len(rows); from += batch {
		part := rows[from:min(from+batch, len(rows))]
		margins := p.margins[:len(part)]
		p.b.kern.IPIDs(normal, vecindex.Floats(p.b.src), part, margins, 0)
		for i, row := range part {
			m := margins[i] - offset
			if p.b.lift != nil {
				m += lift * p.b.lift[row]
			}
			positive := m > 0
			if m == 0 || m != m {
				positive, turn = turn, !turn
			}
			if positive {
				p.side = append(p.side, row)
			} else {
				rows[n] = row
				n++
			}
		}
	}
	copy(rows[n:], p.side)
	return n
}

// floats views words as the floats that they are.
func floats(w []uint32) []float32 {
	f, _ := mem.View[float32](mem.Bytes(w)) // words are aligned
	return f
}
