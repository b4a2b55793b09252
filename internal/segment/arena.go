package segment

import (
	"errors"
	"fmt"
	"math"

	"github.com/redkite-db/redkite/internal/mem"
)

const (
	// heapArena is the most that an arena takes from the Go heap, in bytes;
	// larger ones are slabs.
	heapArena = 256 << 10
	// minArena is the first allocation.
	minArena = 256
	// slabStep is the least by which a slab grows: each step is a system call.
	slabStep = 64 << 10
)

// arena is memory that grows at its end. Bytes that were handed out stay where
// they are and as they are until free, so readers of a prefix need no lock
// against the one writer. Small arenas lie in the Go heap; beyond that they
// move, once or twice in their life, to address space reserved for more.
type arena struct {
	budget  *mem.Budget
	room    int    // address space of the first slab, in bytes
	b       []byte // len: used; cap: usable
	slab    *mem.Slab
	counted int64 // bytes of heap in the budget; a slab counts its own
	retired []*mem.Slab
}

// reserve makes room for n more bytes. It is the only step that can fail.
func (a *arena) reserve(n int) error {
	need := len(a.b) + n
	if need <= cap(a.b) {
		return nil
	}
	if need < len(a.b) || need > math.MaxInt/16 {
		return fmt.Errorf("%d bytes and %d more do not fit the address space", len(a.b), n)
	}
	if a.slab == nil && need <= heapArena {
		return a.moveToHeap(max(minArena, need, min(2*cap(a.b), heapArena)))
	}
	if a.slab == nil || need > a.slab.Cap() {
		return a.moveToSlab(need)
	}
	usable := min(a.slab.Cap(), max(need, cap(a.b)+max(slabStep, cap(a.b)/16)))
	if err := a.slab.Grow(usable); err != nil {
		return err
	}
	a.b = a.slab.Bytes()[:len(a.b)]
	return nil
}

func (a *arena) moveToHeap(size int) error {
	if err := a.budget.Reserve(int64(size)); err != nil {
		return err
	}
	words := make([]uint64, (size+7)/8) // aligned for every type of value
	b := mem.Bytes(words)[:len(a.b):size]
	copy(b, a.b)
	a.budget.Release(a.counted)
	a.counted, a.b = int64(size), b
	return nil
}

func (a *arena) moveToSlab(need int) error {
	room := a.room
	for room < need {
		room *= 8
	}
	slab, err := mem.NewSlab(a.budget, min(room, need+max(slabStep, need/16)), room)
	if err != nil {
		return err
	}
	b := slab.Bytes()[:len(a.b)]
	copy(b, a.b)
	a.b = b
	a.budget.Release(a.counted)
	a.counted = 0
	if a.slab != nil {
		a.retired = append(a.retired, a.slab) // readers may be in it
	}
	a.slab = slab
	return nil
}

// extend returns n new bytes at the end, for which there is room.
func (a *arena) extend(n int) []byte {
	at := len(a.b)
	a.b = a.b[:at+n]
	return a.b[at : at+n]
}

// free gives all memory back. Nobody may read it from then on.
func (a *arena) free() error {
	a.budget.Release(a.counted)
	a.counted, a.b = 0, nil
	var err error
	for _, s := range a.retired {
		err = errors.Join(err, s.Free())
	}
	if a.slab != nil {
		err = errors.Join(err, a.slab.Free())
	}
	a.slab, a.retired = nil, nil
	return err
}

// values views the used bytes of an arena.
func values[T mem.Word](a *arena) []T {
	v, _ := mem.View[T](a.b) // every arena is aligned
	return v
}

// add appends values, for which there is room.
func add[T mem.Word](a *arena, v []T) {
	copy(a.extend(len(mem.Bytes(v))), mem.Bytes(v))
}
