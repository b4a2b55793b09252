// Package segment holds the rows of a collection where they are searched:
// Growing segments in memory, Sealed ones mapped from objects, and Live, the
// growing rows and late deletes of every shard of a process.
//
// Rows are never changed. A delete is a key with a time that hides the rows of
// the key that were inserted earlier, and a read sees what was inserted at or
// before its time and not deleted by then. Readers take no lock that a writer
// holds: they read prefixes that were published atomically.
package segment

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// ErrClosed says that the segment's last reference is gone.
var ErrClosed = errors.New("segment: closed")

// Segment is a Growing or a Sealed segment. All methods may be called from any
// goroutine.
type Segment interface {
	ID() base.ID
	Shard() base.Shard
	Partition() base.ID
	// Rows is the number of rows now, deleted ones included.
	Rows() int
	// View pins the segment as it is at a time, to be read with a version of the
	// schema: fields that are newer than the rows read as their default or null.
	View(at base.Timestamp, c *schema.Collection) (*Reader, error)
	// rows pins all rows of the segment for a writer of sealed segments.
	rows() (*rowSet, error)
}

// EngineOptions are what an Engine is made of.
type EngineOptions struct {
	Kernels vec.Kernels
	Kinds   []vecindex.Kind // the vector indexes that can be opened
	Threads int             // goroutines of one search, at least 1
	// Growing counts the bytes of growing rows, deletes and their tables. Rows
	// are durable when they get here and cannot be refused, so a limit in it
	// makes an insert fail: give one that only counts, and admit by its Used.
	Growing *mem.Budget
	// Reading is called before much is read of a segment's maps, often and from
	// many goroutines; nil does nothing.
	Reading func()
}

// Engine is what all segments of a process share. It is immutable.
type Engine struct {
	kernels vec.Kernels
	kinds   map[string]*vecindex.Kind
	flat    vecindex.Kind
	threads int
	scans   *sync.Pool // *vecindex.Scan
	growing *mem.Budget
	reading func()
}

// NewEngine returns an engine.
func NewEngine(o EngineOptions) *Engine {
	e := &Engine{
		kernels: o.Kernels, kinds: map[string]*vecindex.Kind{},
		flat: vecindex.Plain(o.Kernels, max(o.Threads, 1)), threads: max(o.Threads, 1), growing: o.Growing, reading: o.Reading,
		scans: &sync.Pool{New: func() any { return new(vecindex.Scan) }},
	}
	if e.growing == nil {
		e.growing = mem.NewBudget(0)
	}
	if e.reading == nil {
		e.reading = func() {}
	}
	for i := range o.Kinds {
		e.kinds[o.Kinds[i].Name] = &o.Kinds[i]
	}
	return e
}

// Kind returns the vector index of a name.
func (e *Engine) Kind(name string) (*vecindex.Kind, error) {
	if k := e.kinds[name]; k != nil {
		return k, nil
	}
	return nil, fmt.Errorf("no vector index of type %q", name)
}

// refs counts references. It is born with one; whoever drops the last one
// releases what is counted.
type refs struct{ n atomic.Int64 }

func (r *refs) born() { r.n.Store(1) }

// acquire adds a reference unless the last one is gone.
func (r *refs) acquire() bool {
	for {
		n := r.n.Load()
		if n <= 0 {
			return false
		}
		if r.n.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// drop gives a reference back and reports whether it was the last.
func (r *refs) drop() bool { return r.n.Add(-1) == 0 }
