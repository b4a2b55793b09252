package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/coder/hnsw"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

const coderName = "coder-hnsw"

// coder is github.com/coder/hnsw, given our kernels as its distance, which are
// faster than its own. It has one degree for all levels, so it gets 2M as the
// others have it in level 0, and it returns k candidates without order, so it
// is asked for ef of them, of which the nearest are the answer.
type coder struct {
	kern  vec.Kernels
	graph *hnsw.Graph[int32]
	data  *dataset
	size  int64
}

func (c *coder) info() (version, isa string) {
	version = "unknown"
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, m := range b.Deps {
			if m.Path == "github.com/coder/hnsw" {
				version = m.Version
			}
		}
	}
	return version, "our kernels: " + c.kern.String()
}

// build adds the rows one after the other: a graph takes one writer.
func (c *coder) build(ctx context.Context, d *dataset, params map[string]any, _ int) error {
	m, err := number(params, "M")
	if err != nil {
		return err
	}
	efc, err := number(params, "efConstruction")
	if err != nil {
		return err
	}
	if d.sparse != nil {
		return errors.New("it has no sparse vectors")
	}
	c.graph, c.data = nil, d
	before := heapBytes()
	g := hnsw.NewGraph[int32]()
	g.M, g.EfSearch, g.Distance, g.Rng = 2*m, efc, c.distance(), rand.New(rand.NewSource(buildSeed))
	rows := d.rows()
	for i := range rows.Rows() {
		if err := ctx.Err(); err != nil {
			return err
		}
		g.Add(hnsw.MakeNode(int32(i), rows.Data[i*d.dim:(i+1)*d.dim]))
	}
	c.graph, c.size = g, heapBytes()-before
	return nil
}

// distance is smaller for what is nearer.
func (c *coder) distance() hnsw.DistanceFunc {
	switch c.data.metric {
	case vecindex.IP:
		return func(a, b []float32) float32 { return -c.kern.IP(a, b) }
	case vecindex.Cosine:
		return func(a, b []float32) float32 {
			return -float32(float64(c.kern.IP(a, b)) / math.Sqrt(float64(c.kern.IP(a, a))*float64(c.kern.IP(b, b))))
		}
	default:
		return c.kern.L2
	}
}

// heapBytes is what the garbage collector finds in use; the vectors lie outside
// the heap.
func heapBytes() int64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

func (c *coder) bytes() int64 { return c.size }

func (c *coder) searcher(_ context.Context, params map[string]any, k int) (searcher, error) {
	ef, err := number(params, "ef")
	if err != nil {
		return nil, err
	}
	c.graph.EfSearch = ef
	dist := c.distance()
	var keys []uint64
	return func(q *question, out []int32) error {
		if q.skip != nil {
			return errors.New("it has no filter")
		}
		keys = keys[:0]
		for _, n := range c.graph.Search(q.vector, max(ef, k)) {
			keys = append(keys, vecindex.Key(dist(n.Value, q.vector), uint32(n.Key)))
		}
		slices.Sort(keys)
		for i := range out {
			out[i] = -1
			if i < len(keys) {
				out[i] = int32(vecindex.KeyRow(keys[i]))
			}
		}
		return nil
	}, nil
}

func (c *coder) close() error {
	c.graph = nil
	return nil
}

// number returns an integer of decoded JSON.
func number(params map[string]any, key string) (int, error) {
	n, given, err := vecindex.SearchInt(params, key, 1, vecindex.MaxInt)
	if err == nil && !given {
		err = errors.New("missing")
	}
	if err != nil {
		return 0, fmt.Errorf("parameter %s: %w", key, err)
	}
	return n, nil
}
