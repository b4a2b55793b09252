package ivf

import (
	"context"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/kmeans"
)

// coder holds rows as codes of their residuals. By codes the distance of a
// query q and the row of an entry in the list of center c is
//
//	distance(q, c) + bias + factor * (s.base + s.unit * sum)
//
// where base + unit * sum is about <q, r>, r the residual as it is held. For L2
// that is |q - c - r|² written out, with |r|² + 2<c, r> as bias and -2 as factor.
// So it is for Cosine, as |q - x|² is 2 - 2<q, x> for unit vectors: the error is
// the inner product of that of the residual with q - x, which is shorter than q.
// For IP it is -<q, c> - <c, r'> - <q - c, r> with the residual r' itself, for
// the same reason: the bias is <c, r - r'>.
type coder interface {
	// codeBytes is the size of all codes.
	codeBytes() int
	// learn makes the book from a sample of residuals.
	learn(ctx context.Context, b *builder, residuals []float32) error
	// encoder returns a function for one goroutine: it stores the residual of
	// entry i of a list as code, scale and bias.
	encoder() func(list, i int, residual []float32)
	// ask makes s ready to compare s.query with codes.
	ask(s *scratch)
	// near sets s.dist[i] to the distance by codes of entry from+i of a list, base
	// being that of the center, for each i below n, and returns the bits of those
	// that are not above limit; from is a multiple of batch, and n is at most batch.
	near(s *scratch, list, from, n int, base, limit float32) uint64
	// sum is that of one entry, without base and unit.
	sum(s *scratch, list, i int) float32
}

// newCoder returns the coder of an index, nil for IVF_FLAT.
func (x *index) newCoder() coder {
	switch {
	case x.coding == codingSQ:
		return &scalar{index: x, stride: (x.src.Dim() + vec.BytesUnit - 1) &^ (vec.BytesUnit - 1)}
	case x.coding.signs():
		return newRaBitQ(x)
	case x.coding == codingFlat:
		return nil
	case x.bits > scannBits:
		return &product{index: x, first: x.blocksOf(vec.ByteRows)}
	default:
		return newShort(x)
	}
}

// hasScale says whether an entry has a factor of its own; see coder.
func (x *index) hasScale() bool { return x.coding.signs() }

// bookSize is the number of words of the book.
func (x *index) bookSize() int {
	switch x.coding {
	case codingSQ:
		return 2 * x.src.Dim()
	case codingPQ, codingScann:
		return x.src.Dim() << x.bits
	}
	return 0
}

// factor is that of entries without one of their own.
func (x *index) factor() float32 {
	if x.metric == vecindex.IP {
		return -1
	}
	return -2
}

// setBias sets the bias of an entry whose residual is held as held.
func (x *index) setBias(list, i int, residual, held []float32) {
	center := x.center(list)
	bias := float64(0)
	if x.metric == vecindex.IP {
		for j, r := range held {
			bias += float64(center[j]) * (float64(r) - float64(residual[j]))
		}
	} else {
		for j, r := range held {
			bias += float64(r) * (float64(r) + 2*float64(center[j]))
		}
	}
	x.bias[int(x.ends[list])+i] = float32(bias)
}

func (x *index) center(list int) []float32 {
	dim := x.src.Dim()
	return x.centers[list*dim : (list+1)*dim]
}

// readCodes picks the rows of a list that pass by their codes and returns how
// many these are. base is the distance of the query and the center.
func (x *index) readCodes(s *scratch, f *vecindex.Filter, list int, base float32) int {
	ids := x.list(list)
	passed := 0
	if x.metric == vecindex.Cosine {
		base *= 2 // -<q, c> to |q - c|², up to what is the same for all lists
	}
	for from := 0; from < len(ids); from += batch {
		part := ids[from:min(from+batch, len(ids))]
		live := ^uint64(0) >> (batch - len(part))
		if !f.All {
			live = 0
			for i, row := range part {
				if f.Passes(row) {
					live |= 1 << i
				}
			}
		}
		n := bits.OnesCount64(live)
		passed += n
		switch {
		case n == 0:
		case 8*n < len(part):
			for ; live != 0; live &= live - 1 {
				i := bits.TrailingZeros64(live)
				x.pickOne(s, list, from+i, base)
			}
		default:
			near := x.coder.near(s, list, from, len(part), base, s.picked.limit)
			x.pick(s, near&live, part)
		}
	}
	return passed
}

// pickOne picks an entry of a list, if it is not above the limit.
func (x *index) pickOne(s *scratch, list, i int, base float32) {
	at := int(x.ends[list]) + i
	factor := s.factor
	if len(x.scale) > 0 {
		factor = x.scale[at]
	}
	d := base + x.bias[at] + factor*(s.base+s.unit*x.coder.sum(s, list, i))
	if d > s.picked.limit {
		return
	}
	s.dist[0] = d
	x.pick(s, 1, x.ids[at:at+1])
}

// estimates is coder.near for sums in s.short.
func (x *index) estimates(s *scratch, list, from, n int, base, limit float32) uint64 {
	at := int(x.ends[list]) + from
	e := vec.Estimate{Base: base, Low: s.factor * s.base, Unit: s.factor * s.unit}
	var scale []float32
	if len(x.scale) > 0 {
		e.Low, e.Unit, scale = s.base, s.unit, x.scale[at:at+n]
	}
	return x.kern.Estimates(&e, s.short[:n], x.bias[at:at+n], scale, limit, s.dist[:n])
}

// encode makes the codes of all lists.
func (b *builder) encode(ctx context.Context) (err error) {
	if b.coder = b.newCoder(); b.coder == nil || b.nodes == 0 {
		return nil
	}
	for _, part := range []struct {
		dst *[]float32
		n   int
	}{{&b.book, b.bookSize()}, {&b.scale, b.nodes * truth(b.hasScale())}, {&b.bias, b.nodes}} {
		if *part.dst, err = mem.Alloc[float32](&b.slabs, b.o.Budget, part.n); err != nil {
			return err
		}
	}
	if b.codes, err = mem.Alloc[byte](&b.slabs, b.o.Budget, b.coder.codeBytes()); err != nil {
		return err
	}
	if err := b.learn(ctx); err != nil {
		return err
	}
	b.report(learned)
	return b.encodeLists(ctx)
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// learn makes the book from the residuals of the sample, which it changes.
func (b *builder) learn(ctx context.Context) error {
	if b.bookSize() == 0 {
		return nil
	}
	n := min(len(b.sampled)/b.dim, residualSample)
	sample := b.sampled[:n*b.dim]
	near := make([]uint32, n)
	if err := kmeans.Assign(ctx, b.kern, sample, b.dim, b.centers, near, b.o.Threads, b.metric == vecindex.Cosine); err != nil {
		return err
	}
	for i, list := range near {
		subtract(sample[i*b.dim:(i+1)*b.dim], b.center(int(list)))
	}
	return b.coder.learn(ctx, b, sample)
}

func subtract(v, center []float32) {
	for i, c := range center {
		v[i] -= c
	}
}

// encodeLists stores the residuals of all entries; a goroutine takes a list at
// a time.
func (b *builder) encodeLists(ctx context.Context) error {
	var next, done atomic.Int64
	work := func(report bool) {
		store := b.coder.encoder()
		residual := make([]float32, b.dim)
		for ctx.Err() == nil {
			list := int(next.Add(1) - 1)
			if list >= b.lists {
				return
			}
			for i, row := range b.list(list) {
				if i%1024 == 1023 && ctx.Err() != nil {
					return
				}
				b.vector(int(row), residual)
				subtract(residual, b.center(list))
				store(list, i, residual)
			}
			if n := done.Add(int64(len(b.list(list)))); report {
				b.report(learned + (1-learned)*float64(n)/float64(b.nodes))
			}
		}
	}
	var wg sync.WaitGroup
	for range min(b.o.Threads, b.lists) - 1 {
		wg.Go(func() { work(false) })
	}
	work(true)
	wg.Wait()
	return ctx.Err()
}

// asBytes rounds tables of size floats each, of which a sum takes one element
// each, to bytes and sets s.base and s.unit accordingly.
func (x *index) asBytes(s *scratch, tables []float32, size int) {
	if cap(s.tables) < len(tables) {
		s.tables = make([]byte, len(tables))
	}
	s.tables, s.spare = s.tables[:len(tables)], room(s.spare, 2*len(tables)/size)
	s.base, s.unit = x.kern.RoundTables(tables, size, s.spare, s.tables)
}

// blocksOf numbers blocks of so many entries: list i begins with block first[i];
// the last number is that of all.
func (x *index) blocksOf(rows int) []int {
	first := make([]int, x.lists+1)
	for i := range x.lists {
		first[i+1] = first[i] + (len(x.list(i))+rows-1)/rows
	}
	return first
}

// blocks reads codes of 4 bits in blocks, see vec.Kernels.Nibbles.
type blocks struct {
	x     *index
	pairs int
	first []int // by list
}

func (b *blocks) codeBytes() int { return b.first[len(b.first)-1] * b.pairs * vec.NibbleRows }

// set sets the j-th code of entry i of a list, which was zero.
func (b *blocks) set(list, i, j int, code byte) {
	at := (b.first[list]+i/vec.NibbleRows)*b.pairs + j/2
	b.x.codes[at*vec.NibbleRows+i%vec.NibbleRows] |= code << (4 * (j % 2))
}

func (b *blocks) near(s *scratch, list, from, n int, base, limit float32) uint64 {
	at := (b.first[list] + from/vec.NibbleRows) * b.pairs * vec.NibbleRows
	whole := (n + vec.NibbleRows - 1) &^ (vec.NibbleRows - 1)
	b.x.kern.Nibbles(s.tables, b.x.codes[at:], s.short[:whole])
	return b.x.estimates(s, list, from, n, base, limit)
}

func (b *blocks) sum(s *scratch, list, i int) float32 {
	at := (b.first[list]+i/vec.NibbleRows)*b.pairs*vec.NibbleRows + i%vec.NibbleRows
	sum := 0
	for p := range b.pairs {
		c := b.x.codes[at+p*vec.NibbleRows]
		sum += int(s.tables[32*p+int(c&15)]) + int(s.tables[32*p+16+int(c>>4)])
	}
	return float32(sum)
}

// checkCodes refuses codes that are too few or too many.
func (x *index) checkCodes() error {
	if x.coder == nil {
		if len(x.codes) != 0 {
			return vecindex.BadFile("%d bytes of codes", len(x.codes))
		}
		return nil
	}
	if want := x.coder.codeBytes(); len(x.codes) != want && x.nodes > 0 {
		return vecindex.BadFile("%d bytes of codes, want %d", len(x.codes), want)
	}
	return nil
}
