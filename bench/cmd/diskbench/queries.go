package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redkite-db/redkite/bench/cpuclock"
	"github.com/redkite-db/redkite/bench/rowfile"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// truthWidth is the number of rows that the truth has for each query.
const truthWidth = 100

// queries are what is searched, and the right answers, mapped: they are no memory
// of the index.
type queries struct {
	vecindex.Vectors
	truth []uint32
	rows  *rowfile.File
	right *mem.Map
}

func readQueries(o *options) (*queries, error) {
	q, err := rowfile.Open(o.query, o.dim)
	if err != nil {
		return nil, err
	}
	t, err := mem.Open(o.truth)
	if err != nil {
		return nil, errors.Join(err, q.Close())
	}
	s := &queries{rows: q, right: t}
	n := min(q.Rows(), len(t.Bytes())/4/truthWidth, o.queries)
	if n < 1 || o.k > truthWidth {
		return nil, errors.Join(fmt.Errorf("%s and %s have %d queries, -k is %d", o.query, o.truth, n, o.k), s.close())
	}
	s.Vectors = q.First(n)
	s.truth, _ = mem.View[uint32](t.Bytes()[:n*truthWidth*4])
	return s, nil
}

func (s *queries) close() error { return errors.Join(s.rows.Close(), s.right.Unpin()) }

// result is what one run gave.
type result struct{ recall, qps, cpu, reads, p50, p99 float64 } // cpu and latencies in milliseconds

// measure searches all queries once, from as many clients as there are threads.
func (s *queries) measure(ctx context.Context, x vecindex.Index, list int, o *options) (r result, err error) {
	n := s.Rows()
	counter, _ := x.(interface{ Reads() int64 })
	if counter == nil {
		return r, fmt.Errorf("%T counts no reads", x)
	}
	before, began, used := counter.Reads(), time.Now(), cpuclock.Process()
	took := make([]time.Duration, n)
	errs := make([]error, o.threads)
	var next, found atomic.Int64
	var wg sync.WaitGroup
	for c := range o.threads {
		wg.Go(func() {
			var out []vecindex.Hit
			for i := int(next.Add(1) - 1); i < n && errs[c] == nil; i = int(next.Add(1) - 1) {
				q := vecindex.Query{
					Vector: s.Data[i*s.Dimension:][:s.Dimension], K: o.k, Allowed: -1,
					Params: vecindex.SearchParams{List: list, Beam: o.beam},
				}
				start := time.Now()
				out, errs[c] = x.Search(ctx, &q, out[:0])
				took[i] = time.Since(start)
				for _, h := range out {
					if slices.Contains(s.truth[i*truthWidth:][:o.k], h.Row) {
						found.Add(1)
					}
				}
			}
		})
	}
	wg.Wait()
	seconds := time.Since(began).Seconds()
	used = cpuclock.Process() - used
	for _, e := range errs {
		if e != nil {
			return r, e
		}
	}
	slices.Sort(took)
	ms := func(share float64) float64 { return took[int(share*float64(n-1))].Seconds() * 1000 }
	return result{
		recall: float64(found.Load()) / float64(n*o.k), qps: float64(n) / seconds,
		cpu:   used.Seconds() * 1000 / float64(n),
		reads: float64(counter.Reads()-before) / float64(n), p50: ms(0.5), p99: ms(0.99),
	}, nil
}

// resident says how much memory the process has, and how much of it is pages of
// files.
func resident() string {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "RSS unknown"
	}
	var parts []string
	for line := range strings.Lines(string(b)) {
		for _, name := range []string{"VmRSS:", "RssAnon:", "RssFile:"} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				var kb int
				_, _ = fmt.Sscan(rest, &kb)
				parts = append(parts, fmt.Sprintf("%s %.1f MB", strings.TrimSuffix(name, ":"), float64(kb)*1024/1e6))
			}
		}
	}
	return strings.Join(parts, "  ")
}
