package vecindex

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
)

// ErrBadFile is wrapped by Open's error for a file that is damaged or does not
// belong to the rows, metric and parameters it is opened with.
var ErrBadFile = errors.New("bad index file")

// BadFile returns an error that wraps ErrBadFile and says what is wrong.
func BadFile(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBadFile, fmt.Sprintf(format, args...))
}

// Flat returns the kind FLAT: every search is an exact scan, of codes first where
// it is of float32 (see flatCodes). A scan of much data is shared by up to threads
// goroutines. Its Build takes dense vectors of all types.
func Flat(kern vec.Kernels, threads int) Kind {
	return flatOptions{name: "FLAT", codes: true, types: []Element{Float32, Float16, BFloat16}}.kind(kern, threads)
}

// Plain returns the kind FLAT whose Build does nothing: its searches compare every
// vector. It is the exact answer that all kinds are held against.
func Plain(kern vec.Kernels, threads int) Kind {
	return flatOptions{name: "FLAT", types: []Element{Float32, Float16, BFloat16}}.kind(kern, threads)
}

// BinFlat returns the kind BIN_FLAT, which is FLAT over binary vectors.
func BinFlat(kern vec.Kernels, threads int) Kind {
	k := flatOptions{name: "BIN_FLAT", types: []Element{Binary}}.kind(kern, threads)
	k.Check = func(_ Params, _ int, m Metric) error {
		return CheckMetric(m, Hamming, Jaccard, Substructure, Superstructure)
	}
	return k
}

// flatOptions are what the kinds of FLAT differ in.
type flatOptions struct {
	name  string
	codes bool // Build makes codes
	types []Element
}

func (o flatOptions) kind(kern vec.Kernels, threads int) Kind {
	scans := &sync.Pool{New: func() any { return new(Scan) }}
	index := func(s Source, m Metric) (*flat, error) {
		x := &flat{src: s, matrix: s.Matrix(), metric: m, kern: kern, threads: max(threads, 1), scans: scans}
		x.element = ElementOf(&x.matrix)
		return x, CheckSource(s, m, Float32, Float16, BFloat16, Int8, Binary)
	}
	return Kind{
		Name:        o.name,
		Types:       o.types,
		Check:       func(Params, int, Metric) error { return nil },
		CheckSearch: func(map[string]any, int) (SearchParams, error) { return SearchParams{}, nil },
		Build: func(ctx context.Context, s Source, m Metric, _ Params, b BuildOptions) (Index, error) {
			x, err := index(s, m)
			if err = errors.Join(err, ctx.Err()); err != nil {
				return nil, err
			}
			if o.codes && x.element == Float32 {
				if x.codes, x.slab, err = newCodes(ctx, kern, s, m, b); err != nil {
					return nil, err
				}
			}
			if b.Progress != nil {
				b.Progress(s.Rows(), s.Rows())
			}
			if err = ctx.Err(); err != nil {
				return nil, errors.Join(err, x.Close())
			}
			return x, nil
		},
		Open: func(f *mem.Map, rows Source, m Metric, _ Params) (Index, error) {
			x, err := index(rows, m)
			if err == nil {
				err = x.read(f.Bytes())
			}
			if err != nil {
				return nil, errors.Join(fmt.Errorf("open %s index %s: %w", o.name, f.Name(), err), f.Unpin())
			}
			if x.codes == nil {
				return x, f.Unpin()
			}
			x.file = f
			return x, nil
		},
	}
}

// flat is the exact index.
type flat struct {
	src     Source
	matrix  vec.Matrix // src's
	element Element
	metric  Metric
	kern    vec.Kernels
	threads int
	scans   *sync.Pool // *Scan

	codes *flatCodes // nil: every vector is compared
	slab  *mem.Slab  // of codes that were built
	file  *mem.Map   // of codes that were opened, pinned

	normsOnce sync.Once
	norms     []float32 // inverse norms, for Cosine without codes, computed by the first search
}

func (x *flat) Rows() int { return x.src.Rows() }

func (x *flat) Close() error {
	x.codes = nil
	switch {
	case x.slab != nil:
		return x.slab.Free()
	case x.file != nil:
		return x.file.Unpin()
	}
	return nil
}

func (x *flat) Bytes() int64 {
	switch {
	case x.codes != nil:
		return x.codes.bytes()
	case x.metric == Cosine:
		return 4 * int64(x.src.Rows())
	}
	return 0
}

// invNorms returns the factor of each row for Cosine, else nil.
func (x *flat) invNorms() []float32 {
	switch {
	case x.metric != Cosine:
		return nil
	case x.codes != nil:
		return x.codes.invNorms
	}
	x.normsOnce.Do(func() {
		room := make([]float32, x.src.Dim())
		x.norms = make([]float32, x.src.Rows())
		for i := range x.norms {
			x.norms[i] = x.kern.InvNormOf(&x.matrix, i, room)
		}
	})
	return x.norms
}

// parallelBytes is how much data is worth a second goroutine: about a tenth
// of a millisecond of one core.
const parallelBytes = 1 << 20

func (x *flat) Search(ctx context.Context, q *Query, out []Hit) ([]Hit, error) {
	if err := q.Check(x.metric, x.element, x.src.Dim()); err != nil {
		return out, err
	}
	n := x.src.Rows()
	if q.Limit > 0 {
		n = min(n, q.Limit)
	}
	workers := min(x.threads, 1+n*x.scanned()/parallelBytes)
	if workers == 1 {
		s := x.scans.Get().(*Scan)
		defer x.scans.Put(s)
		if err := x.scan(ctx, s, q, 0, n); err != nil {
			return out, err
		}
		return s.Top.Hits(x.metric, out), nil
	}
	return x.searchParallel(ctx, q, out, n, workers)
}

// scan compares rows [from, to). No more than `to` hits are kept: K may be far
// larger than the index.
func (x *flat) scan(ctx context.Context, s *Scan, q *Query, from, to int) error {
	s.Start(x.kern, x.metric, q.Probe(x.element), min(q.K, to))
	if q.Range != nil {
		s.Within(q.Range.Keys())
	}
	rows := x.rows(from, to)
	return s.rows(ctx, &rows, q.Skip)
}

// rows are those [from, to).
func (x *flat) rows(from, to int) Rows {
	return Rows{
		Kernels: x.kern, Metric: x.metric, Matrix: x.matrix, InvNorms: x.invNorms(), codes: x.codes, From: from, To: to,
	}
}

// scanned is how many bytes of a row a scan reads, mostly.
func (x *flat) scanned() int {
	if x.codes != nil {
		return x.codes.stride
	}
	return x.matrix.RowSize()
}

// Iterate implements Index: in order.
func (x *flat) Iterate(ctx context.Context, q *Query) (Iterator, error) {
	if err := errors.Join(q.Check(x.metric, x.element, x.src.Dim()), ctx.Err()); err != nil {
		return nil, err
	}
	s := x.scans.Get().(*Scan)
	return NewOrdered(x.rows(0, x.src.Rows()), q, s, func() { x.scans.Put(s) }), nil
}

func (x *flat) searchParallel(ctx context.Context, q *Query, out []Hit, n, workers int) ([]Hit, error) {
	step := (n/workers + blockRows) / blockRows * blockRows
	scans := make([]*Scan, workers)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for i := range scans {
		scans[i] = x.scans.Get().(*Scan)
		work := func() {
			errs[i] = x.scan(ctx, scans[i], q, min(i*step, n), min((i+1)*step, n))
		}
		if i == workers-1 {
			work()
		} else {
			wg.Go(work)
		}
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return out, err
		}
	}
	best := scans[workers-1] // it was started with the largest bound
	for _, s := range scans[:workers-1] {
		best.Top.Merge(&s.Top)
	}
	out = best.Top.Hits(x.metric, out)
	for _, s := range scans {
		x.scans.Put(s)
	}
	return out, nil
}
