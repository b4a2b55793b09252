// Command diskbench measures the index kind DISKANN as a process that has little
// memory sees it: it builds an index file, or opens one, drops its pages from the
// system's cache, and searches. Files are those of the peers' comparison (see
// bench/README.md): float32 rows and queries, and the 100 nearest rows of each
// query as int32.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/redkite-db/redkite/bench/listflag"
	"github.com/redkite-db/redkite/bench/rowfile"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/diskann"
)

type options struct {
	index, base, query, truth string
	dim, k, threads, queries  int
	metric                    vecindex.Metric
	build                     bool
	params                    vecindex.Params
	lists                     listflag.Of[int]
	beam                      int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o, err := parse()
	if err == nil {
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "diskbench:", err)
		os.Exit(1)
	}
}

func parse() (*options, error) {
	o := &options{params: vecindex.Params{}, lists: listflag.Of[int]{20, 30, 40, 60, 100}}
	flag.StringVar(&o.index, "index", "", "file of the index")
	flag.StringVar(&o.base, "base", "", "float32 rows")
	flag.StringVar(&o.query, "query", "", "float32 queries")
	flag.StringVar(&o.truth, "truth", "", "int32, the 100 nearest rows of each query")
	flag.IntVar(&o.dim, "dim", 128, "elements of a row")
	flag.IntVar(&o.k, "k", 10, "hits of a search")
	flag.IntVar(&o.threads, "threads", runtime.GOMAXPROCS(0), "of the build; clients of the search")
	flag.IntVar(&o.queries, "queries", 10_000, "queries to search, at most")
	flag.IntVar(&o.beam, "beam", 0, "beamwidth; 0: the default")
	flag.BoolVar(&o.build, "build", false, "build the index, not search it")
	metric := flag.String("metric", "L2", "L2, IP or COSINE")
	params := flag.String("params", "", "build parameters, as key=value,key=value")
	flag.Var(&o.lists, "lists", "search_list_size of each run")
	flag.Parse()
	var err error
	if o.metric, err = vecindex.ParseMetric(*metric); err != nil {
		return nil, err
	}
	for kv := range strings.SplitSeq(*params, ",") {
		if key, value, ok := strings.Cut(kv, "="); ok {
			o.params[key] = value
		}
	}
	if o.index == "" || o.base == "" {
		return nil, errors.New("-index and -base are needed")
	}
	return o, nil
}

func run(ctx context.Context, o *options) error {
	rows, err := rowfile.Open(o.base, o.dim)
	if err != nil {
		return err
	}
	do := search
	if o.build {
		do = build
	}
	return errors.Join(do(ctx, o, rows.Vectors), rows.Close())
}

// build writes the file of an index.
func build(ctx context.Context, o *options, src vecindex.Source) (err error) {
	budget := mem.NewBudget(0)
	began, most := time.Now(), int64(0)
	x, err := diskann.Kind(vec.Detect()).Build(ctx, src, o.metric, o.params, vecindex.BuildOptions{
		Threads: o.threads, Seed: 1, Budget: budget,
		Progress: func(done, total int) { most = max(most, budget.Used()) },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	fmt.Printf("built %d rows in %.0f s with %d threads, %d MB reserved at most\n", src.Rows(), time.Since(began).Seconds(), o.threads, most/1e6)
	f, err := os.Create(o.index)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	n, err := x.WriteTo(w)
	err = errors.Join(err, w.Flush(), f.Sync(), f.Close())
	fmt.Printf("wrote %d MB\n", n/1e6)
	return err
}

// search opens the file and measures each run.
func search(ctx context.Context, o *options, src vecindex.Source) (err error) {
	s, err := readQueries(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	f, err := mem.Open(o.index)
	if err != nil {
		return err
	}
	began := time.Now()
	x, err := diskann.Kind(vec.Detect()).Open(f, src, o.metric, o.params)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	debug.FreeOSMemory()
	fmt.Printf("opened and checked in %.1f s, holds %.1f MB\n", time.Since(began).Seconds(), float64(x.Bytes())/1e6)
	for _, list := range o.lists {
		for _, cold := range []bool{true, false} {
			if cold {
				if err := dropCache(o.index); err != nil {
					return err
				}
			}
			r, err := s.measure(ctx, x, list, o)
			if err != nil {
				return err
			}
			fmt.Printf("list %4d  %s  recall@%d %.4f  %7.0f QPS  %.3f ms CPU  %5.1f reads a query  p50 %.2f ms  p99 %.2f ms  %s\n",
				list, map[bool]string{true: "cold", false: "warm"}[cold], o.k, r.recall, r.qps, r.cpu, r.reads, r.p50, r.p99, resident())
		}
	}
	return nil
}
