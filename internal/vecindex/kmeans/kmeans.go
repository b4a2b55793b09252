// Package kmeans finds centers of float32 vectors by Lloyd's algorithm (S.
// Lloyd, "Least squares quantization in PCM", 1982): each point goes to its
// nearest center, each center to the mean of its points.
//
// The result is a function of the points, the options and the seed, whatever
// the number of goroutines: these share the search for the nearest centers,
// and means are added up by one, in the order of the points.
package kmeans

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/vec"
)

// Options say how to find centers.
type Options struct {
	Seed       uint64
	Threads    int                   // goroutines, at least 1
	Iterations int                   // at most so many; it ends earlier when no point moves
	Spherical  bool                  // points and centers are unit vectors, nearness is their inner product
	Progress   func(done, total int) // iterations; called by the caller's goroutine; may be nil
}

// Train sets centers, row-major with dim floats each, to the centers of points
// of the same shape. With no more points than centers the points themselves are
// centers, some more than once. The error is ctx's, or says that the shapes do
// not fit.
func Train(ctx context.Context, kern vec.Kernels, points []float32, dim int, centers []float32, o Options) error {
	if dim < 1 || len(points)%dim != 0 || len(centers)%dim != 0 || len(points) == 0 && len(centers) > 0 {
		return fmt.Errorf("k-means of %d floats to %d floats of dimension %d", len(points), len(centers), dim)
	}
	t := &trainer{
		kern: kern, points: points, dim: dim, centers: centers, o: o,
		rng: rand.New(rand.NewPCG(o.Seed, 0x6b6d65616e73)),
	}
	n, k := len(points)/dim, len(centers)/dim
	t.begin(n, k)
	if n <= k {
		return ctx.Err()
	}
	near, last := make([]uint32, n), make([]uint32, n)
	for i := range o.Iterations {
		if err := Assign(ctx, kern, points, dim, centers, near, o.Threads, o.Spherical); err != nil {
			return err
		}
		t.update(near)
		if o.Progress != nil {
			o.Progress(i+1, o.Iterations)
		}
		if moved := i == 0 || differ(near, last); !moved {
			break
		}
		near, last = last, near
	}
	return ctx.Err()
}

func differ(a, b []uint32) bool {
	for i := range a {
		if a[i] != b[i] {
			return true
		}
	}
	return false
}

// trainer is one run.
type trainer struct {
	kern    vec.Kernels
	points  []float32
	dim     int
	centers []float32
	o       Options
	rng     *rand.Rand
	sums    []float64
	counts  []int
	members []int // scratch of split
}

func (t *trainer) point(i int) []float32  { return t.points[i*t.dim : (i+1)*t.dim] }
func (t *trainer) center(i int) []float32 { return t.centers[i*t.dim : (i+1)*t.dim] }

// begin takes k of n points as centers.
func (t *trainer) begin(n, k int) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	for c := range k {
		at := c % n
		if c < n { // the next step of a shuffle
			j := c + t.rng.IntN(n-c)
			order[c], order[j] = order[j], order[c]
		}
		copy(t.center(c), t.point(order[at]))
	}
	t.sums, t.counts = make([]float64, k*t.dim), make([]int, k)
}

// update moves the centers to the means of their points; near[i] is the center
// of point i.
func (t *trainer) update(near []uint32) {
	clear(t.sums)
	clear(t.counts)
	for i, c := range near {
		t.counts[c]++
		sum := t.sums[int(c)*t.dim : (int(c)+1)*t.dim]
		for j, v := range t.point(i) {
			sum[j] += float64(v)
		}
	}
	for c, n := range t.counts {
		if n == 0 {
			continue
		}
		center, square := t.center(c), 0.0
		for j := range center {
			mean := t.sums[c*t.dim+j] / float64(n)
			center[j] = float32(mean)
			square += mean * mean
		}
		if t.o.Spherical && square > 0 {
			t.kern.Normalize(center, center)
		}
	}
	t.split(near)
}

// split gives a center without points a point of the center that has most, so
// that the next round shares these.
func (t *trainer) split(near []uint32) {
	for c := range t.counts {
		if t.counts[c] != 0 {
			continue
		}
		big := 0
		for i, n := range t.counts {
			if n > t.counts[big] {
				big = i
			}
		}
		if t.counts[big] < 2 {
			return
		}
		t.members = t.members[:0]
		for i, b := range near {
			if int(b) == big {
				t.members = append(t.members, i)
			}
		}
		copy(t.center(c), t.point(t.members[t.rng.IntN(len(t.members))]))
		t.counts[big] -= t.counts[big] / 2
		t.counts[c] = 1 // it has no members to give yet
	}
}

const (
	pointBlock = 64      // points that one goroutine takes at a time
	tileFloats = 1 << 15 // centers that are compared with a block before the next ones are: half of a second-level cache
	maxTile    = 1 << 10 // centers of small dimension
	maxShort   = 16      // elements up to which vectors are compared as columns
)

// Assign sets near[i] to the number of the center nearest to point i, the first
// of equal ones, with up to threads goroutines. By inner product the nearest
// center is that with the largest one, else that with the smallest distance.
// The error is ctx's.
func Assign(ctx context.Context, kern vec.Kernels, points []float32, dim int, centers []float32, near []uint32, threads int, byInner bool) error {
	var next atomic.Int64
	work := func() {
		a := NewAssigner(kern, dim, centers, byInner)
		for ctx.Err() == nil {
			from := int(next.Add(1)-1) * pointBlock
			if from >= len(near) {
				return
			}
			to := min(from+pointBlock, len(near))
			a.Nearest(points[from*dim:to*dim], near[from:to])
		}
	}
	var wg sync.WaitGroup
	for range min(threads, len(near)/pointBlock+1) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	return ctx.Err()
}

// Assigner finds nearest centers, for one goroutine.
type Assigner struct {
	kern    vec.Kernels
	dim     int
	centers []float32
	byInner bool
	tile    int       // centers
	cols    []float32 // the centers as columns, if they are short
	dist    []float32
	best    []float32
}

// NewAssigner returns an Assigner to centers, row-major with dim floats each.
func NewAssigner(kern vec.Kernels, dim int, centers []float32, byInner bool) *Assigner {
	a := &Assigner{kern: kern, dim: dim, centers: centers, byInner: byInner}
	if dim <= maxShort && !byInner {
		k := len(centers) / dim
		a.cols = make([]float32, len(centers))
		for i, v := range centers {
			a.cols[i%dim*k+i/dim] = v
		}
		return a
	}
	a.tile = max(min(tileFloats/dim, maxTile), 8)
	a.dist = make([]float32, a.tile)
	return a
}

// Nearest sets near[i] to the number of the center nearest to row i of points.
func (a *Assigner) Nearest(points []float32, near []uint32) {
	k := len(a.centers) / a.dim
	if a.cols != nil {
		for i := range near {
			near[i] = uint32(a.kern.NearestColumn(points[i*a.dim:(i+1)*a.dim], a.cols, k))
		}
		return
	}
	if cap(a.best) < len(near) {
		a.best = make([]float32, len(near))
	}
	best := a.best[:len(near)]
	for i := range near {
		near[i], best[i] = 0, float32(math.Inf(1))
	}
	for from := 0; from < k; from += a.tile {
		to := min(from+a.tile, k)
		rows, dist := a.centers[from*a.dim:to*a.dim], a.dist[:to-from]
		for i := range near {
			p := points[i*a.dim : (i+1)*a.dim]
			if a.byInner {
				a.kern.IPRows(p, rows, dist)
				for j, d := range dist {
					if -d < best[i] {
						best[i], near[i] = -d, uint32(from+j)
					}
				}
				continue
			}
			a.kern.L2Rows(p, rows, dist)
			for j, d := range dist {
				if d < best[i] {
					best[i], near[i] = d, uint32(from+j)
				}
			}
		}
	}
}
