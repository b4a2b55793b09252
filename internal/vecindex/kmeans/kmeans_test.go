package kmeans_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex/kmeans"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// blobs returns n points around k places that are far apart.
func blobs(rng *rand.Rand, n, dim, k int) []float32 {
	mid := make([]float32, k*dim)
	for i := range mid {
		mid[i] = 20 * float32(rng.NormFloat64())
	}
	v := make([]float32, n*dim)
	for i := range n {
		for j := range dim {
			v[i*dim+j] = mid[i%k*dim+j] + float32(rng.NormFloat64())
		}
	}
	return v
}

// spread is the mean squared distance of the points and their nearest centers.
func spread(kern vec.Kernels, points []float32, dim int, centers []float32) float64 {
	sum := 0.0
	for i := 0; i < len(points); i += dim {
		best := float32(math.Inf(1))
		for c := 0; c < len(centers); c += dim {
			best = min(best, kern.L2(points[i:i+dim], centers[c:c+dim]))
		}
		sum += float64(best)
	}
	return sum / float64(len(points)/dim)
}

func TestTrain(t *testing.T) {
	const n, dim, k = 3000, 8, 16
	rng := rand.New(rand.NewPCG(1, 1))
	points := blobs(rng, n, dim, k)
	for _, kern := range vec.All() {
		centers := make([]float32, 2*k*dim)
		first := 0.0
		for _, iterations := range []int{1, 20} {
			require.NoError(t, kmeans.Train(context.Background(), kern, points, dim, centers, kmeans.Options{Seed: 1, Threads: 2, Iterations: iterations}))
			got := spread(kern, points, dim, centers)
			if iterations == 1 {
				first = got
			}
			t.Logf("%v, %d iterations: %.2f", kern, iterations, got)
			require.LessOrEqual(t, got, first)
		}
		require.Less(t, spread(kern, points, dim, centers), 60.0) // a center that has to serve two places costs thousands
	}
}

// TestSame: the number of goroutines and the order in which they work do not
// show.
func TestSame(t *testing.T) {
	const n, dim, k = 2000, 5, 30
	points := blobs(rand.New(rand.NewPCG(2, 2)), n, dim, 10)
	train := func(seed uint64, threads int) []float32 {
		c := make([]float32, k*dim)
		require.NoError(t, kmeans.Train(context.Background(), vec.Detect(), points, dim, c, kmeans.Options{Seed: seed, Threads: threads, Iterations: 8}))
		return c
	}
	require.Equal(t, train(1, 1), train(1, 4))
	require.NotEqual(t, train(1, 1), train(2, 1))
}

func TestSpherical(t *testing.T) {
	const n, dim, k = 1000, 6, 8
	kern := vec.Detect()
	points := blobs(rand.New(rand.NewPCG(3, 3)), n, dim, 8)
	for i := 0; i < len(points); i += dim {
		kern.Normalize(points[i:i+dim], points[i:i+dim])
	}
	centers := make([]float32, k*dim)
	require.NoError(t, kmeans.Train(context.Background(), kern, points, dim, centers, kmeans.Options{Threads: 1, Iterations: 10, Spherical: true}))
	for i := 0; i < len(centers); i += dim {
		require.InDelta(t, 1, kern.IP(centers[i:i+dim], centers[i:i+dim]), 1e-5)
	}
}

// TestFew: with fewer points than centers, or with equal ones, every center is
// a point.
func TestFew(t *testing.T) {
	const dim = 3
	rng := rand.New(rand.NewPCG(4, 4))
	for _, n := range []int{1, 2, 7, 8, 9, 40} {
		points := blobs(rng, n, dim, n)
		if n == 40 {
			for i := dim; i < len(points); i++ {
				points[i] = points[i%dim]
			}
		}
		centers := make([]float32, 8*dim)
		require.NoError(t, kmeans.Train(context.Background(), vec.Detect(), points, dim, centers, kmeans.Options{Threads: 2, Iterations: 5}))
		if n <= 8 || n == 40 {
			require.Zero(t, spread(vec.Detect(), centers, dim, points))
		}
	}
	require.NoError(t, kmeans.Train(context.Background(), vec.Detect(), nil, dim, nil, kmeans.Options{Threads: 1}))
	require.Error(t, kmeans.Train(context.Background(), vec.Detect(), nil, dim, make([]float32, 3), kmeans.Options{Threads: 1}))
	require.Error(t, kmeans.Train(context.Background(), vec.Detect(), make([]float32, 4), dim, make([]float32, 3), kmeans.Options{Threads: 1}))
}

func TestCanceled(t *testing.T) {
	points := blobs(rand.New(rand.NewPCG(5, 5)), 1000, 4, 4)
	ctx, cancel := context.WithCancel(context.Background())
	last := 0
	err := kmeans.Train(ctx, vec.Detect(), points, 4, make([]float32, 4*16), kmeans.Options{Threads: 3, Iterations: 100, Progress: func(done, total int) {
		require.Equal(t, 100, total)
		if last = done; done == 2 {
			cancel()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 2, last)
}

func TestAssign(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	for _, dim := range []int{1, 2, 7, 40} {
		for _, k := range []int{1, 5, 1100} {
			points, centers := blobs(rng, 150, dim, 3), blobs(rng, k, dim, k)
			for _, byInner := range []bool{false, true} {
				near := make([]uint32, 150)
				require.NoError(t, kmeans.Assign(context.Background(), vec.Detect(), points, dim, centers, near, 3, byInner))
				for i, got := range near {
					p := points[i*dim : (i+1)*dim]
					best, want := float32(math.Inf(1)), 0
					for c := range k {
						d := vec.Detect().L2(p, centers[c*dim:(c+1)*dim])
						if byInner {
							d = -vec.Detect().IP(p, centers[c*dim:(c+1)*dim])
						}
						if d < best {
							best, want = d, c
						}
					}
					require.EqualValues(t, want, got)
				}
			}
		}
	}
}

func BenchmarkAssign(b *testing.B) {
	for _, k := range []int{128, 1024} {
		b.Run(fmt.Sprintf("k=%d", k), func(b *testing.B) {
			const n, dim = 1000, 128
			points := blobs(rand.New(rand.NewPCG(7, 7)), n, dim, 50)
			near := make([]uint32, n)
			for b.Loop() {
				require.NoError(b, kmeans.Assign(context.Background(), vec.Detect(), points, dim, points[:min(k, n)*dim], near, 1, false))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n*min(k, n)), "ns/distance")
		})
	}
}
