package vecindex

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
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

// Flat returns the kind FLAT: no structure, every search is an exact scan. A
// scan of much data is shared by up to threads goroutines. Its Build takes dense
// vectors of all types: it is the exact answer that all kinds are held against.
func Flat(kern vec.Kernels, threads int) Kind {
	check := func(Params, int, Metric) error { return nil }
	return flatKind("FLAT", kern, threads, check, Float32, Float16, BFloat16)
}

// BinFlat returns the kind BIN_FLAT, which is FLAT over binary vectors.
func BinFlat(kern vec.Kernels, threads int) Kind {
	check := func(_ Params, _ int, m Metric) error {
		return CheckMetric(m, Hamming, Jaccard, Substructure, Superstructure)
	}
	return flatKind("BIN_FLAT", kern, threads, check, Binary)
}

func flatKind(name string, kern vec.Kernels, threads int, check func(Params, int, Metric) error, types ...Element) Kind {
	scans := &sync.Pool{New: func() any { return new(Scan) }}
	index := func(s Source, m Metric) (*flat, error) {
		x := &flat{src: s, matrix: s.Matrix(), metric: m, kern: kern, threads: max(threads, 1), scans: scans}
		x.element = ElementOf(&x.matrix)
		return x, CheckSource(s, m, Float32, Float16, BFloat16, Int8, Binary)
	}
	return Kind{
		Name:        name,
		Types:       types,
		Check:       check,
		CheckSearch: func(map[string]any, int) (SearchParams, error) { return SearchParams{}, nil },
		Build: func(ctx context.Context, s Source, m Metric, _ Params, o BuildOptions) (Index, error) {
			if o.Progress != nil {
				o.Progress(s.Rows(), s.Rows())
			}
			x, err := index(s, m)
			if err = errors.Join(err, ctx.Err()); err != nil {
				return nil, err
			}
			return x, nil
		},
		Open: func(f *mem.Map, rows Source, m Metric, _ Params) (Index, error) {
			x, err := index(rows, m)
			if err == nil {
				err = x.checkHeader(f.Bytes())
			}
			if err = errors.Join(err, f.Unpin()); err != nil {
				return nil, fmt.Errorf("open %s index %s: %w", name, f.Name(), err)
			}
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

	normsOnce sync.Once
	norms     []float32 // inverse norms, for Cosine, computed by the first search
}

func (x *flat) Rows() int    { return x.src.Rows() }
func (x *flat) Close() error { return nil }

func (x *flat) Bytes() int64 {
	if x.metric == Cosine {
		return 4 * int64(x.src.Rows())
	}
	return 0
}

// invNorms returns the factor of each row for Cosine, else nil.
func (x *flat) invNorms() []float32 {
	if x.metric != Cosine {
		return nil
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
	workers := min(x.threads, 1+n*x.matrix.RowSize()/parallelBytes)
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
	return s.Rows(ctx, &x.matrix, x.invNorms(), from, to, q.Skip)
}

// Iterate implements Index: in order.
func (x *flat) Iterate(ctx context.Context, q *Query) (Iterator, error) {
	if err := errors.Join(q.Check(x.metric, x.element, x.src.Dim()), ctx.Err()); err != nil {
		return nil, err
	}
	s := x.scans.Get().(*Scan)
	rows := Rows{Kernels: x.kern, Metric: x.metric, Matrix: x.matrix, InvNorms: x.invNorms(), To: x.src.Rows()}
	return NewOrdered(rows, q, s, func() { x.scans.Put(s) }), nil
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

// The file of a FLAT index is a header alone (docs/formats/flat.md): it says
// that the build was done, and for which rows.
const (
	flatMagic   = "RKIXFLAT"
	flatVersion = 1
	flatSize    = 36
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (x *flat) header() []byte {
	b := make([]byte, 0, flatSize)
	b = append(b, flatMagic...)
	b = binary.LittleEndian.AppendUint32(b, flatVersion)
	b = binary.LittleEndian.AppendUint32(b, uint32(x.metric))
	b = binary.LittleEndian.AppendUint32(b, uint32(x.element))
	b = binary.LittleEndian.AppendUint32(b, uint32(x.src.Dim()))
	b = binary.LittleEndian.AppendUint64(b, uint64(x.src.Rows()))
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func (x *flat) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(x.header())
	return int64(n), err
}

func (x *flat) checkHeader(b []byte) error {
	switch {
	case len(b) != flatSize || string(b[:8]) != flatMagic:
		return BadFile("not a FLAT index")
	case crc32.Checksum(b[:flatSize-4], castagnoli) != binary.LittleEndian.Uint32(b[flatSize-4:]):
		return BadFile("checksum mismatch")
	case binary.LittleEndian.Uint32(b[8:]) != flatVersion:
		return BadFile("version %d, this build reads %d", binary.LittleEndian.Uint32(b[8:]), flatVersion)
	case string(b) != string(x.header()):
		return BadFile("metric %v, %d rows of a %v, dimension %d in the file, %v, %d, %v, %d wanted",
			Metric(b[12]), binary.LittleEndian.Uint64(b[24:]), Element(b[16]), binary.LittleEndian.Uint32(b[20:]),
			x.metric, x.src.Rows(), x.element, x.src.Dim())
	}
	return nil
}
