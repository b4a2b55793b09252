//go:build !windows

package coderhnsw

import (
	"context"
	"errors"
	"math/rand"
	"slices"
	"sync"

	"github.com/coder/hnsw"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

const compiles = true

// Defaults of the build parameters, whose ranges the kind has checked.
const (
	defaultM, maxM = 30, 2048
	defaultEfC     = 360
	defaultEf      = 64
)

// index is a graph of the library over the rows of a Source.
type index struct {
	kern   vec.Kernels
	src    vecindex.Source
	metric vecindex.Metric
	graph  hnsw.Graph[uint32] // never changed once it is complete, but copied
	inv    []float32          // Cosine: inverse norm of each row
	nodes  int
	size   int64
	budget *mem.Budget // nil, or of which size is reserved
	file   *mem.Map    // nil, or one pin of it is held
	rooms  sync.Pool   // *room
}

// room is the memory of one search.
type room struct {
	scan vecindex.Scan
	top  vecindex.TopK
	unit []float32
	ids  []uint32
	dist []float32
}

func newIndex(kern vec.Kernels, s vecindex.Source, m vecindex.Metric) *index {
	x := &index{kern: kern, src: s, metric: m}
	x.rooms.New = func() any { return new(room) }
	valid := s.Valid()
	if m == vecindex.Cosine {
		x.inv = make([]float32, s.Rows())
	}
	for row := range s.Rows() {
		if !valid.IsZero() && !valid.Get(row) {
			continue
		}
		x.nodes++
		if m == vecindex.Cosine {
			x.inv[row] = kern.InvNorm(x.vector(uint32(row)))
		}
	}
	return x
}

func (x *index) vector(row uint32) []float32 {
	dim := x.src.Dim()
	return vecindex.Floats(x.src)[int(row)*dim : (int(row)+1)*dim]
}

// A node's value is its row in two whole numbers, as the library wants vectors
// of floats; that of a query is asked.

func value(row uint32) []float32 { return []float32{float32(row >> 16), float32(row & 0xffff)} }

func rowOf(v []float32) uint32 { return uint32(v[0])<<16 | uint32(v[1]) }

const asked = -1

func isQuery(v []float32) bool { return v[0] == asked }

// distance is smaller for what is nearer. q is the query, for COSINE a unit
// vector, of a search; nil in a build.
func (x *index) distance(q []float32) hnsw.DistanceFunc {
	return func(a, b []float32) float32 {
		left, right, inv := q, q, float32(1)
		if !isQuery(a) {
			left = x.vector(rowOf(a))
			inv = x.factor(rowOf(a))
		}
		if !isQuery(b) {
			right = x.vector(rowOf(b))
			inv *= x.factor(rowOf(b))
		}
		if x.metric == vecindex.L2 {
			return x.kern.L2(left, right)
		}
		return 0 - x.kern.IP(left, right)*inv
	}
}

func (x *index) factor(row uint32) float32 {
	if x.inv == nil {
		return 1
	}
	return x.inv[row]
}

// linkBytes and nodeBytes are about what the library takes for a link and for a
// node with its place in 4/3 levels, two maps and a value.
const linkBytes, nodeBytes = 24, 320

// build adds the rows one after the other, as a graph takes one writer.
func build(ctx context.Context, kern vec.Kernels, s vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) (vecindex.Index, error) {
	degree, err := p.Int("M", defaultM, 2, maxM)
	if err != nil {
		return nil, err
	}
	efc, err := p.Int("efConstruction", defaultEfC, 1, vecindex.MaxInt)
	if err != nil {
		return nil, err
	}
	x := newIndex(kern, s, m)
	x.size = int64(x.nodes) * int64(nodeBytes+linkBytes*min(2*degree, x.nodes)*4/3)
	if o.Budget != nil {
		if err := o.Budget.Reserve(x.size); err != nil {
			return nil, err
		}
		x.budget = o.Budget
	}
	g := hnsw.NewGraph[uint32]()
	// One degree is that of all levels: it is that of level 0.
	g.M, g.EfSearch, g.Distance = 2*degree, efc, x.distance(nil)
	g.Rng = rand.New(rand.NewSource(int64(o.Seed)))
	valid := s.Valid()
	for row := range s.Rows() {
		if err := ctx.Err(); err != nil {
			return nil, errors.Join(err, x.Close())
		}
		if valid.IsZero() || valid.Get(row) {
			g.Add(hnsw.MakeNode(uint32(row), value(uint32(row))))
		}
		if o.Progress != nil && (row%512 == 511 || row == s.Rows()-1) {
			o.Progress(row+1, s.Rows())
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	x.graph = *g
	return x, nil
}

func (x *index) Rows() int    { return x.src.Rows() }
func (x *index) Bytes() int64 { return x.size + 4*int64(len(x.inv)) }

// Close gives up what is reserved and pinned; the memory is the collector's.
func (x *index) Close() error {
	x.graph = hnsw.Graph[uint32]{}
	if x.budget != nil {
		x.budget.Release(x.size)
		x.budget = nil
	}
	if x.file == nil {
		return nil
	}
	f := x.file
	x.file = nil
	return f.Unpin()
}

// scanShare is the part of all rows from which on they are rather scanned than
// searched for.
const scanShare = 4

// Search implements vecindex.Index: the candidates of the library that pass, or
// an exact scan where these are too few, or would be most of the rows.
func (x *index) Search(ctx context.Context, q *vecindex.Query, out []vecindex.Hit) ([]vecindex.Hit, error) {
	if err := errors.Join(vecindex.CheckQuery(q, x.src.Dim()), ctx.Err()); err != nil {
		return out, err
	}
	if q.Range != nil {
		return vecindex.RangeSearch(ctx, x, x.metric, q, out)
	}
	f := vecindex.NewFilter(x.src.Rows(), x.nodes, q)
	if f.Allowed == 0 {
		return out, nil
	}
	r := x.rooms.Get().(*room)
	defer x.rooms.Put(r)
	want := min(q.K, f.Allowed)
	ef := q.Params.Ef
	if ef == 0 {
		ef = max(defaultEf, q.K+q.K/2)
	}
	ef = max(ef, q.K)
	if !f.All {
		ef = int(min(float64(ef)*float64(x.nodes)/float64(f.Allowed), float64(x.nodes)))
	}
	if ef < x.nodes/scanShare {
		if x.find(r, q, &f, ef, want) {
			return r.top.Hits(x.metric, out), nil
		}
	}
	r.scan.Start(x.kern, x.metric, vec.FloatProbe(q.Vector), want)
	rows := x.src.Matrix()
	if err := r.scan.Rows(ctx, &rows, x.inv, 0, f.Limit, q.Skip); err != nil {
		return out, err
	}
	return r.scan.Top.Hits(x.metric, out), nil
}

// find leaves in r.top the want best of ef candidates of the library that pass,
// and reports whether there are as many.
func (x *index) find(r *room, q *vecindex.Query, f *vecindex.Filter, ef, want int) bool {
	vector := q.Vector
	if x.metric == vecindex.Cosine {
		r.unit = append(r.unit[:0], vector...)
		x.kern.Normalize(r.unit, vector)
		vector = r.unit
	}
	g := x.graph // of which the breadth and the distance are this search's
	g.EfSearch, g.Distance = ef, x.distance(vector)
	r.ids = r.ids[:0]
	// It returns k candidates in no order, so that k is the breadth, too.
	for _, n := range g.Search([]float32{asked, 0}, ef) {
		if f.Passes(n.Key) {
			r.ids = append(r.ids, n.Key)
		}
	}
	if len(r.ids) < want {
		return false
	}
	r.dist = slices.Grow(r.dist[:0], len(r.ids))[:len(r.ids)]
	if x.metric == vecindex.L2 {
		x.kern.L2IDs(vector, vecindex.Floats(x.src), r.ids, r.dist, 0)
	} else {
		x.kern.IPIDs(vector, vecindex.Floats(x.src), r.ids, r.dist, 0)
		for i, row := range r.ids {
			r.dist[i] = 0 - r.dist[i]*x.factor(row)
		}
	}
	r.top.Reset(want)
	for i, row := range r.ids {
		r.top.Offer(vecindex.Key(r.dist[i], row))
	}
	return true
}
