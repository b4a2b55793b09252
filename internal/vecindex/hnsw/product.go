package hnsw

import (
	"context"
	"math"
	"slices"

	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/pq"
)

// products is the space of product codes, HNSW_PQ, and of several rounds of
// them, HNSW_PRQ: each round holds what the ones before left over (Y. Chen,
// T. Guan and C. Wang, "Approximate nearest neighbor search by residual vector
// quantization", Sensors 2010), for each sub-vector by itself. A row has a byte
// for each sub-vector of each round.
//
// A distance is a sum of elements of tables, one a byte. For L2 with several
// rounds it lacks the inner products of what different rounds hold, twice, which
// depends on the row alone: one byte more has that, in 256 equal steps. For
// COSINE distances are as those of packed.
type products struct {
	rounds []*pq.Quantizer
	words  []float32   // the books of all rounds
	norms  [][]float32 // L2, COSINE: of each round
	far    []byte      // COSINE: the codes of the zero vector
	low    float32     // L2, COSINE, several rounds: what byte 0 of the cross terms stands for
	step   float32     // and the step from byte to byte
	loss   float32     // mean squared error of an element
	metric vecindex.Metric
	dim    int
}

func newProducts(g *graph, h codesHeader) (*products, bool) {
	m, bits, rounds := int(h.m), int(h.bits), int(h.rounds)
	if m < 1 || m > g.dim || g.dim%m != 0 || bits < 1 || bits > pq.MaxBits || rounds < 1 || rounds > maxRounds ||
		!goodLoss(h.loss) || !(math.Abs(float64(h.min)) <= 1e30) || !(h.scale >= 0 && h.scale <= 1e30) {
		return nil, false
	}
	c := &products{loss: h.loss, low: h.min, step: h.scale, metric: g.metric, dim: g.dim}
	size := pq.BookSize(g.dim, bits)
	c.words = make([]float32, rounds*size)
	for r := range rounds {
		c.rounds = append(c.rounds, &pq.Quantizer{Kern: g.kern, Dim: g.dim, M: m, Bits: bits, Book: c.words[r*size : (r+1)*size]})
	}
	return c, true
}

// ready computes what follows from the words; false where these are no numbers
// that training gives.
func (c *products) ready() bool {
	for _, w := range c.words {
		if !(math.Abs(float64(w)) <= math.MaxFloat32) {
			return false
		}
	}
	c.norms = nil
	if c.metric == vecindex.IP {
		return true
	}
	c.far = make([]byte, c.stride())
	for r, q := range c.rounds {
		norms := q.Norms()
		c.norms = append(c.norms, norms)
		for j := range q.M {
			of := norms[j<<q.Bits : (j+1)<<q.Bits]
			c.far[r*q.M+j] = byte(slices.Index(of, slices.Max(of)))
		}
	}
	if c.crossed() {
		c.far[c.parts()] = math.MaxUint8
	}
	return true
}

// sampleBytes bounds the memory of the sample that product codes are trained
// on.
const sampleBytes = 32 << 20

// trainProducts returns product codes that suit the rows, with fewer bits than
// wanted where there are fewer rows than words, or nil.
func (x *live) trainProducts(ctx context.Context, s vecindex.Source, threads int) (coding, error) {
	h := x.codes
	nodes := vecindex.Nodes(s.Valid(), 0, s.Rows())
	for h.bits > 1 && nodes < 1<<h.bits {
		h.bits--
	}
	sample := x.sample(s, max(min(pq.SamplesPerWord<<h.bits, sampleBytes/4/x.dim), 1<<h.bits))
	c, ok := newProducts(&x.graph, h)
	if !ok || len(sample) == 0 {
		return nil, nil
	}
	held, codes := make([]float32, x.dim), make([]byte, h.m)
	for r, q := range c.rounds {
		if err := q.Train(ctx, sample, x.seed+uint64(r)<<32, threads); err != nil {
			return nil, err
		}
		loss := 0.0
		for i := 0; i < len(sample); i += x.dim {
			q.Encode(sample[i:i+x.dim], codes)
			q.Decode(codes, held)
			for j, v := range held {
				sample[i+j] -= v
				loss += float64(sample[i+j]) * float64(sample[i+j])
			}
		}
		c.loss = float32(min(loss/float64(len(sample)), 1e30))
	}
	if !c.ready() {
		return nil, nil
	}
	return c, c.trainCross(x, s)
}

// crossSample is how many rows the bounds of cross terms are taken from.
const crossSample = 4096

// trainCross finds the bounds of the cross terms.
func (c *products) trainCross(x *live, s vecindex.Source) error {
	if !c.crossed() {
		return nil
	}
	sample := x.sample(s, crossSample)
	codes, cross := make([]byte, c.parts()), c.crosser()
	low, high := math.Inf(1), math.Inf(-1)
	for i := 0; i < len(sample); i += x.dim {
		v := cross(codes, sample[i:i+x.dim])
		low, high = min(low, v), max(high, v)
	}
	c.low, c.step = float32(max(low, -1e30)), float32(min((high-low)/math.MaxUint8, 1e30))
	return nil
}

// crossed reports whether rows have a byte for cross terms.
func (c *products) crossed() bool { return c.metric != vecindex.IP && len(c.rounds) > 1 }

// parts is the number of bytes that name words.
func (c *products) parts() int { return c.rounds[0].M * len(c.rounds) }

func (c *products) stride() int {
	if c.crossed() {
		return c.parts() + 1
	}
	return c.parts()
}

func (c *products) book() []float32 { return c.words }

func (c *products) header() codesHeader {
	q := c.rounds[0]
	return codesHeader{
		kind: codesProduct, min: c.low, scale: c.step, loss: c.loss, m: uint32(q.M), bits: uint32(q.Bits), rounds: uint32(len(c.rounds)),
	}
}

// crosser returns a function for one goroutine that sets codes, parts of them,
// to those of a row and returns its cross terms.
func (c *products) crosser() func(codes []byte, row []float32) float64 {
	rest, held, sum := make([]float32, c.dim), make([]float32, c.dim), make([]float32, c.dim)
	return func(codes []byte, row []float32) float64 {
		copy(rest, row)
		clear(sum)
		cross := 0.0
		for r, q := range c.rounds {
			part := codes[r*q.M : (r+1)*q.M]
			q.Encode(rest, part)
			q.Decode(part, held)
			for i, v := range held {
				cross += 2 * float64(v) * float64(sum[i])
				sum[i] += v
				rest[i] -= v
			}
		}
		return cross
	}
}

func (c *products) encoder() func(dst []byte, row []float32) {
	cross, parts := c.crosser(), c.parts()
	return func(dst []byte, row []float32) {
		if c.metric == vecindex.Cosine && isZero(row) {
			copy(dst, c.far)
			return
		}
		v := cross(dst[:parts], row)
		if c.crossed() && c.step > 0 {
			dst[parts] = byte(min(max((v-float64(c.low))/float64(c.step)+0.5, 0), math.MaxUint8))
		}
	}
}

// askProducts makes t, the target of a query, ready for product codes.
func (g *graph) askProducts(w *walker, t *target, c *products) {
	n := c.stride() * pq.TableSize
	w.tables = slices.Grow(w.tables[:0], n)[:n]
	t.tables = w.tables
	square := g.kern.IP(t.vector, t.vector)
	for r, q := range c.rounds {
		part := t.tables[r*q.M*pq.TableSize:]
		if g.metric != vecindex.IP {
			q.Distances(t.vector, c.norms[r], part, pq.TableSize)
		} else {
			q.Products(t.vector, part, pq.TableSize)
		}
	}
	if g.metric == vecindex.IP {
		t.variance = square * c.loss
		return
	}
	t.lossy(c.loss)
	for i := range pq.TableSize {
		t.tables[i] += square
	}
	if c.crossed() {
		last := t.tables[c.parts()*pq.TableSize:]
		for i := range last {
			last[i] = c.low + c.step*float32(i)
		}
	}
}

// compareProducts sets out[i] to the distance of t and row ids[i] of codes;
// sums is room.
func (g *graph) compareProducts(codes []byte, t *target, c *products, ids, out []uint32, sums []float32) {
	pq.SumsIDs(t.tables, c.stride(), codes, ids, sums)
	if g.metric != vecindex.IP {
		for i, d := range sums {
			out[i] = uint32(vecindex.Key(d, 0) >> 32)
		}
		return
	}
	for i, d := range sums {
		out[i] = uint32(vecindex.Key(0-d, 0) >> 32)
	}
}
