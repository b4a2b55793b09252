// Command extendbench measures what it saves to extend the index HNSW of a
// segment when the segment is compacted with others: for shares of the rows that
// the index has, and of these that are deleted, it builds the index of what is
// left of all rows, and extends that of the share to it. It prints the processor
// time of both, and their recall, of which the truth is that of FLAT. Files are
// those of the peers' comparison (see bench/README.md): float32 rows and queries.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"time"

	"github.com/redkite-db/redkite/bench/cpuclock"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
)

type options struct {
	base, query  string
	dim, threads int
	queries      int
	metric       vecindex.Metric
	params       vecindex.Params
	had, deleted []float64
	efs          []int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o, err := parse()
	if err == nil {
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "extendbench:", err)
		os.Exit(1)
	}
}

func parse() (*options, error) {
	o := &options{}
	flag.StringVar(&o.base, "base", "", "float32 rows")
	flag.StringVar(&o.query, "query", "", "float32 queries")
	flag.IntVar(&o.dim, "dim", 128, "elements of a row")
	flag.IntVar(&o.threads, "threads", runtime.GOMAXPROCS(0), "of builds")
	flag.IntVar(&o.queries, "queries", 1000, "queries to search, at most")
	metric := flag.String("metric", "L2", "L2, IP or COSINE")
	m, efc := flag.String("m", "16", "M"), flag.String("efc", "200", "efConstruction")
	had := flag.String("had", "0.75", "shares of the rows that the earlier index has")
	deleted := flag.String("deleted", "0,0.1", "shares of those that are deleted")
	efs := flag.String("efs", "40,96", "ef of searches")
	flag.Parse()
	o.params = vecindex.Params{"M": *m, "efConstruction": *efc}
	var errs [4]error
	o.metric, errs[0] = vecindex.ParseMetric(*metric)
	o.had, errs[1] = list[float64](*had)
	o.deleted, errs[2] = list[float64](*deleted)
	o.efs, errs[3] = list[int](*efs)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if o.base == "" || o.query == "" || o.dim < 1 {
		return nil, errors.New("-base, -query and -dim are needed")
	}
	return o, nil
}

func list[T int | float64](text string) (out []T, err error) {
	for s := range strings.SplitSeq(text, ",") {
		var n T
		if _, err := fmt.Sscan(s, &n); err != nil {
			return nil, fmt.Errorf("list %s: %w", text, err)
		}
		out = append(out, n)
	}
	return out, nil
}

func run(ctx context.Context, o *options) (err error) {
	var files [2]vecindex.Vectors
	for i, name := range []string{o.base, o.query} {
		f, err := mem.Open(name)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Unpin()) }()
		v, _ := mem.View[float32](f.Bytes())
		files[i] = vecindex.Vectors{Data: v, Dimension: o.dim}
	}
	files[1].Data = files[1].Data[:min(o.queries, files[1].Rows())*o.dim]
	kind := hnsw.Kind(vec.Detect())
	fmt.Printf("%d rows of %d, %v, %v, %d threads, seconds of CPU time\n", files[0].Rows(), o.dim, o.metric, o.params, o.threads)
	for _, deleted := range o.deleted {
		for _, had := range o.had {
			c := divide(files[0], had, deleted)
			if err := c.measure(ctx, kind, o, files[1]); err != nil {
				return err
			}
		}
	}
	return nil
}

// compaction is one: the rows of the earlier index, and those of the result.
type compaction struct {
	earlier, result vecindex.Vectors
	from            []int32
}

// divide puts rows into the earlier index, deletes some of these, and has all
// others in the result, in their order.
func divide(rows vecindex.Vectors, had, deleted float64) compaction {
	c := compaction{
		earlier: vecindex.Vectors{Dimension: rows.Dimension}, result: vecindex.Vectors{Dimension: rows.Dimension},
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for r := range rows.Rows() {
		v, to := rows.Data[r*rows.Dimension:(r+1)*rows.Dimension], int32(c.result.Rows())
		if rng.Float64() < had {
			c.earlier.Data = append(c.earlier.Data, v...)
			if rng.Float64() < deleted {
				c.from = append(c.from, vecindex.Gone)
				continue
			}
			c.from = append(c.from, to)
		}
		c.result.Data = append(c.result.Data, v...)
	}
	return c
}

func (c *compaction) measure(ctx context.Context, kind vecindex.Kind, o *options, queries vecindex.Vectors) (err error) {
	options := vecindex.BuildOptions{Threads: o.threads, Seed: 1}
	earlier, err := kind.Build(ctx, c.earlier, o.metric, o.params, options)
	if err != nil {
		return err
	}
	var file bytes.Buffer
	if _, err = earlier.WriteTo(&file); err != nil {
		return err
	}
	if err = earlier.Close(); err != nil {
		return err
	}
	began := cpuclock.Process()
	built, err := kind.Build(ctx, c.result, o.metric, o.params, options)
	if err != nil {
		return err
	}
	build := cpuclock.Process() - began
	defer func() { err = errors.Join(err, built.Close()) }()
	began = cpuclock.Process()
	extended, err := kind.Extend(ctx, vecindex.Earlier{File: mem.FromBytes(file.Bytes()), Rows: c.earlier, Map: c.from}, c.result, o.metric, o.params, options)
	if err != nil {
		return err
	}
	extend := cpuclock.Process() - began
	defer func() { err = errors.Join(err, extended.Close()) }()
	fmt.Printf("of %d rows in the index %d deleted, %d in the result: built in %.2f, extended in %.2f (%.2f of it)\n", c.earlier.Rows(),
		c.gone(), c.result.Rows(), build.Seconds(), extend.Seconds(), extend.Seconds()/build.Seconds())
	exact, err := vecindex.Flat(vec.Detect(), o.threads).Build(ctx, c.result, o.metric, nil, options)
	if err != nil {
		return err
	}
	for _, ef := range o.efs {
		var got [2]float64
		var took [2]time.Duration
		for i, x := range []vecindex.Index{built, extended} {
			if got[i], err = recall(ctx, x, exact, queries, ef, &took[i]); err != nil {
				return err
			}
		}
		fmt.Printf("  ef %4d: recall@10 %.4f built, %.4f extended; %.1f and %.1f us a query\n", ef, got[0], got[1],
			float64(took[0].Microseconds())/float64(queries.Rows()), float64(took[1].Microseconds())/float64(queries.Rows()))
	}
	return nil
}

func (c *compaction) gone() (n int) {
	for _, to := range c.from {
		if to == vecindex.Gone {
			n++
		}
	}
	return n
}

// recall returns the share of the 10 nearest rows that an index finds, and adds
// the time of its searches to took.
func recall(ctx context.Context, x, exact vecindex.Index, queries vecindex.Vectors, ef int, took *time.Duration) (float64, error) {
	found, all := 0, 0
	for i := range queries.Rows() {
		q := vecindex.Query{Vector: queries.Data[i*queries.Dimension:][:queries.Dimension], K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: ef}}
		want, err := exact.Search(ctx, &q, nil)
		if err != nil {
			return 0, err
		}
		began := cpuclock.Process()
		got, err := x.Search(ctx, &q, nil)
		if err != nil {
			return 0, err
		}
		*took += cpuclock.Process() - began
		near := map[uint32]bool{}
		for _, h := range want {
			near[h.Row] = true
		}
		for _, h := range got {
			if near[h.Row] {
				found++
			}
		}
		all += len(want)
	}
	return float64(found) / float64(all), nil
}
