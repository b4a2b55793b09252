package diskann

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/pq"
)

const (
	maxRows = 1 << 31
	step    = 512     // rows after which progress is reported
	sampled = 1 << 12 // rows, at most, that the first node is chosen from
	stripes = 1 << 12 // locks that share the lists
)

// builder makes one index: a graph of rows, linked one after the other in a
// random order, then the codes. Beside the index, whose lists are a third longer
// meanwhile, it holds up to 12 bytes a row, and a sample of vectors for the codes.
type builder struct {
	*index
	par   params
	o     vecindex.BuildOptions
	space space
	lists []uint32 // see built
	width int
	locks [stripes]sync.Mutex
	entry uint32 // the row where walks begin

	slabs, spare mem.Slabs // of the index, and of the build alone
}

func (e *env) build(ctx context.Context, s vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) (*index, error) {
	par := parse(p)
	if err := vecindex.CheckSource(s, m, vecindex.Float32); err != nil {
		return nil, err
	}
	if dim := s.Dim(); dim < 1 || int64(s.Rows()) >= maxRows || s.Rows() > math.MaxInt/8/max(dim, 2*par.degree) {
		return nil, fmt.Errorf("DISKANN index of %d rows of dimension %d: too large", s.Rows(), dim)
	}
	x := &index{env: e, shape: shape{s.Dim(), par.degree}, metric: m, src: s, nodes: vecindex.Nodes(s.Valid(), 0, s.Rows())}
	x.degree = min(par.degree, max(x.nodes-1, 0))
	b := &builder{index: x, par: par, o: o}
	x.close = b.slabs.Free
	err := errors.Join(b.run(ctx), b.spare.Free())
	if err != nil {
		if ctx.Err() == nil {
			err = fmt.Errorf("DISKANN index of %d rows: %w", s.Rows(), err)
		}
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

// linked is the share of the work that the graph is.
const linked = 0.9

func (b *builder) run(ctx context.Context) (err error) {
	// A list is cut to its length when it is a third too long, not with every
	// neighbour.
	b.width = 1 + b.degree + b.degree/3
	if b.rows, err = mem.Alloc[uint32](&b.slabs, b.o.Budget, b.nodes); err != nil {
		return err
	}
	if b.lists, err = mem.Alloc[uint32](&b.slabs, b.o.Budget, b.src.Rows()*b.width); err != nil {
		return err
	}
	if b.nodes > 0 {
		if err := b.link(ctx); err != nil {
			return err
		}
	}
	if err := b.number(ctx); err != nil {
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

// each calls work(i) for all i below n, from several goroutines, each of which
// has its own work; progress is told by the caller's, from one share of the
// work to another.
func (b *builder) each(ctx context.Context, n int, from, to float64, newWork func() func(i int)) error {
	var next atomic.Int64
	loop := func(report bool) {
		work := newWork()
		for ctx.Err() == nil {
			i := int(next.Add(1) - 1)
			if i >= n {
				return
			}
			work(i)
			if report && i%step == 0 {
				b.report(from + (to-from)*float64(i)/float64(n))
			}
		}
	}
	var wg sync.WaitGroup
	for range min(b.o.Threads, n) - 1 {
		wg.Go(func() { loop(false) })
	}
	loop(true)
	wg.Wait()
	return ctx.Err()
}

// link makes the graph.
func (b *builder) link(ctx context.Context) error {
	var err error
	if b.space, err = newSpace(b); err != nil {
		return err
	}
	order, err := mem.Alloc[uint32](&b.spare, b.o.Budget, b.nodes)
	if err != nil {
		return err
	}
	i := 0
	for row := vecindex.NextNode(b.src.Valid(), 0); row < b.src.Rows(); row = vecindex.NextNode(b.src.Valid(), row+1) {
		order[i] = uint32(row)
		i++
	}
	rng := rand.New(rand.NewPCG(b.o.Seed, 0x6469736b))
	rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	b.entry = b.center(order[:min(len(order), sampled)])
	err = b.each(ctx, b.nodes, 0, linked, func() func(int) {
		l := newLinker(b)
		return func(i int) {
			if order[i] != b.entry {
				l.insert(order[i])
			}
		}
	})
	if err != nil {
		return err
	}
	return b.each(ctx, b.nodes, linked, linked, func() func(int) {
		l := newLinker(b)
		return func(i int) { l.cut(order[i]) }
	})
}

// center returns the row of a sample that is the nearest to its mean.
func (b *builder) center(sample []uint32) uint32 {
	mean, v := make([]float64, b.dim), make([]float32, b.dim)
	for _, row := range sample {
		b.vector(int(row), v)
		for i, e := range v {
			mean[i] += float64(e) / float64(len(sample))
		}
	}
	best, least := sample[0], math.Inf(1)
	for _, row := range sample {
		b.vector(int(row), v)
		d := 0.0
		for i, e := range v {
			d += (float64(e) - mean[i]) * (float64(e) - mean[i])
		}
		if d < least || d == least && row < best {
			best, least = row, d
		}
	}
	return best
}

// vector copies a row, as a unit vector for COSINE.
func (b *builder) vector(row int, dst []float32) {
	v := vecindex.Floats(b.src)[row*b.dim : (row+1)*b.dim]
	if b.metric == vecindex.Cosine {
		b.kern.Normalize(dst, v)
		return
	}
	copy(dst, v)
}

// encode makes the codes of all nodes.
func (b *builder) encode(ctx context.Context) (err error) {
	sub := b.par.subVector(b.dim, b.nodes)
	m := (b.dim + sub - 1) / sub
	b.quant = pq.Quantizer{Kern: b.kern, Dim: m * sub, M: m, Bits: bitsFor(b.nodes)}
	if b.codes, err = mem.Alloc[byte](&b.slabs, b.o.Budget, b.nodes*m); err != nil {
		return err
	}
	b.store.(*built).x = b.index
	if b.nodes == 0 {
		return nil
	}
	if b.quant.Book, err = mem.Alloc[float32](&b.slabs, b.o.Budget, b.bookSize()); err != nil {
		return err
	}
	n := min(b.nodes, pq.SamplesPerWord<<b.quant.Bits)
	sample, err := mem.Alloc[float32](&b.spare, b.o.Budget, n*m*sub)
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(b.o.Seed, 0x636f646573))
	for i := range n {
		// A node of each n-th part, so that none is there twice.
		from, to := i*b.nodes/n, (i+1)*b.nodes/n
		b.vector(int(b.rows[from+rng.IntN(to-from)]), sample[i*m*sub:][:b.dim])
	}
	if err := b.quant.Train(ctx, sample, b.o.Seed, b.o.Threads); err != nil {
		return err
	}
	b.learnt()
	return b.each(ctx, b.nodes, (1+linked)/2, 1, func() func(int) {
		v := make([]float32, m*sub)
		return func(i int) {
			b.vector(int(b.rows[i]), v[:b.dim])
			b.quant.Encode(v, b.codes[i*m:(i+1)*m])
		}
	})
}

// none marks a row that has no number yet.
const none = math.MaxUint32

// number numbers the rows in the order in which a walk of all lists, level by
// level, meets them. Rows that none leads to are given a neighbour that does.
func (b *builder) number(ctx context.Context) error {
	nodes, err := mem.Alloc[uint32](&b.slabs, b.o.Budget, b.src.Rows())
	if err != nil {
		return err
	}
	for i := range nodes {
		nodes[i] = none
	}
	s := &built{lists: b.lists, width: b.width, nodes: nodes}
	b.store = s
	if b.nodes == 0 {
		return nil
	}
	l := newLinker(b)
	met := 0
	meet := func(row uint32) {
		if nodes[row] == none {
			nodes[row] = uint32(met)
			b.rows[met] = row
			met++
		}
	}
	meet(b.entry)
	valid := b.src.Valid()
	next := vecindex.NextNode(valid, 0)
	for done := 0; done < b.nodes; done++ {
		if done%step == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if done == met { // all that can be reached is
			for nodes[next] != none {
				next = vecindex.NextNode(valid, next+1)
			}
			l.attach(uint32(next), nodes)
			meet(uint32(next))
		}
		for _, row := range s.list(b.rows[done]) {
			meet(row)
		}
	}
	return nil
}
