package binivf

import (
	"context"
	"errors"
	"io"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// index is a complete index, built in memory or in a map of its file.
type index struct {
	*env
	metric vecindex.Metric
	src    vecindex.Source
	rows   vec.Matrix // src's
	nodes  int        // rows that have a vector
	lists  int
	seed   uint64
	parts
	center vec.Matrix // of parts.centers
	close  func() error
}

// parts is what is in the file; see docs/formats/binivf.md.
type parts struct {
	ends    []uint32 // lists+1: list i is ids[ends[i]:ends[i+1]]
	ids     []uint32 // rows, ascending in each list
	centers []byte   // a vector for each list
}

// scratch is the memory of one search, pooled, for one goroutine at a time.
type scratch struct {
	coarse []float32 // distances to the centers
	order  vecindex.TopK
	lists  []vecindex.Hit // those to read, by distance
	best   vecindex.TopK
	scan   vecindex.Scan
	ids    [batch]uint32
	dist   [batch]float32
}

// batch is how many rows are compared by one call of a kernel.
const batch = 64

func (x *index) Rows() int { return x.src.Rows() }

func (x *index) Bytes() int64 { return 4*int64(len(x.ends)+len(x.ids)) + int64(len(x.centers)) }

func (x *index) WriteTo(w io.Writer) (int64, error) { return x.write(w) }

func (x *index) Close() error {
	closing := x.close
	x.parts, x.close = parts{}, nil
	if closing == nil {
		return nil
	}
	return closing()
}

// Search implements vecindex.Index: it reads the lists nearest to the query, or
// compares all allowed rows where that is cheaper, and for a range.
func (x *index) Search(ctx context.Context, q *vecindex.Query, out []vecindex.Hit) ([]vecindex.Hit, error) {
	if err := errors.Join(q.Check(x.metric, vecindex.Binary, x.src.Dim()), ctx.Err()); err != nil {
		return out, err
	}
	f := vecindex.NewFilter(x.src.Rows(), x.nodes, q)
	if f.Allowed == 0 {
		return out, nil
	}
	s := x.scratches.Get().(*scratch)
	defer x.scratches.Put(s)
	want, probe := min(q.K, f.Allowed), q.Params.NProbe
	if probe == 0 {
		probe = defaultProbe
	}
	probe = min(probe, x.lists)
	from := q.Probe(vecindex.Binary)
	if q.Range != nil || x.scanIsCheaper(&f, probe, want) {
		s.scan.Start(x.kern, x.metric, from, want)
		if q.Range != nil {
			s.scan.Within(q.Range.Keys())
		}
		if err := s.scan.Rows(ctx, &x.rows, nil, 0, f.Limit, q.Skip); err != nil {
			return out, err
		}
		return s.scan.Top.Hits(x.metric, out), nil
	}
	s.best.Reset(want)
	if err := x.probe(ctx, s, &from, &f, probe, want); err != nil {
		return out, err
	}
	return s.best.Hits(x.metric, out), nil
}

// testsPerRow is how many rows of lists can be asked whether they pass in the
// time in which one row is compared.
const testsPerRow = 4

// scanIsCheaper reports whether comparing all allowed rows costs no more than to
// read lists, or whether the lists are expected to hold few more than are wanted.
func (x *index) scanIsCheaper(f *vecindex.Filter, probe, want int) bool {
	share := float64(probe) / float64(x.lists)
	read := float64(x.lists) + share*float64(x.nodes)/testsPerRow + share*float64(f.Allowed)
	return probe >= x.lists || float64(f.Allowed) <= read || want > f.Allowed/2
}

// correlated is the share of rows that pass in the lists read, by that in all of
// them, below which the hits are taken to be elsewhere.
const correlated = 0.8

// probe reads the lists nearest to the query, probe of them, and further ones
// while there are fewer hits than wanted. Where few rows of these passed, the hits
// lie around them in many lists: as many as were asked for have to bring nothing
// then.
func (x *index) probe(ctx context.Context, s *scratch, from *vec.Probe, f *vecindex.Filter, probe, want int) error {
	x.nearest(s, from, probe)
	read, passed, idle := 0, 0, 0
	elsewhere := false
	for i := 0; i < x.lists; i++ {
		if i == probe {
			elsewhere = float64(passed)*float64(x.nodes) < correlated*float64(f.Allowed)*float64(read)
		}
		if i >= probe && s.best.Len() >= want && (!elsewhere || idle >= probe) {
			break
		}
		if i == len(s.lists) {
			x.nearest(s, from, x.lists)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		list, bound, kept := int(s.lists[i].Row), s.best.Bound(), s.best.Len()
		rows := x.ids[x.ends[list]:x.ends[list+1]]
		read += len(rows)
		passed += x.read(s, from, f, rows)
		if idle++; s.best.Bound() != bound || s.best.Len() != kept {
			idle = 0
		}
	}
	return nil
}

// nearest sets s.lists to the n nearest lists, the nearest first.
func (x *index) nearest(s *scratch, from *vec.Probe, n int) {
	if len(s.coarse) < x.lists {
		s.coarse = make([]float32, x.lists)
	}
	out := s.coarse[:x.lists]
	x.kern.Rows(x.metric.Measure(), from, &x.center, 0, out)
	s.order.Reset(n)
	for i, d := range out {
		if key := vecindex.Key(d, uint32(i)); key < s.order.Bound() {
			s.order.Offer(key)
		}
	}
	s.lists = s.order.Hits(vecindex.Hamming, s.lists[:0])
}

// read compares the rows of a list that pass and returns how many these are.
func (x *index) read(s *scratch, from *vec.Probe, f *vecindex.Filter, list []uint32) int {
	passed := 0
	for len(list) > 0 {
		ids := list[:min(batch, len(list))]
		list = list[len(ids):]
		if !f.All {
			n := 0
			for _, row := range ids {
				if s.ids[n] = row; f.Passes(row) {
					n++
				}
			}
			ids = s.ids[:n]
		}
		passed += len(ids)
		dist := s.dist[:len(ids)]
		x.kern.IDs(x.metric.Measure(), from, &x.rows, ids, dist, 0)
		bound := s.best.Bound()
		for i, d := range dist {
			if key := vecindex.Key(d, ids[i]); key < bound {
				s.best.Offer(key)
				bound = s.best.Bound()
			}
		}
	}
	return passed
}

// Iterate implements vecindex.Index: in order, by comparing all rows.
func (x *index) Iterate(ctx context.Context, q *vecindex.Query) (vecindex.Iterator, error) {
	return vecindex.IterateRows(ctx, vecindex.Rows{Kernels: x.kern, Metric: x.metric, Matrix: x.rows, To: x.src.Rows()}, q)
}
