package diskann

import (
	"context"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/pq"
)

// walker is the memory of one search, pooled, for one goroutine at a time.
type walker struct {
	seen  vecindex.Seen    // the nodes that the walk has met
	pool  vec.Pool         // candidates by codes
	heap  vecindex.MinHeap // filtered walks: candidates whose lists are not read yet
	near  vecindex.TopK
	ready vecindex.MinHeap // of iterators: rows that were compared and not given
	best  vecindex.TopK    // rows, by vectors
	scan  vecindex.Scan

	query  []float32 // as vectors are compared with it: a unit vector for COSINE
	normal []float32 // backs query for COSINE
	padded []float32 // as codes are: with zeros behind
	tables []float32
	sums   []float32
	dist   []uint32
	ids    []uint32
	found  []vecindex.Hit

	// Of a fetch.
	beam    []uint32
	lists   [maxBeam][]uint32
	vectors [maxBeam][]float32
	words   []uint32
	blocks  []uint32
	wait    []int
	err     error
}

func newWalker() *walker { return new(walker) }

// begin forgets what the last walk saw and makes room for so many nodes and
// lists.
func (w *walker) begin(nodes, degree int) {
	w.seen.Begin(nodes)
	w.room(degree)
}

func (w *walker) room(n int) {
	w.sums, w.dist, w.ids = grown(w.sums, n), grown(w.dist, n), grown(w.ids, n)
}

// ask makes tables of the distances of a query and all codes.
func (x *index) ask(w *walker, q []float32) {
	w.query = q
	if x.metric == vecindex.Cosine {
		w.normal = append(w.normal[:0], q...)
		x.kern.Normalize(w.normal, q)
		w.query = w.normal
	}
	w.padded = grown(w.padded, x.quant.Dim)
	clear(w.padded[copy(w.padded, w.query):])
	w.tables = grown(w.tables, x.quant.M*pq.TableSize)
	if x.metric == vecindex.L2 {
		x.quant.Distances(w.padded, x.norms, w.tables, pq.TableSize)
		return
	}
	for i, v := range w.padded {
		w.padded[i] = 0 - v
	}
	x.quant.Products(w.padded, w.tables, pq.TableSize)
}

// compare sets w.dist[i] to the distance by codes of the query and node ids[i],
// as a number of the same order.
func (x *index) compare(w *walker, ids []uint32) {
	sums := w.sums[:len(ids)]
	pq.SumsIDs(w.tables, x.quant.M, x.codes, ids, sums)
	for i, d := range sums {
		w.dist[i] = uint32(vecindex.Key(d, 0) >> 32)
	}
}

// fresh returns those of a list that the walk has not seen yet, and marks them.
func (x *index) fresh(w *walker, list []uint32) []uint32 {
	return w.seen.Fresh(x.kern, list, x.nodes, x.codes, x.quant.M, nil)
}

// key is the key of a row by its vector.
func (x *index) key(w *walker, node uint32, vector []float32) uint64 {
	var d [1]float32
	switch x.metric {
	case vecindex.L2:
		x.kern.L2Rows(w.query, vector, d[:])
	case vecindex.IP:
		x.kern.IPRows(w.query, vector, d[:])
		d[0] = 0 - d[0]
	default:
		x.kern.IPRows(w.query, vector, d[:])
		d[0] = 0 - d[0]*x.kern.InvNorm(vector)
	}
	return vecindex.Key(d[0], x.rows[node])
}

// settle offers a row by its vector.
func (x *index) settle(w *walker, node uint32, vector []float32) {
	if key := x.key(w, node, vector); key < w.best.Bound() {
		w.best.Offer(key)
	}
}

// walk is algorithm 1 of the paper with a beam (section 3.2): until the lists of
// the nearest nodes by codes are all read, those of the next few are. What is
// read is compared by its vector.
func (x *index) walk(ctx context.Context, w *walker, s *search) error {
	w.begin(x.nodes, x.degree+1)
	w.pool.Reset(s.list)
	start := x.fresh(w, []uint32{0})
	x.compare(w, start)
	cur := x.kern.Offer(&w.pool, start, w.dist, nil, 0)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		w.beam = w.beam[:0]
		keys := w.pool.Keys()
		for ; cur < len(keys) && len(w.beam) < s.beam; cur++ {
			if keys[cur]&1 == 0 {
				keys[cur] |= 1
				w.beam = append(w.beam, uint32(keys[cur])>>1)
			}
		}
		if len(w.beam) == 0 {
			return nil
		}
		if err := x.store.fetch(w, w.beam); err != nil {
			return err
		}
		for i, node := range w.beam {
			x.settle(w, node, w.vectors[i])
			ids := x.fresh(w, w.lists[i])
			x.compare(w, ids)
			cur = min(cur, x.kern.Offer(&w.pool, ids, w.dist, nil, 0))
		}
	}
}

// walkFiltered is walk through nodes of every kind: it ends when the lists of all
// nodes nearer than the farthest of the nearest that pass are read. It reports
// false when it gave up, because it had compared so many codes that a scan of the
// allowed ones is cheaper than to go on.
func (x *index) walkFiltered(ctx context.Context, w *walker, s *search) (bool, error) {
	w.begin(x.nodes, x.degree+1)
	w.near.Reset(s.list)
	w.heap = w.heap[:0]
	x.meet(w, s.filter, x.fresh(w, []uint32{0}))
	budget := s.filter.Allowed + x.nodes/testsPerCode
	for {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		w.beam = w.beam[:0]
		for len(w.heap) > 0 && len(w.beam) < s.beam && w.heap[0] <= w.near.Bound() {
			w.beam = append(w.beam, vecindex.KeyRow(w.heap.Pop()))
		}
		if len(w.beam) == 0 {
			return true, nil
		}
		if err := x.store.fetch(w, w.beam); err != nil {
			return false, err
		}
		for i, node := range w.beam {
			if s.filter.Passes(x.rows[node]) {
				x.settle(w, node, w.vectors[i])
			}
			x.meet(w, s.filter, x.fresh(w, w.lists[i]))
		}
		if len(w.seen.Log) > budget {
			return false, nil
		}
	}
}

// meet offers nodes to both queues of a filtered walk.
func (x *index) meet(w *walker, f *vecindex.Filter, ids []uint32) {
	x.compare(w, ids)
	for i, id := range ids {
		key := uint64(w.dist[i])<<32 | uint64(id)
		if key > w.near.Bound() {
			continue
		}
		w.heap.Push(key)
		if f.Passes(x.rows[id]) {
			w.near.Offer(key)
		}
	}
}

// scanned is how many codes a scan compares at a time.
const scanned = 256

// readCodes compares the codes of all rows that pass, and the best of them by
// their vectors.
func (x *index) readCodes(ctx context.Context, w *walker, s *search) error {
	w.room(scanned)
	w.near.Reset(s.list)
	n := 0
	compare := func() {
		ids := w.ids[:n]
		n = 0
		x.compare(w, ids)
		bound := w.near.Bound()
		for i, id := range ids {
			if key := uint64(w.dist[i])<<32 | uint64(id); key < bound {
				w.near.Offer(key)
				bound = w.near.Bound()
			}
		}
	}
	for node, row := range x.rows {
		if s.filter.Passes(row) {
			w.ids[n] = uint32(node)
			if n++; n == scanned {
				compare()
			}
		}
		if node%(1<<14) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	compare()
	w.found = w.near.Hits(vecindex.L2, w.found[:0])
	for found := w.found; len(found) > 0; {
		part := found[:min(len(found), maxBeam)]
		found = found[len(part):]
		w.beam = w.beam[:0]
		for _, h := range part {
			w.beam = append(w.beam, h.Row)
		}
		if err := x.store.fetch(w, w.beam); err != nil {
			return err
		}
		for i, node := range w.beam {
			x.settle(w, node, w.vectors[i])
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}
