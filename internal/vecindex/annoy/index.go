package annoy

import (
	"context"
	"errors"
	"io"
	"math"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// index is a complete index, built in memory or in a map of its file. It
// implements vecindex.Index.
type index struct {
	*env
	metric vecindex.Metric
	src    vecindex.Source
	nodes  int // rows that have a vector
	trees  []tree
	close  func() error
}

// tree is one tree: the rows in the order of its cells, and its splits, the root
// first, each before those below it. A split parts a run of rows in two; a run
// that no split parts is a cell.
type tree struct {
	rows   []uint32
	splits []uint32 // see split, of splitWords each
}

// split is a hyperplane and what lies on its sides.
type split struct {
	normal      []float32 // of length 1, or 0 for a split at random
	offset      float32   // L2: of the plane
	mid         uint32    // where the run of the positive side begins
	left, right uint32    // splits of the sides, 0: a cell
}

// splitWords is the size of a split in words of 32 bits.
func splitWords(dim int) int { return dim + 4 }

// splitAt returns the i-th split of a tree.
func (x *index) splitAt(t *tree, i uint32) split {
	dim := x.src.Dim()
	w := t.splits[int(i)*splitWords(dim):][:splitWords(dim)]
	return split{floats(w[:dim]), math.Float32frombits(w[dim]), w[dim+1], w[dim+2], w[dim+3]}
}

func (x *index) Rows() int { return x.src.Rows() }

func (x *index) Bytes() int64 {
	n := 0
	for _, t := range x.trees {
		n += len(t.rows) + len(t.splits)
	}
	return 4 * int64(n)
}

func (x *index) WriteTo(w io.Writer) (int64, error) { return x.write(w) }

func (x *index) Close() error {
	closing := x.close
	x.trees, x.close = nil, nil
	if closing == nil {
		return nil
	}
	return closing()
}

// batch is how many rows are compared by one call of a kernel.
const batch = 64

// walker is the memory of one search, pooled, for one goroutine at a time.
type walker struct {
	query   []float32 // as it is compared: a unit vector for COSINE
	normal  []float32 // backs query for COSINE
	heap    heap
	visited []uint64 // a bit for each row: it was met
	log     []uint32 // the rows of visited
	ids     [batch]uint32
	dist    [batch]float32
	best    vecindex.TopK
	scan    vecindex.Scan
}

// begin forgets what the last search met and makes room for so many rows.
func (w *walker) begin(rows int) {
	if len(w.log) < len(w.visited)/8 {
		for _, row := range w.log {
			w.visited[row/64] = 0
		}
	} else {
		clear(w.visited)
	}
	w.log = w.log[:0]
	if words := (rows + 63) / 64; len(w.visited) < words {
		w.visited = make([]uint64, words)
	}
}

// Search implements vecindex.Index: the nearest cells, or all allowed rows where
// that is cheaper.
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
	w := x.walkers.Get().(*walker)
	defer func() {
		w.query = nil // the caller's
		x.walkers.Put(w)
	}()
	want := min(q.K, f.Allowed)
	meet := q.Params.SearchK
	if meet == 0 {
		meet = min(q.K, x.nodes) * len(x.trees)
	}
	meet = max(meet, want)
	if x.scanIsCheaper(&f, meet) {
		w.scan.Start(x.kern, x.metric, vec.FloatProbe(q.Vector), want)
		rows := x.src.Matrix()
		if err := w.scan.Rows(ctx, &rows, nil, 0, f.Limit, q.Skip); err != nil {
			return out, err
		}
		return w.scan.Top.Hits(x.metric, out), nil
	}
	w.query = q.Vector
	if x.metric == vecindex.Cosine {
		w.normal = append(w.normal[:0], q.Vector...)
		x.kern.Normalize(w.normal, q.Vector)
		w.query = w.normal
	}
	w.best.Reset(want)
	if err := x.walk(ctx, w, &f, meet); err != nil {
		return out, err
	}
	return w.best.Hits(x.metric, out), nil
}

// scanIsCheaper reports whether comparing all allowed rows costs no more than to
// meet so many of them, which is at random places, and asks each row that is met
// whether it passes.
func (x *index) scanIsCheaper(f *vecindex.Filter, meet int) bool {
	const scanAdvantage, testsPerRow = 2, 8
	share := float64(f.Allowed) / float64(x.nodes)
	return float64(f.Allowed) <= scanAdvantage*float64(meet)*(1+1/share/testsPerRow)
}

// Where the rows near a query are just those that do not pass, the hits lie
// around these in all directions, in many cells. It shows: of the rows in the
// cells that were opened, a smaller share passed than of all. If it is smaller
// than by the factor correlated, as many rows are compared as those cells had.
const correlated = 0.8

// walk opens cells, the nearest first, until meet different rows that pass were
// compared, or there are no more.
func (x *index) walk(ctx context.Context, w *walker, f *vecindex.Filter, meet int) error {
	w.begin(x.src.Rows())
	w.heap = w.heap[:0]
	for t := range x.trees {
		root := place{near: float32(math.Inf(1)), tree: uint32(t), to: uint32(x.nodes), cell: len(x.trees[t].splits) == 0}
		w.heap.push(root)
	}
	met, seen, n := 0, 0, 0
	elsewhere := false
	for steps := 1; len(w.heap) > 0; steps++ {
		if met >= meet {
			if elsewhere || float64(met)*float64(x.nodes) >= correlated*float64(f.Allowed)*float64(seen) {
				break
			}
			elsewhere, meet = true, max(meet, seen)
		}
		if steps%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		p := w.heap.pop()
		t := &x.trees[p.tree]
		if !p.cell {
			x.descend(w, t, p)
			continue
		}
		for _, row := range t.rows[p.from:p.to] {
			if w.visited[row/64]>>(row%64)&1 != 0 {
				continue
			}
			if seen++; !f.All && !f.Passes(row) {
				continue
			}
			w.visited[row/64] |= 1 << (row % 64)
			w.log = append(w.log, row)
			w.ids[n] = row
			if n++; n == batch {
				x.compare(w, n)
				n = 0
			}
			met++
		}
	}
	x.compare(w, n)
	return nil
}

// descend offers both sides of a split: a side is as near as the query lies deep
// in it, and no nearer than what it is a part of.
func (x *index) descend(w *walker, t *tree, p place) {
	s := x.splitAt(t, p.split)
	margin := x.kern.IP(s.normal, w.query) - s.offset
	if margin != margin {
		margin = 0 // elements so large that there is no telling
	}
	w.heap.push(place{near: min(p.near, 0-margin), tree: p.tree, split: s.left, from: p.from, to: s.mid, cell: s.left == 0})
	w.heap.push(place{near: min(p.near, margin), tree: p.tree, split: s.right, from: s.mid, to: p.to, cell: s.right == 0})
}

// compare offers the first n rows of w.ids by their vectors.
func (x *index) compare(w *walker, n int) {
	dim := x.src.Dim()
	ids, dist := w.ids[:n], w.dist[:n]
	switch x.metric {
	case vecindex.L2:
		x.kern.L2IDs(w.query, vecindex.Floats(x.src), ids, dist, 0)
	case vecindex.IP:
		x.kern.IPIDs(w.query, vecindex.Floats(x.src), ids, dist, 0)
		for i, d := range dist {
			dist[i] = 0 - d
		}
	default:
		x.kern.IPIDs(w.query, vecindex.Floats(x.src), ids, dist, 0)
		for i, d := range dist {
			dist[i] = 0 - d*x.kern.InvNorm(vecindex.Floats(x.src)[int(ids[i])*dim:][:dim])
		}
	}
	bound := w.best.Bound()
	for i, d := range dist {
		if key := vecindex.Key(d, ids[i]); key < bound {
			w.best.Offer(key)
			bound = w.best.Bound()
		}
	}
}

// place is a part of a tree that a search may open.
type place struct {
	near     float32 // larger is nearer
	tree     uint32
	split    uint32
	from, to uint32 // of the tree's rows
	cell     bool
}

// heap is a binary heap of places with the nearest at the root.
type heap []place

func (h *heap) push(p place) {
	s := append(*h, p)
	*h = s
	i := len(s) - 1
	for i > 0 {
		up := (i - 1) / 2
		if s[up].near >= p.near {
			break
		}
		s[i] = s[up]
		i = up
	}
	s[i] = p
}

func (h *heap) pop() place {
	s := *h
	root, n := s[0], len(s)-1
	p := s[n]
	s = s[:n]
	*h = s
	if n == 0 {
		return root
	}
	i := 0
	for {
		down := 2*i + 1
		if down >= n {
			break
		}
		if down+1 < n && s[down+1].near > s[down].near {
			down++
		}
		if s[down].near <= p.near {
			break
		}
		s[i] = s[down]
		i = down
	}
	s[i] = p
	return root
}
