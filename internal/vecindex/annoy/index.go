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

// batch is how many rows are compared at a time.
const batch = 64

// walker is the memory of one search, pooled, for one goroutine at a time.
type walker struct {
	query  []float32        // as it is compared: a unit vector for COSINE
	normal []float32        // backs query for COSINE
	heap   vecindex.MinHeap // places by number, the nearest at the root
	places []place
	seen   vecindex.Seen    // the rows that were compared
	ready  vecindex.MinHeap // of iterators: rows that were compared and not given
	ids    [batch]uint32
	scan   vecindex.Scan
}

// begin makes w ready to open cells of all trees for a query, which it reads.
func (x *index) begin(w *walker, query []float32) {
	w.query = query
	if x.metric == vecindex.Cosine {
		w.normal = append(w.normal[:0], query...)
		x.kern.Normalize(w.normal, query)
		w.query = w.normal
	}
	w.seen.Begin(x.src.Rows())
	w.heap, w.places = w.heap[:0], w.places[:0]
	for t := range x.trees {
		w.push(place{near: float32(math.Inf(1)), tree: uint32(t), to: uint32(x.nodes), cell: len(x.trees[t].splits) == 0})
	}
}

// cell takes the nearest cell; false if there is none left.
func (x *index) cell(w *walker) (place, bool) {
	for len(w.heap) > 0 {
		p := w.pop()
		if p.cell {
			return p, true
		}
		x.descend(w, &x.trees[p.tree], p)
	}
	return place{}, false
}

// push adds a place to be opened.
func (w *walker) push(p place) {
	w.heap.Push(vecindex.Key(0-p.near, uint32(len(w.places))))
	w.places = append(w.places, p)
}

// pop takes the nearest place.
func (w *walker) pop() place { return w.places[vecindex.KeyRow(w.heap.Pop())] }

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
	rows := x.src.Matrix()
	w.scan.Start(x.kern, x.metric, vec.FloatProbe(q.Vector), want)
	if x.scanIsCheaper(&f, meet) {
		if err := w.scan.Rows(ctx, &rows, nil, 0, f.Limit, q.Skip); err != nil {
			return out, err
		}
		return w.scan.Top.Hits(x.metric, out), nil
	}
	x.begin(w, q.Vector)
	if err := x.walk(ctx, w, &rows, &f, meet); err != nil {
		return out, err
	}
	return w.scan.Top.Hits(x.metric, out), nil
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
func (x *index) walk(ctx context.Context, w *walker, rows *vec.Matrix, f *vecindex.Filter, meet int) error {
	met, seen, n := 0, 0, 0
	elsewhere := false
	for steps := 1; ; steps++ {
		if met >= meet {
			if elsewhere || float64(met)*float64(x.nodes) >= correlated*float64(f.Allowed)*float64(seen) {
				break
			}
			elsewhere, meet = true, max(meet, seen)
		}
		if steps%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		p, ok := x.cell(w)
		if !ok {
			break
		}
		for _, row := range x.trees[p.tree].rows[p.from:p.to] {
			if w.seen.Has(row) {
				continue
			}
			if seen++; !f.All && !f.Passes(row) {
				continue
			}
			w.seen.Add(row)
			w.ids[n] = row
			if n++; n == batch {
				w.scan.IDs(rows, nil, w.ids[:n])
				n = 0
			}
			met++
		}
	}
	w.scan.IDs(rows, nil, w.ids[:n])
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
	w.push(place{near: min(p.near, 0-margin), tree: p.tree, split: s.left, from: p.from, to: s.mid, cell: s.left == 0})
	w.push(place{near: min(p.near, margin), tree: p.tree, split: s.right, from: s.mid, to: p.to, cell: s.right == 0})
}

// place is a part of a tree that a search may open.
type place struct {
	near     float32 // larger is nearer
	tree     uint32
	split    uint32
	from, to uint32 // of the tree's rows
	cell     bool
}
