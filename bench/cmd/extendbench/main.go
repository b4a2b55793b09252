// Command extendbench measures what it saves to extend the index HNSW of a
// segment when the segment is compacted with others: for shares of the rows that
// the index has, and of these that are deleted, it builds the index of what is
// left of all rows, and extends that of the share to it. It prints the processor
// time of both, and their recall, of which the truth is an exact scan. Files are
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
	"slices"
	"time"

	"github.com/redkite-db/redkite/bench/cpuclock"
	"github.com/redkite-db/redkite/bench/listflag"
	"github.com/redkite-db/redkite/bench/rowfile"
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
	had, deleted listflag.Of[float64]
	efs          listflag.Of[int]
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
	o := &options{had: listflag.Of[float64]{0.75}, deleted: listflag.Of[float64]{0, 0.1}, efs: listflag.Of[int]{40, 96}}
	flag.StringVar(&o.base, "base", "", "float32 rows")
	flag.StringVar(&o.query, "query", "", "float32 queries")
	flag.IntVar(&o.dim, "dim", 128, "elements of a row")
	flag.IntVar(&o.threads, "threads", runtime.GOMAXPROCS(0), "of builds")
	flag.IntVar(&o.queries, "queries", 1000, "queries to search, at most")
	metric := flag.String("metric", "L2", "L2, IP or COSINE")
	m, efc := flag.String("m", "16", "M"), flag.String("efc", "200", "efConstruction")
	flag.Var(&o.had, "had", "shares of the rows that the earlier index has")
	flag.Var(&o.deleted, "deleted", "shares of those that are deleted")
	flag.Var(&o.efs, "efs", "ef of searches")
	flag.Parse()
	o.params = vecindex.Params{"M": *m, "efConstruction": *efc}
	var err error
	if o.metric, err = vecindex.ParseMetric(*metric); err != nil {
		return nil, err
	}
	if o.base == "" || o.query == "" || o.queries < 1 {
		return nil, errors.New("-base, -query and -queries are needed")
	}
	return o, nil
}

func run(ctx context.Context, o *options) (err error) {
	rows, err := rowfile.Open(o.base, o.dim)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	queries, err := rowfile.Open(o.query, o.dim)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, queries.Close()) }()
	fmt.Printf("%d rows of %d, %v, %v, %d threads, seconds of CPU time\n", rows.Rows(), o.dim, o.metric, o.params, o.threads)
	for _, deleted := range o.deleted {
		for _, had := range o.had {
			c := divide(rows.Vectors, had, deleted)
			if err := c.measure(ctx, o, queries.First(o.queries)); err != nil {
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

// measure builds the index of the result, extends that of the earlier rows to it,
// and compares the two.
func (c *compaction) measure(ctx context.Context, o *options, queries vecindex.Vectors) (err error) {
	kind, options := hnsw.Kind(vec.Detect()), vecindex.BuildOptions{Threads: o.threads, Seed: 1}
	earlier, err := kind.Build(ctx, c.earlier, o.metric, o.params, options)
	if err != nil {
		return err
	}
	var file bytes.Buffer
	_, err = earlier.WriteTo(&file)
	if err = errors.Join(err, earlier.Close()); err != nil {
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
	exact, err := vecindex.Plain(vec.Detect(), o.threads).Build(ctx, c.result, o.metric, nil, options)
	if err != nil {
		return err
	}
	near, _, err := answers(ctx, exact, queries, 0)
	if err != nil {
		return err
	}
	for _, ef := range o.efs {
		var recalls, took [2]float64
		for i, x := range []vecindex.Index{built, extended} {
			hits, used, err := answers(ctx, x, queries, ef)
			if err != nil {
				return err
			}
			recalls[i], took[i] = recall(hits, near), 1e6*used.Seconds()/float64(len(hits))
		}
		fmt.Printf("  ef %4d: recall@%d %.4f built, %.4f extended; %.1f and %.1f us a query\n", ef, wanted, recalls[0], recalls[1], took[0], took[1])
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

// wanted is how many rows a query asks for.
const wanted = 10

// answers returns the rows that an index finds for each query, and the CPU time
// that this took.
func answers(ctx context.Context, x vecindex.Index, queries vecindex.Vectors, ef int) (rows [][]uint32, took time.Duration, err error) {
	rows = make([][]uint32, queries.Rows())
	var hits []vecindex.Hit
	began := cpuclock.Process()
	for i := range rows {
		q := vecindex.Query{
			Vector: queries.Data[i*queries.Dimension:][:queries.Dimension], K: wanted, Allowed: -1, Params: vecindex.SearchParams{Ef: ef},
		}
		if hits, err = x.Search(ctx, &q, hits[:0]); err != nil {
			return nil, 0, err
		}
		for _, h := range hits {
			rows[i] = append(rows[i], h.Row)
		}
	}
	return rows, cpuclock.Process() - began, nil
}

// recall returns the share of the nearest rows that were found.
func recall(found, near [][]uint32) float64 {
	good, all := 0, 0
	for i, rows := range near {
		for _, row := range rows {
			if slices.Contains(found[i], row) {
				good++
			}
		}
		all += len(rows)
	}
	return float64(good) / float64(max(all, 1))
}
