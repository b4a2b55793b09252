package binivf_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/binivf"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
)

// BenchmarkBinary puts the kinds of indexes of binary vectors beside each other:
// 100,000 rows of 256 bits around 3,000 centers. It reports the recall of 10 hits,
// by score, and queries by second of CPU time.
//
//	go test ./internal/vecindex/binivf -run '^$' -bench Binary -benchtime 1x
func BenchmarkBinary(b *testing.B) {
	const n, queries, dim, rounds = 100_000, 500, 256, 4
	kern := vec.Detect()
	src, near := clustered(rand.New(rand.NewPCG(7, 8)), n, queries, dim, 3000)
	kinds := []struct {
		kind   vecindex.Kind
		params vecindex.Params
		search []vecindex.SearchParams
	}{
		{vecindex.BinFlat(kern, 1), nil, []vecindex.SearchParams{{}}},
		{binivf.Kind(kern), vecindex.Params{"nlist": "1024"}, []vecindex.SearchParams{{NProbe: 4}, {NProbe: 8}, {NProbe: 32}}},
		{hnsw.Kind(kern), vecindex.Params{"M": "16", "efConstruction": "200"}, []vecindex.SearchParams{{Ef: 32}, {Ef: 64}, {Ef: 128}}},
	}
	for _, m := range metrics {
		worst := make([]float32, queries)
		exact := flat(b, kern, src, m)
		for i := range worst {
			worst[i] = indextest.Search(b, exact, vecindex.Query{Bytes: row(near, i), K: 10})[9].Score
		}
		for _, k := range kinds {
			began := cpuTime()
			x, err := k.kind.Build(context.Background(), src, m, k.params, vecindex.BuildOptions{Threads: 1})
			require.NoError(b, err)
			built := (cpuTime() - began).Seconds()
			for _, p := range k.search {
				b.Run(fmt.Sprintf("%v/%s/nprobe=%d/ef=%d", m, k.kind.Name, p.NProbe, p.Ef), func(b *testing.B) {
					good, best := 0, time.Duration(1<<62)
					for b.Loop() {
						for range rounds {
							began := cpuTime()
							good = 0
							for i := range queries {
								for _, h := range indextest.Search(b, x, vecindex.Query{Bytes: row(near, i), K: 10, Params: p}) {
									if h.Score <= worst[i] {
										good++
									}
								}
							}
							best = min(best, cpuTime()-began)
						}
					}
					b.ReportMetric(float64(good)/10/queries, "recall")
					b.ReportMetric(queries/best.Seconds(), "queries/cpu-s")
					b.ReportMetric(built, "build-cpu-s")
					b.ReportMetric(float64(x.Bytes())/n, "bytes/row")
				})
			}
			require.NoError(b, x.Close())
		}
	}
}

// cpuTime returns the time of the calling goroutine's thread, which it keeps.
func cpuTime() time.Duration {
	runtime.LockOSThread()
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
