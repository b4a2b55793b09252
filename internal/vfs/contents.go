package vfs

import "math/rand/v2"

const (
	sectorSize = 512
	pageSize   = 4096
)

// contents is what a file holds, in the process's view and on the disk.
type contents struct {
	cur   []byte         // what reads return
	disk  []byte         // what was synced
	pages map[int64]bool // allocated, for the capacity
	// dirty holds, per sector, what was written since the last sync, oldest
	// first: the disk may have any of these versions.
	dirty map[int64][][]byte
	sizes []int64 // lengths since the last sync, oldest first
}

func newContents() *contents {
	return &contents{pages: map[int64]bool{}, dirty: map[int64][][]byte{}}
}

// write changes cur and remembers a version of each sector it touches.
func (c *contents) write(p []byte, off int64) {
	end := off + int64(len(p))
	if end > int64(len(c.cur)) {
		c.setSize(end)
	}
	copy(c.cur[off:], p)
	c.remember(off, end)
}

func (c *contents) remember(from, to int64) {
	first, last := from/sectorSize, (to+sectorSize-1)/sectorSize
	versions := make([]byte, (last-first)*sectorSize)
	copy(versions, c.cur[first*sectorSize:])
	for s := first; s < last; s++ {
		at := (s - first) * sectorSize
		c.dirty[s] = append(c.dirty[s], versions[at:at+sectorSize:at+sectorSize])
	}
}

func (c *contents) setSize(size int64) {
	old := int64(len(c.cur))
	if size == old {
		return
	}
	c.cur = resize(c.cur, size)
	c.sizes = append(c.sizes, size)
	// Growing over bytes that a shorter length had hidden turns them to zeros.
	for s := old / sectorSize; s*sectorSize < size && size > old; s++ {
		if s*sectorSize >= int64(len(c.disk)) && c.dirty[s] == nil {
			continue
		}
		c.remember(s*sectorSize, min(size, (s+1)*sectorSize))
	}
}

// resize cuts b or grows it with zeros.
func resize(b []byte, size int64) []byte {
	if old := int64(len(b)); size > old {
		b = append(b, make([]byte, size-old)...)
		return b
	}
	return b[:size]
}

// free gives back the pages at or after an offset and returns their bytes.
func (c *contents) free(from int64) int64 {
	var freed int64
	for page := range c.pages {
		if page*pageSize >= from {
			delete(c.pages, page)
			freed += pageSize
		}
	}
	return freed
}

// sync makes the disk hold what reads return, except for sectors that an
// earlier failed sync gave up.
func (c *contents) sync() {
	c.disk = resize(c.disk, int64(len(c.cur)))
	for s, versions := range c.dirty {
		c.store(s, versions[len(versions)-1])
	}
	clear(c.dirty)
	c.sizes = nil
}

func (c *contents) store(sector int64, b []byte) {
	if at := sector * sectorSize; at < int64(len(c.disk)) {
		copy(c.disk[at:], b)
	}
}

// dropCache makes reads of clean sectors return what the disk has.
func (c *contents) dropCache(from, to int64) {
	for s := from / sectorSize; s*sectorSize < min(to, int64(len(c.cur))); s++ {
		if c.dirty[s] != nil {
			continue
		}
		sector := c.cur[s*sectorSize : min((s+1)*sectorSize, int64(len(c.cur)))]
		clear(sector)
		if at := s * sectorSize; at < int64(len(c.disk)) {
			copy(sector, c.disk[at:])
		}
	}
}

// failSync does what systems do when a write to the disk fails: some sectors
// got there, the others are forgotten as if they had.
func (c *contents) failSync(rng *rand.Rand) {
	if rng.IntN(2) == 0 {
		c.disk = resize(c.disk, int64(len(c.cur)))
		c.sizes = nil
	}
	for s, versions := range c.dirty {
		if rng.IntN(2) == 0 {
			c.store(s, versions[len(versions)-1])
		}
	}
	clear(c.dirty)
}
