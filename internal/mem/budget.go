package mem

import (
	"fmt"
	"math"
	"sync/atomic"
)

// Budget bounds the bytes that its users hold together. Reserving and
// releasing is one atomic operation each; nobody waits in it: callers who are
// refused free something or slow down. All methods are safe for concurrent
// use.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget returns a budget of limit bytes; a limit of 0 or less only counts
// and never refuses.
func NewBudget(limit int64) *Budget {
	if limit <= 0 {
		limit = math.MaxInt64
	}
	return &Budget{limit: limit}
}

// TryReserve takes n bytes, n >= 0, and reports whether they fitted. Nothing
// is taken when it reports false.
func (b *Budget) TryReserve(n int64) bool {
	for {
		used := b.used.Load()
		if n > b.limit-used {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

// Reserve is TryReserve with a *BudgetError in place of false.
func (b *Budget) Reserve(n int64) error {
	if !b.TryReserve(n) {
		return &BudgetError{Need: n, Used: b.Used(), Limit: b.limit}
	}
	return nil
}

// Release gives n reserved bytes back.
func (b *Budget) Release(n int64) { b.used.Add(-n) }

// Used returns the bytes reserved now.
func (b *Budget) Used() int64 { return b.used.Load() }

// Limit returns the bound in bytes; math.MaxInt64 when there is none.
func (b *Budget) Limit() int64 { return b.limit }

// BudgetError says that memory was refused because a budget would be exceeded.
type BudgetError struct {
	Need, Used, Limit int64 // bytes
}

func (e *BudgetError) Error() string {
	return fmt.Sprintf("memory budget exceeded: need %d bytes, %d of %d in use", e.Need, e.Used, e.Limit)
}
