package vfs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// crash is one way in which power may fail.
type crash struct {
	rng *rand.Rand
	// keep is the chance in percent that a change that was not synced is on the
	// disk: 0 and 100 are the cases of an idle and of an eager system.
	keep int
	// unit is the number of sectors that share a fate: a sector or a page.
	unit int64
	// ordered: names reach the disk in the order of their changes (a journal);
	// else each for itself.
	ordered bool
	// mangle: a sector that was being written may hold anything.
	mangle bool
}

// CrashClone returns what the disk may hold if power fails now. Synced bytes
// and names are there. Of a sector (512 bytes, in some clones 4 KiB pages)
// that was written since, any version may be there, a mixture of two, or
// noise (see SetNoise); the length may be any since the last sync; changes of names may be
// undone, each for itself or from some point on. The clone is independent of
// m, has no hook, and is sound.
func (m *Mem) CrashClone(rng *rand.Rand) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := crash{
		rng: rng, keep: []int{0, 20, 50, 80, 100}[rng.IntN(5)], unit: []int64{1, pageSize / sectorSize}[rng.IntN(2)],
		ordered: rng.IntN(2) == 0, mangle: rng.IntN(2) == 0 && !m.mu.noNoise,
	}
	clone := NewMem(rng.Uint64())
	clone.mu.capacity, clone.mu.noNoise = m.mu.capacity, m.mu.noNoise

	tables := map[*node]map[string]*node{} // durable names of each directory, plus what was kept
	var visit func(n *node)
	visit = func(n *node) {
		if tables[n] == nil && n.data == nil {
			tables[n] = maps.Clone(n.durable)
			for _, child := range n.durable {
				visit(child)
			}
		}
	}
	visit(m.mu.root)
	for _, op := range m.mu.names {
		kept := c.kept()
		if !kept && c.ordered {
			break
		}
		if kept {
			visit(op.target)
			op.apply(func(n *node) map[string]*node { visit(n); return tables[n] }, op.target)
		}
	}
	clone.mu.root = c.node(m.mu.root, tables, clone)
	return clone
}

func (c crash) kept() bool { return c.rng.IntN(100) < c.keep }

func (c crash) node(n *node, tables map[*node]map[string]*node, clone *Mem) *node {
	out := &node{linked: true, changed: n.changed}
	if n.data != nil {
		out.data = newContents()
		out.data.disk = c.contents(n.data)
		out.data.cur = slices.Clone(out.data.disk)
		for page := range n.data.pages {
			if page*pageSize < int64(len(out.data.cur)) {
				out.data.pages[page] = true
				clone.mu.used += pageSize
			}
		}
		return out
	}
	out.entries, out.durable = map[string]*node{}, map[string]*node{}
	for _, name := range slices.Sorted(maps.Keys(tables[n])) {
		child := c.node(tables[n][name], tables, clone)
		out.entries[name], out.durable[name] = child, child
	}
	return out
}

func (c crash) contents(d *contents) []byte {
	size := int64(len(d.disk))
	for _, s := range d.sizes {
		if c.kept() {
			size = s
		}
	}
	out := resize(slices.Clone(d.disk), size)
	luck, unit := 0, int64(-1)
	for _, s := range slices.Sorted(maps.Keys(d.dirty)) {
		if s/c.unit != unit {
			luck, unit = c.rng.IntN(1<<30), s/c.unit
		}
		at := s * sectorSize
		if at >= size {
			continue
		}
		old := make([]byte, sectorSize)
		if at < int64(len(d.disk)) {
			copy(old, d.disk[at:])
		}
		copy(out[at:], c.sector(old, d.dirty[s], luck))
	}
	return out
}

// sector chooses what one sector holds.
func (c crash) sector(old []byte, versions [][]byte, luck int) []byte {
	choice := slices.Clone(old)
	if luck%100 < c.keep {
		choice = slices.Clone(versions[luck/100%len(versions)])
	}
	if c.keep == 0 || c.keep == 100 || c.rng.IntN(8) > 0 {
		return choice
	}
	if c.mangle && c.rng.IntN(2) == 0 {
		for i := range choice {
			choice[i] = byte(c.rng.Uint32())
		}
		return choice
	}
	other := versions[c.rng.IntN(len(versions))]
	copy(choice[:c.rng.IntN(sectorSize)], other)
	return choice
}

// Clone returns what a process sees that was started after this one was
// killed: all that was written, and nothing of it durable that was not. It
// differs from CrashClone in that the system lived on.
func (m *Mem) Clone() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	clone := NewMem(m.mu.rng.Uint64())
	clone.mu.capacity, clone.mu.used, clone.mu.noNoise = m.mu.capacity, m.mu.used, m.mu.noNoise
	seen := map[*node]*node{}
	var copyNode func(n *node) *node
	copyNode = func(n *node) *node {
		if n == nil {
			return nil
		}
		if out := seen[n]; out != nil {
			return out
		}
		out := &node{linked: n.linked, changed: n.changed}
		seen[n] = out
		if n.data != nil {
			d := *n.data
			d.cur, d.disk, d.sizes = slices.Clone(d.cur), slices.Clone(d.disk), slices.Clone(d.sizes)
			d.pages, d.dirty = maps.Clone(d.pages), maps.Clone(d.dirty)
			for s := range d.dirty {
				d.dirty[s] = slices.Clone(d.dirty[s])
			}
			out.data = &d
			return out
		}
		out.entries, out.durable = map[string]*node{}, map[string]*node{}
		for name, child := range n.entries {
			out.entries[name] = copyNode(child)
		}
		for name, child := range n.durable {
			out.durable[name] = copyNode(child)
		}
		return out
	}
	clone.mu.root = copyNode(m.mu.root)
	for _, op := range m.mu.names {
		op.from, op.to, op.target = copyNode(op.from), copyNode(op.to), copyNode(op.target)
		clone.mu.names = append(clone.mu.names, op)
	}
	return clone
}
