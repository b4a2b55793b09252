package diskann

import (
	"math"
	"slices"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// linker is the memory of one goroutine that links rows.
type linker struct {
	b *builder
	w walker // seen, pool and ids

	dist   []float32
	read   []uint64  // keys of the rows whose lists a walk read
	keys   []uint64  // candidates of a full list
	factor []float32 // see prune
	rest   []uint32
	where  []int
	chosen []uint32
}

func newLinker(b *builder) *linker { return &linker{b: b} }

// insert links a row to what a walk to it has read, and those rows to it
// (algorithm 3 of the paper, in one round over rows in a random order, as in A.
// Singh, S. Subramanya, R. Krishnaswamy and H. Simhadri, "FreshDiskANN", 2021,
// algorithm 2).
func (l *linker) insert(row uint32) {
	b := l.b
	l.walk(row)
	slices.Sort(l.read)
	chosen := slices.Clone(l.prune(l.read, b.degree))
	lock := &b.locks[row%stripes]
	lock.Lock()
	b.set(row, chosen)
	lock.Unlock()
	for _, id := range chosen {
		l.link(id, row)
	}
}

// walk goes from the first row towards another one and leaves the rows that it
// read in l.read, those it found nearest in the pool.
func (l *linker) walk(row uint32) {
	b, w := l.b, &l.w
	rows := b.src.Rows()
	w.begin(rows, b.width+1)
	l.dist = grown(l.dist, b.width+1)
	w.pool.Reset(b.par.list)
	l.read = l.read[:0]
	bytes := mem.Bytes(vecindex.Floats(b.src))
	w.seen.Add(b.entry)
	cur := l.offer(row, w.seen.Log)
	for {
		keys := w.pool.Keys()
		for cur < len(keys) && keys[cur]&1 != 0 {
			cur++
		}
		if cur >= len(keys) {
			return
		}
		id := uint32(keys[cur]) >> 1
		l.read = append(l.read, keys[cur]&^math.MaxUint32|uint64(id))
		keys[cur] |= 1
		cur = min(cur, l.offer(row, w.seen.Fresh(b.kern, l.copyList(id), rows, bytes, 4*b.dim, nil)))
	}
}

// offer offers rows to the pool of a walk to row.
func (l *linker) offer(row uint32, ids []uint32) int {
	l.b.distances(row, ids, l.dist)
	for i := range ids {
		l.w.dist[i] = uint32(vecindex.Key(l.dist[i], 0) >> 32)
	}
	return l.b.kern.Offer(&l.w.pool, ids, l.w.dist, nil, 0)
}

// copyList copies the neighbours of a row.
func (l *linker) copyList(row uint32) []uint32 {
	lock := &l.b.locks[row%stripes]
	lock.Lock()
	defer lock.Unlock()
	return append(l.w.ids[:0], l.b.list(row)...)
}

func (b *builder) list(row uint32) []uint32 {
	at := b.lists[int(row)*b.width:][:b.width]
	return at[1 : 1+at[0]]
}

func (b *builder) set(row uint32, list []uint32) {
	at := b.lists[int(row)*b.width:][:b.width]
	at[0] = uint32(copy(at[1:], list))
}

// link adds a neighbour to the list of a row, which is chosen anew when there is
// no room.
func (l *linker) link(row, neighbour uint32) {
	b := l.b
	lock := &b.locks[row%stripes]
	lock.Lock()
	defer lock.Unlock()
	list := b.list(row)
	switch {
	case slices.Contains(list, neighbour):
	case len(list)+1 < b.width:
		at := b.lists[int(row)*b.width:]
		at[1+len(list)] = neighbour
		at[0]++
	default:
		b.set(row, l.among(row, append(append(l.w.ids[:0], list...), neighbour)))
	}
}

// cut shortens the list of a row to its length.
func (l *linker) cut(row uint32) {
	lock := &l.b.locks[row%stripes]
	lock.Lock()
	defer lock.Unlock()
	if list := l.b.list(row); len(list) > l.b.degree {
		l.w.ids = grown(l.w.ids, l.b.width+1)
		l.b.set(row, l.among(row, append(l.w.ids[:0], list...)))
	}
}

// among chooses the neighbours of a row among ids.
func (l *linker) among(row uint32, ids []uint32) []uint32 {
	l.dist = grown(l.dist, l.b.width+1)
	l.b.distances(row, ids, l.dist)
	l.keys = l.keys[:0]
	for i, id := range ids {
		l.keys = append(l.keys, vecindex.Key(l.dist[i], id))
	}
	slices.Sort(l.keys)
	return l.prune(l.keys, l.b.degree)
}

// spread is alpha of the paper, as its authors use it, for squared distances: how
// much nearer to a neighbour than to the row a candidate is that the neighbour
// stands for.
const spread = 1.2

// prune chooses up to n neighbours of a row out of candidates, keys in ascending
// order (algorithm 2 of the paper): the nearest first, without those that one
// chosen before stands for. The first round is strict, so that neighbours lie in
// all directions; the second fills the list with what a stricter rule leaves
// out. Of copies of the row, for which nothing stands, half a list is taken.
func (l *linker) prune(keys []uint64, n int) []uint32 {
	b := l.b
	l.chosen = l.chosen[:0]
	l.factor, l.dist = grown(l.factor, len(keys)), grown(l.dist, max(len(keys), b.width+1))
	factor := l.factor
	clear(factor)
	copies := 0
	for _, alpha := range []float32{1, spread} {
		for i, key := range keys {
			if len(l.chosen) == n {
				return l.chosen
			}
			if factor[i] > alpha {
				continue
			}
			factor[i] = math.MaxFloat32
			if vecindex.KeyDist(key) == 0 {
				if copies++; copies > (n+1)/2 {
					continue
				}
			}
			id := vecindex.KeyRow(key)
			l.chosen = append(l.chosen, id)
			l.rest, l.where = l.rest[:0], l.where[:0]
			for j := i + 1; j < len(keys); j++ {
				if factor[j] <= spread {
					l.rest, l.where = append(l.rest, vecindex.KeyRow(keys[j])), append(l.where, j)
				}
			}
			b.distances(id, l.rest, l.dist)
			for k, j := range l.where {
				if far := vecindex.KeyDist(keys[j]); far > 0 {
					factor[j] = max(factor[j], far/max(l.dist[k], math.SmallestNonzeroFloat32))
				}
			}
		}
	}
	return l.chosen
}

// attach makes a row that no list leads to the neighbour of one that can be
// reached, which those are that have a number in nodes.
func (l *linker) attach(row uint32, nodes []uint32) {
	l.walk(row)
	for _, key := range l.w.pool.Keys() {
		near := uint32(key) >> 1
		if list := l.b.list(near); near != row && nodes[near] != none && len(list) < l.b.degree {
			at := l.b.lists[int(near)*l.b.width:]
			at[1+len(list)] = row
			at[0]++
			return
		}
	}
}
