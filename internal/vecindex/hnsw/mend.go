package hnsw

import (
	"context"
	"iter"
	"slices"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/vecindex"
)

// maxLost is how many lost nodes are asked for their neighbours to mend a list.
const maxLost = 64

// mender is what one goroutine needs to mend lists. A list that lost neighbours
// gets others out of those that these led to, as in FreshDiskANN (A. Singh et al.,
// 2021, arXiv:2105.09613, algorithm 4), by the rule by which insertions choose;
// unlike there it keeps what is left of it. Where all of those are lost too, their
// neighbours come in turn.
type mender struct {
	*extension
	w    *walker
	near []uint32 // new numbers
	lost []uint32 // old numbers
}

// join makes the lists of all rows.
func (x *extension) join(ctx context.Context, s vecindex.Source, threads int) error {
	todo := 0
	for row, l := range x.levels {
		if l == fresh && present(s.Valid(), row) {
			todo++
		}
	}
	for _, pass := range []func(*mender, uint32){(*mender).carry, (*mender).answer} {
		each(ctx, x.was.rows, threads, func() func(row int) {
			m := &mender{extension: x, w: new(walker)}
			return func(row int) { pass(m, uint32(row)) }
		})
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	x.report(s.Rows() - todo)
	rows := make([]uint32, 0, step)
	for row := 0; todo > 0; todo -= len(rows) {
		for rows = rows[:0]; row < s.Rows() && len(rows) < step; row++ {
			if x.levels[row] == fresh && present(s.Valid(), row) {
				rows = append(rows, uint32(row))
			}
		}
		x.insert(ctx, rows, threads)
		if err := ctx.Err(); err != nil {
			return err
		}
		x.report(s.Rows() - todo + len(rows))
	}
	x.publish(s, s.Rows(), vecindex.Nodes(s.Valid(), 0, s.Rows()))
	return ctx.Err()
}

func (x *extension) report(done int) {
	if x.progress != nil {
		x.progress(done, len(x.levels))
	}
}

// insert inserts rows with up to threads goroutines, until ctx is canceled.
func (x *extension) insert(ctx context.Context, rows []uint32, threads int) {
	share(ctx, len(rows), 1, threads, func(taken iter.Seq[int]) {
		w := x.walkers.Get().(*walker)
		defer x.walkers.Put(w)
		for i := range taken {
			x.writer.insert(x.v, w, rows[i])
		}
	})
}

// left returns the new number of an old row that is a node of a level; false if
// there is none.
func (x *extension) left(row uint32, level int) (uint32, bool) {
	to := x.from[row]
	if to == vecindex.Gone || x.levels[to] == fresh || int(x.levels[to]) < level {
		return 0, false
	}
	return uint32(to), true
}

// carry sets the lists of an old row that is left to what is left of them,
// mended. It reads the old graph alone.
func (m *mender) carry(row uint32) {
	to, ok := m.left(row, 0)
	for l := 0; ok && l <= int(m.levels[to]); l++ {
		list := m.list(m.v, to, l)
		if m.collect(row, l) {
			kept := len(m.near)
			m.reach(row, l)
			m.fill(to, kept, len(list))
		}
		store(list, m.near, to)
	}
}

// collect sets near to the neighbours of an old row that are left, and lost to
// the others, and reports whether there are any.
func (m *mender) collect(row uint32, l int) bool {
	m.near, m.lost = m.near[:0], m.lost[:0]
	for _, id := range m.old.list(m.was, row, l) {
		if id == row {
			break
		}
		if to, ok := m.left(id, l); ok {
			m.near = append(m.near, to)
		} else {
			m.lost = append(m.lost, id)
		}
	}
	return len(m.lost) > 0
}

// reach adds to near what the lost neighbours of a row lead to.
func (m *mender) reach(row uint32, l int) {
	first, kept := len(m.lost), len(m.near)
	for i := 0; i < len(m.lost) && (i < first || len(m.near) == kept && i < maxLost); i++ {
		for _, id := range m.old.list(m.was, m.lost[i], l) {
			to, ok := m.left(id, l)
			switch {
			case !ok && !slices.Contains(m.lost, id):
				m.lost = append(m.lost, id)
			case ok && id != row && !slices.Contains(m.near[:kept], to):
				m.near = append(m.near, to)
			}
		}
	}
	more := m.near[kept:]
	slices.Sort(more)
	m.near = m.near[:kept+len(slices.Compact(more))]
}

// fill makes near a list of up to n neighbours of a row: the first kept, and of
// the others those that are chosen.
func (m *mender) fill(row uint32, kept, n int) {
	w, more := m.w, m.near[kept:]
	w.room(max(len(more), group))
	keys := m.byDistance(m.v, w, row, more)
	w.chosen = append(w.chosen[:0], m.near[:kept]...)
	m.near = append(m.near[:0], m.chooseMore(m.v, w, row, keys, n)...)
}

// answer has the neighbours of a row whose lists were mended link to it, as
// those of a row that is inserted do.
func (m *mender) answer(row uint32) {
	to, ok := m.left(row, 0)
	for l := 0; ok && l <= int(m.levels[to]); l++ {
		if !m.collect(row, l) {
			continue
		}
		m.w.room(m.m0() + 1)
		m.w.own = neighbours(m.w.own[:0], m.list(m.v, to, l), to)
		for _, id := range m.w.own {
			if !m.names(id, to, l) {
				m.writer.link(m.v, m.w, id, to, l)
			}
		}
	}
}

// names reports whether a list has a neighbour. Only the goroutine that asks
// adds this one.
func (m *mender) names(row, neighbour uint32, l int) bool {
	list := m.list(m.v, row, l)
	for i := range list {
		if atomic.LoadUint32(&list[i]) == neighbour {
			return true
		}
	}
	return false
}
