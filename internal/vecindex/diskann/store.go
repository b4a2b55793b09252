package diskann

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// store is where lists and vectors are.
type store interface {
	// fetch sets w.lists[i] and w.vectors[i] to those of nodes[i], until the next
	// fetch. There are at most maxBeam of them.
	fetch(w *walker, nodes []uint32) error
	// bytes is the memory that is held.
	bytes() int64
}

// floats views words as the floats that they are.
func floats(w []uint32) []float32 {
	f, _ := mem.View[float32](mem.Bytes(w)) // words are aligned
	return f
}

// built is the store of an index that was built: a graph of rows, and the
// Source.
type built struct {
	x     *index
	lists []uint32 // of each row: its length, then that many rows, and room for more
	width int      // of a list with its length
	nodes []uint32 // of each row: its node
}

func (s *built) list(row uint32) []uint32 {
	l := s.lists[int(row)*s.width:][:s.width]
	return l[1 : 1+l[0]]
}

func (s *built) fetch(w *walker, nodes []uint32) error {
	dim := s.x.dim
	w.words = grown(w.words, len(nodes)*s.width)
	for i, node := range nodes {
		row := s.x.rows[node]
		list := w.words[i*s.width:][:0]
		for _, r := range s.list(row) {
			list = append(list, s.nodes[r])
		}
		w.lists[i], w.vectors[i] = list, vecindex.Floats(s.x.src)[int(row)*dim:][:dim]
	}
	return nil
}

func (s *built) bytes() int64 { return 4 * int64(len(s.lists)+len(s.nodes)) }

// stored is the store of an opened index: the blocks of a file, of which the
// first ones are held in memory.
type stored struct {
	shape
	r      *mem.Reader
	name   string
	at     int64    // of the first block
	cached []uint32 // whole blocks
	reads  atomic.Int64
}

func (s *stored) bytes() int64 { return 4 * int64(len(s.cached)) }

// readers is how many goroutines read at a time for one search.
const readers = 16

func (s *stored) fetch(w *walker, nodes []uint32) error {
	per, size := uint32(s.perBlock()), s.block()/4
	w.words = grown(w.words, len(nodes)*size)
	w.wait, w.blocks = w.wait[:0], w.blocks[:0]
	for _, node := range nodes {
		block := node / per
		if int(block+1)*size <= len(s.cached) || slices.Contains(w.blocks, block) {
			continue
		}
		at := len(w.blocks)
		w.blocks = append(w.blocks, block)
		if !s.r.TryReadAt(mem.Bytes(w.words[at*size:][:size]), s.offset(block)) {
			w.wait = append(w.wait, at)
		}
	}
	s.reads.Add(int64(len(w.blocks)))
	if err := s.readAll(w); err != nil {
		return err
	}
	if !mem.LittleEndian() {
		swap(w.words[:len(w.blocks)*size])
	}
	for i, node := range nodes {
		block, from := node/per, s.cached
		if at := slices.Index(w.blocks, block); at >= 0 {
			block, from = uint32(at), w.words
		}
		w.lists[i], w.vectors[i] = s.node(from[int(block)*size:][:size], int(node%per))
	}
	return nil
}

func (s *stored) offset(block uint32) int64 { return s.at + int64(block)*int64(s.block()) }

// readAll reads those of w.blocks that w.wait names: the disk has them all to
// do at a time.
func (s *stored) readAll(w *walker) error {
	if len(w.wait) == 0 {
		return nil
	}
	w.err = nil
	var mu sync.Mutex
	var next atomic.Int64
	size := s.block() / 4
	work := func() {
		for {
			i := int(next.Add(1) - 1)
			if i >= len(w.wait) {
				return
			}
			at := w.wait[i]
			if _, err := s.r.ReadAt(mem.Bytes(w.words[at*size:][:size]), s.offset(w.blocks[at])); err != nil {
				mu.Lock()
				w.err = fmt.Errorf("read index %s: %w", s.name, err)
				mu.Unlock()
			}
		}
	}
	var wg sync.WaitGroup
	for range min(readers, len(w.wait)) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	return w.err
}

// swap turns little-endian words into the machine's, or back.
func swap(words []uint32) {
	for i, v := range words {
		words[i] = v<<24 | v&0xff00<<8 | v>>8&0xff00 | v>>24
	}
}

// grown returns a slice of n elements, s if it is long enough; what is in it is
// not kept.
func grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
