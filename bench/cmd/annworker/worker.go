package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redkite-db/redkite/bench/cpuclock"
)

// worker answers the driver.
type worker struct {
	engine engine
	name   string
	data   *dataset
	built  bool
}

// answers is how many rows a query is answered with.
const answers = 10

// cacheLine is the size, in int32, of buffers that two threads do not share.
const cacheLine = 32

// serve answers requests until quit or the end of in. A request that fails is
// answered with its error; the next one is read.
func (w *worker) serve(ctx context.Context, in io.Reader, out io.Writer) error {
	dec, enc := json.NewDecoder(in), json.NewEncoder(out)
	dec.UseNumber()
	for {
		var r request
		if err := dec.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read a request: %w", err)
		}
		a, err := w.answer(ctx, &r)
		if err != nil {
			a = reply{Error: fmt.Sprintf("%s: %s: %v", w.name, r.Op, err)}
		}
		if err := enc.Encode(a); err != nil {
			return fmt.Errorf("write a reply: %w", err)
		}
		if r.Op == "quit" {
			return nil
		}
	}
}

func (w *worker) answer(ctx context.Context, r *request) (reply, error) {
	r.Threads = max(r.Threads, 1)
	switch r.Op {
	case "info":
		version, isa := w.engine.info()
		return reply{Version: version, ISA: isa}, nil
	case "quit":
		return reply{}, nil
	case "load":
		return w.load(r)
	}
	if w.data == nil {
		return reply{}, errors.New("no data was loaded")
	}
	switch r.Op {
	case "build":
		return w.build(ctx, r)
	case "grow":
		return w.grow(ctx, r)
	case "select":
		err := w.data.choose(r.Columns, r.Groups)
		return reply{Queries: len(w.data.asked)}, err
	}
	if !w.built {
		return reply{}, errors.New("no index was built")
	}
	switch r.Op {
	case "run":
		return w.run(ctx, r)
	case "dump":
		return w.dump(ctx, r)
	default:
		return reply{}, errors.New("no such op")
	}
}

func (w *worker) load(r *request) (reply, error) {
	if w.data != nil {
		return reply{}, errors.New("data was loaded before")
	}
	d, err := loadDataset(r)
	if err != nil {
		return reply{}, err
	}
	w.data = d
	return reply{Rows: d.source().Rows(), Queries: d.queryCount()}, nil
}

func (w *worker) build(ctx context.Context, r *request) (reply, error) {
	w.built = false
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(r.Threads))
	began := now()
	if err := w.engine.build(ctx, w.data, r.Params, r.Threads); err != nil {
		return reply{}, err
	}
	wall, cpu := began.spent()
	w.built = true
	per := float64(w.engine.bytes()) / float64(w.data.source().Rows())
	return reply{WallS: wall, CPUS: cpu, BytesPerVector: per}, nil
}

// run searches the first queries, one a call, over and over until the time is
// up; it always answers all of them equally often.
func (w *worker) run(ctx context.Context, r *request) (reply, error) {
	n := len(w.data.asked)
	if r.Queries > 0 {
		n = min(n, r.Queries)
	}
	search, err := w.searchers(ctx, r, answers)
	if err != nil {
		return reply{}, err
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(r.Threads))
	outs := make([][]int32, len(search))
	for i := range outs {
		outs[i] = make([]int32, answers, cacheLine)
	}
	done := 0
	began := now()
	for {
		err := spread(len(search), n, func(thread, q int) error {
			return search[thread](&w.data.asked[q], outs[thread])
		})
		if err != nil {
			return reply{}, err
		}
		done += n
		if wall, cpu := began.spent(); wall >= r.Seconds {
			return reply{Queries: done, WallS: wall, CPUS: cpu}, nil
		}
	}
}

// dump writes the k nearest rows of every query.
func (w *worker) dump(ctx context.Context, r *request) (reply, error) {
	k := r.K
	if k == 0 {
		k = answers
	}
	search, err := w.searchers(ctx, r, k)
	if err != nil {
		return reply{}, err
	}
	n := len(w.data.asked)
	ids := make([]int32, n*k)
	began := now()
	err = spread(len(search), n, func(thread, q int) error {
		return search[thread](&w.data.asked[q], ids[q*k:(q+1)*k])
	})
	if err != nil {
		return reply{}, err
	}
	wall, cpu := began.spent()
	return reply{Queries: n, WallS: wall, CPUS: cpu}, writeAnswers(r.Path, ids)
}

// searchers returns one searcher a thread.
func (w *worker) searchers(ctx context.Context, r *request, k int) ([]searcher, error) {
	all := make([]searcher, r.Threads)
	for i := range all {
		s, err := w.engine.searcher(ctx, r.Search, k)
		if err != nil {
			return nil, err
		}
		all[i] = s
	}
	return all, nil
}

// spread does the queries [0, n), each once, with that many goroutines, of
// which this is the first, and waits for all.
func spread(threads, n int, do func(thread, q int) error) error {
	var next atomic.Int64
	errs := make([]error, threads)
	work := func(thread int) {
		for errs[thread] == nil {
			q := int(next.Add(1) - 1)
			if q >= n {
				return
			}
			errs[thread] = do(thread, q)
		}
	}
	var wg sync.WaitGroup
	for thread := 1; thread < threads; thread++ {
		wg.Go(func() { work(thread) })
	}
	work(0)
	wg.Wait()
	return errors.Join(errs...)
}

// close frees the index and the data.
func (w *worker) close() error {
	w.built = false
	err := w.engine.close()
	if w.data != nil {
		err = errors.Join(err, w.data.close())
		w.data = nil
	}
	return err
}

// instant is a point in wall time and in the process's CPU time.
type instant struct {
	wall time.Time
	cpu  time.Duration
}

func now() instant { return instant{wall: time.Now(), cpu: cpuclock.Process()} }

// spent returns the seconds since then.
func (i instant) spent() (wall, cpu float64) {
	return time.Since(i.wall).Seconds(), (cpuclock.Process() - i.cpu).Seconds()
}
