package segment

import (
	"slices"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/base"
)

const (
	pageWords  = 512
	pageRows   = pageWords * 64
	entryBlock = 1024
)

// deletes knows which rows of a segment are hidden from when on. One
// goroutine writes; any number read without a lock.
//
// It is a bit a row, and a list of (row, time) with ascending times. The
// writer appends to the list first and then sets the bit, so a reader who
// copies the bits first and then walks the list back from its end finds there
// every row whose bit it saw. (A reader is promised only the deletes that were
// applied before it began: the time it reads at is not later.)
type deletes struct {
	pages  atomic.Pointer[[]pageSlot]             // a slot for each pageRows rows; an empty one hides none
	blocks atomic.Pointer[[]*[entryBlock]deleted] // the list
	count  atomic.Int64                           // its length
	done   atomic.Int64                           // of these, whose bit is set
	// cache is the bits after the first cached.count deletes: shared by the
	// readers that see exactly these.
	cache atomic.Pointer[hiddenCache]
}

type pageSlot struct {
	p atomic.Pointer[[pageWords]uint64]
}

type deleted struct {
	at  base.Timestamp
	row uint32
}

type hiddenCache struct {
	count int64
	words []uint64
}

// add hides a row from a time on, unless it is hidden already. Times are to
// ascend; an older one counts as the latest, so that the row is hidden from
// reads of the present in any case.
func (d *deletes) add(row int, at base.Timestamp) {
	page := d.page(row / pageRows)
	word, bit := &page[row%pageRows/64], uint64(1)<<(row%64)
	if *word&bit != 0 {
		return
	}
	n := d.count.Load()
	if n > 0 {
		at = max(at, d.entry(n-1).at)
	}
	var blocks []*[entryBlock]deleted
	if p := d.blocks.Load(); p != nil {
		blocks = *p
	}
	if n == int64(len(blocks))*entryBlock {
		// Readers have the old slice; its elements are shared and stay.
		grown := slices.Concat(blocks, []*[entryBlock]deleted{new([entryBlock]deleted)})
		d.blocks.Store(&grown)
		blocks = grown
	}
	blocks[n/entryBlock][n%entryBlock] = deleted{at: at, row: uint32(row)}
	d.count.Store(n + 1)
	atomic.StoreUint64(word, *word|bit)
	d.done.Store(n + 1)
}

// page returns the bits of page i, made if need be.
func (d *deletes) page(i int) *[pageWords]uint64 {
	var slots []pageSlot
	if p := d.pages.Load(); p != nil {
		slots = *p
	}
	if i >= len(slots) {
		grown := make([]pageSlot, i+1)
		for k := range slots {
			grown[k].p.Store(slots[k].p.Load())
		}
		slots = grown
		d.pages.Store(&grown)
	}
	page := slots[i].p.Load()
	if page == nil {
		page = new([pageWords]uint64)
		slots[i].p.Store(page)
	}
	return page
}

func (d *deletes) entry(i int64) deleted {
	return (*d.blocks.Load())[i/entryBlock][i%entryBlock]
}

// hidden returns the rows below rows that were deleted at or before a time, a
// bit each, nil if there are none. The words are shared: do not change them.
func (d *deletes) hidden(at base.Timestamp, rows int) []uint64 {
	count := d.done.Load()
	if count == 0 || d.entry(0).at > at {
		return nil
	}
	words := (rows + 63) / 64
	if c := d.cache.Load(); c != nil && c.count == count && len(c.words) >= words && d.entry(count-1).at <= at {
		return c.words
	}
	out := make([]uint64, words)
	d.copyBits(out)
	after := d.count.Load()
	exact := after == count // these are the bits of the first count deletes and of no other
	for i := after - 1; i >= 0; i-- {
		e := d.entry(i)
		if e.at <= at {
			break
		}
		exact = false
		if w := int(e.row / 64); w < words {
			out[w] &^= 1 << (e.row % 64)
		}
	}
	if exact {
		d.cache.Store(&hiddenCache{count: count, words: out})
	}
	return out
}

// copyBits copies the bits into out, word by word.
func (d *deletes) copyBits(out []uint64) {
	slots := *d.pages.Load() // there is a delete, so there is a page
	for i := range slots {
		from := i * pageWords
		if from >= len(out) {
			return
		}
		page := slots[i].p.Load()
		if page == nil {
			continue
		}
		for k := range min(pageWords, len(out)-from) {
			out[from+k] = atomic.LoadUint64(&page[k])
		}
	}
}

// bytes returns the memory that the deletes take, about.
func (d *deletes) bytes() int64 {
	var n int64
	if p := d.blocks.Load(); p != nil {
		n += int64(len(*p)) * entryBlock * 16
	}
	if p := d.pages.Load(); p != nil {
		n += int64(len(*p)) * pageWords * 8
	}
	return n
}
