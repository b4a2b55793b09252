package mem

import (
	"errors"
	"fmt"
	"math"
	"unsafe"
)

// smallSlab is the capacity in bytes below which a slab is taken from the Go
// heap: a system map costs a kernel object and whole pages.
const smallSlab = 64 << 10

// Slab is zeroed memory outside the Go heap that its owner can grow in place
// up to a capacity fixed at its making: growing never moves it, so readers of
// the part that is there need no lock. It holds no Go pointers. Grow and Free
// are for one owner at a time.
type Slab struct {
	whole  []byte // address space of the full capacity
	n      int    // bytes usable, reserved in budget
	budget *Budget
	unmap  func() error // nil: Go heap
}

// NewSlab returns a slab of n usable bytes that can grow to capacity bytes.
// Only usable bytes count in the budget; a nil budget counts nothing. On
// Linux large slabs ask for huge pages. The error is a *BudgetError when the
// budget refuses, else the system's.
func NewSlab(budget *Budget, n, capacity int) (*Slab, error) {
	if n < 0 || capacity < n {
		return nil, fmt.Errorf("slab of %d bytes with capacity %d", n, capacity)
	}
	s := &Slab{budget: budget}
	if capacity < smallSlab {
		// A slice of words, so that a View of any Word is aligned.
		s.whole = Bytes(make([]uint64, (capacity+7)/8))[:capacity]
	} else {
		if capacity > math.MaxInt-(1<<22) {
			return nil, fmt.Errorf("slab of capacity %d: too large", capacity)
		}
		var err error
		if s.whole, s.unmap, err = reserve(capacity); err != nil {
			return nil, fmt.Errorf("reserve %d bytes of address space: %w", capacity, err)
		}
	}
	if err := s.Grow(n); err != nil {
		return nil, errors.Join(err, s.Free())
	}
	return s, nil
}

// Bytes returns the usable bytes. The slice stays valid, at the same address,
// until Free.
func (s *Slab) Bytes() []byte { return s.whole[:s.n:s.n] }

// Cap returns the capacity in bytes.
func (s *Slab) Cap() int { return len(s.whole) }

// Grow makes the first n bytes usable; less than the present size changes
// nothing. The error is a *BudgetError, or says that n exceeds the capacity.
func (s *Slab) Grow(n int) error {
	if n <= s.n {
		return nil
	}
	if n > len(s.whole) {
		return fmt.Errorf("slab of capacity %d cannot grow to %d bytes", len(s.whole), n)
	}
	if s.budget != nil {
		if err := s.budget.Reserve(int64(n - s.n)); err != nil {
			return err
		}
	}
	if s.unmap != nil {
		if err := commit(s.whole, s.n, n); err != nil {
			if s.budget != nil {
				s.budget.Release(int64(n - s.n))
			}
			return fmt.Errorf("commit %d bytes: %w", n-s.n, err)
		}
	}
	s.n = n
	return nil
}

// Free gives the memory back to the system and to the budget. Nobody may read
// the slab from then on. A second Free does nothing.
func (s *Slab) Free() error {
	if s.budget != nil {
		s.budget.Release(int64(s.n))
	}
	unmap := s.unmap
	s.whole, s.n, s.unmap = nil, 0, nil
	if unmap == nil {
		return nil
	}
	return unmap()
}

// Slabs are freed together. Its owner calls from one goroutine at a time.
type Slabs []*Slab

// Free frees all of them, those that are there when it is called.
func (s *Slabs) Free() error {
	var errs []error
	for _, one := range *s {
		errs = append(errs, one.Free())
	}
	*s = nil
	return errors.Join(errs...)
}

// Alloc returns n zeroed elements in a slab of their own, which counts in the
// budget and is added to s. The error is NewSlab's.
func Alloc[T Word](s *Slabs, budget *Budget, n int) ([]T, error) {
	var t T
	size := n * int(unsafe.Sizeof(t))
	slab, err := NewSlab(budget, size, size)
	if err != nil {
		return nil, err
	}
	*s = append(*s, slab)
	elements, _ := View[T](slab.Bytes()) // a slab is aligned for every type
	return elements[:n], nil
}
