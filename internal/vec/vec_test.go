package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// rowsAt copies rows to a slice whose start is off floats past a fresh
// allocation, so that addresses take every alignment.
func rowsAt(rows []float32, off int) []float32 {
	b := make([]float32, off+len(rows))
	copy(b[off:], rows)
	return b[off:]
}

// TestExact compares every kernel with plain float64 sums on small integers,
// of which all sums are exact in any order, for all dimensions, row counts and
// alignments that a loop can treat apart.
func TestExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, k := range All() {
		for dim := 1; dim <= 300; dim++ {
			n := rng.IntN(14)
			q, rows := make([]float32, dim), make([]float32, n*dim)
			for i := range q {
				q[i] = float32(rng.IntN(201) - 100)
			}
			for i := range rows {
				rows[i] = float32(rng.IntN(201) - 100)
			}
			q, rows = rowsAt(q, rng.IntN(16)), rowsAt(rows, rng.IntN(16))
			checkExact(t, rng, k, q, rows, n)
		}
	}
}

func checkExact(t *testing.T, rng *rand.Rand, k Kernels, q, rows []float32, n int) {
	t.Helper()
	dim := len(q)
	l2, ip := make([]float32, n), make([]float32, n)
	for r := range n {
		var s, p float64
		for i, x := range rows[r*dim : (r+1)*dim] {
			s += float64(q[i]-x) * float64(q[i]-x)
			p += float64(q[i]) * float64(x)
		}
		l2[r], ip[r] = float32(s), float32(p)
		require.Equal(t, l2[r], k.L2(q, rows[r*dim:(r+1)*dim]), "%v L2 dim %d", k, dim)
		require.Equal(t, ip[r], k.IP(q, rows[r*dim:(r+1)*dim]), "%v IP dim %d", k, dim)
	}
	const canary = 12345
	out := make([]float32, n+1)
	out[n] = canary
	k.L2Rows(q, rows, out[:n])
	require.Equal(t, l2, out[:n], "%v L2Rows dim %d", k, dim)
	k.IPRows(q, rows, out[:n])
	require.Equal(t, ip, out[:n], "%v IPRows dim %d", k, dim)

	if n == 0 {
		return
	}
	ids := make([]uint32, rng.IntN(20))
	got := make([]float32, len(ids)+1)
	got[len(ids)] = canary
	for i := range ids {
		ids[i] = uint32(rng.IntN(n))
	}
	warm := rng.IntN(3) * 256
	k.L2IDs(q, rows, ids, got, warm)
	for i, id := range ids {
		require.Equal(t, l2[id], got[i], "%v L2IDs dim %d", k, dim)
	}
	k.IPIDs(q, rows, ids, got, warm)
	for i, id := range ids {
		require.Equal(t, ip[id], got[i], "%v IPIDs dim %d", k, dim)
	}
	require.EqualValues(t, canary, out[n])
	require.EqualValues(t, canary, got[len(ids)])
}

// TestSameBits checks that one Kernels value gives the same bits for the same
// pair in every form, and stays within rounding of the sum in 64 bits.
func TestSameBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for _, k := range All() {
		for range 300 {
			dim, n := 1+rng.IntN(800), 1+rng.IntN(9)
			q, rows := make([]float32, dim), make([]float32, n*dim)
			for i := range q {
				q[i] = float32(rng.NormFloat64())
			}
			for i := range rows {
				rows[i] = float32(rng.NormFloat64())
			}
			l2, ip := make([]float32, n), make([]float32, n)
			k.L2Rows(q, rows, l2)
			k.IPRows(q, rows, ip)
			ids := make([]uint32, n)
			for i := range ids {
				ids[i] = uint32(n - 1 - i)
			}
			a, b := make([]float32, n), make([]float32, n)
			k.L2IDs(q, rows, ids, a, 0)
			k.IPIDs(q, rows, ids, b, WarmBytes)
			for r := range n {
				row := rows[r*dim : (r+1)*dim]
				require.Equal(t, l2[r], a[n-1-r])
				require.Equal(t, ip[r], b[n-1-r])
				require.Equal(t, l2[r], k.L2(q, row))
				require.Equal(t, ip[r], k.IP(q, row))
				var s, p, abs float64
				for i, x := range row {
					s += (float64(q[i]) - float64(x)) * (float64(q[i]) - float64(x))
					p += float64(q[i]) * float64(x)
					abs += math.Abs(float64(q[i]) * float64(x))
				}
				require.InDelta(t, s, l2[r], s*1e-5)
				require.InDelta(t, p, ip[r], abs*1e-5)
			}
		}
	}
}

func TestExtremes(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, k := range All() {
		for _, dim := range []int{1, 7, 8, 16, 31, 100} {
			big, zero := make([]float32, dim), make([]float32, dim)
			for i := range big {
				big[i] = math.MaxFloat32
			}
			require.Equal(t, inf, k.L2(big, zero))
			require.Equal(t, inf, k.IP(big, big))
			require.Zero(t, k.L2(big, big))
			require.Zero(t, k.InvNorm(zero))
			require.InEpsilon(t, 1/(math.MaxFloat32*math.Sqrt(float64(dim))), float64(k.InvNorm(big)), 1e-3)
			tiny := make([]float32, dim)
			tiny[dim-1] = 1e-30
			unit := make([]float32, dim)
			k.Normalize(unit, tiny)
			require.InDelta(t, 1, unit[dim-1], 1e-6)
		}
		require.Zero(t, k.L2(nil, nil))
	}
}

// TestNotFinite: an element that is infinite or no number tells on its row as
// it does in plain Go, wherever it is, and on no other.
func TestNotFinite(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	special := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}
	for _, k := range All() {
		for dim := 1; dim <= 70; dim++ {
			const n = 9
			q, rows := make([]float32, dim), make([]float32, n*dim)
			for i := range q {
				q[i] = float32(rng.IntN(9) - 4)
			}
			for i := range rows {
				rows[i] = float32(rng.IntN(9) - 4)
			}
			if rng.IntN(4) == 0 {
				q[rng.IntN(dim)] = special[rng.IntN(3)]
			}
			for range rng.IntN(6) {
				rows[rng.IntN(len(rows))] = special[rng.IntN(3)]
			}
			l2, ip, got := make([]float32, n), make([]float32, n), make([]float32, n)
			Portable().L2Rows(q, rows, l2)
			Portable().IPRows(q, rows, ip)
			for from := range n {
				k.L2Rows(q, rows[from*dim:], got[from:])
				for i := from; i < n; i++ {
					requireSame(t, l2[i], got[i])
				}
				k.IPRows(q, rows[from*dim:], got[from:])
				for i := from; i < n; i++ {
					requireSame(t, ip[i], got[i])
				}
			}
		}
	}
}

// TestPanicsInBounds: a caller's bug panics in Go before the assembly runs.
func TestPanicsInBounds(t *testing.T) {
	for _, k := range All() {
		q, rows, out := make([]float32, 8), make([]float32, 31), make([]float32, 4)
		require.Panics(t, func() { k.L2Rows(q, rows, out) })
		require.Panics(t, func() { k.IPRows(q, rows, out) })
		require.Panics(t, func() { k.L2IDs(q, rows, []uint32{0, 3}, out, 0) })
		require.Panics(t, func() { k.IPIDs(q, rows, []uint32{1 << 31}, out, 0) })
		require.Panics(t, func() { k.L2IDs(q, rows, []uint32{0, 1, 2, 0, 1}, out, 0) })
		unvisited := func(ids, limit, room, floats int) func() {
			return func() {
				k.Unvisited(make([]uint32, ids), make([]uint64, 1), limit, make([]uint32, room), make([]byte, floats), 1, nil)
			}
		}
		require.NotPanics(t, unvisited(2, 9, 2, 9))
		require.Panics(t, unvisited(1, 65, 1, 100))
		require.Panics(t, unvisited(1, 10, 1, 9))
		require.Panics(t, unvisited(2, 3, 1, 9))
	}
}

func TestUnvisited(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for _, k := range All() {
		for range 500 {
			rows, dim := 1+rng.IntN(300), 1+rng.IntN(200)
			limit := 1 + rng.IntN(rows)
			vectors := make([]byte, rows*dim)
			visited, want := make([]uint64, (limit+63)/64), make([]uint64, (limit+63)/64)
			for i := range limit {
				if rng.IntN(2) == 0 {
					visited[i/64] |= 1 << (i % 64)
					want[i/64] |= 1 << (i % 64)
				}
			}
			ids := make([]uint32, rng.IntN(70))
			var fresh []uint32
			for i := range ids {
				ids[i] = uint32(rng.IntN(rows + 3))
				if rng.IntN(20) == 0 {
					ids[i] = math.MaxUint32
				}
				id := ids[i]
				if int(id) < limit && want[id/64]>>(id%64)&1 == 0 {
					want[id/64] |= 1 << (id % 64)
					fresh = append(fresh, id)
				}
			}
			out := make([]uint32, len(ids))
			n := k.Unvisited(ids, visited, limit, out, vectors, dim, nil)
			require.Equal(t, len(fresh), n)
			require.Equal(t, fresh, append([]uint32(nil), out[:n]...))
			require.Equal(t, want, visited)
		}
	}
}

func TestNames(t *testing.T) {
	require.Equal(t, "portable", Portable().String())
	seen := map[string]bool{}
	for _, k := range All() {
		require.False(t, seen[k.String()])
		seen[k.String()] = true
		named, ok := Named(k.String())
		require.True(t, ok)
		require.Equal(t, k, named)
	}
	auto, ok := Named("auto")
	require.True(t, ok)
	require.Equal(t, Detect(), auto)
	_, ok = Named("sse")
	require.False(t, ok)
	require.Equal(t, All()[0], Detect())
	require.Equal(t, Portable(), All()[len(All())-1])
}

func BenchmarkL2IDs(b *testing.B) {
	benchmarkIDs(b, Kernels.L2IDs)
}

func BenchmarkIPIDs(b *testing.B) {
	benchmarkIDs(b, Kernels.IPIDs)
}

// benchmarkIDs times 32 rows a call, in the cache.
func benchmarkIDs(b *testing.B, fn func(Kernels, []float32, []float32, []uint32, []float32, int)) {
	const n = 32
	for _, k := range All() {
		for _, dim := range []int{96, 128, 384, 768, 1536} {
			b.Run(fmt.Sprintf("%v/%d", k, dim), func(b *testing.B) {
				q, rows, out := make([]float32, dim), make([]float32, n*dim), make([]float32, n)
				ids := make([]uint32, n)
				for i := range ids {
					ids[i] = uint32(i * 7 % n)
				}
				b.ReportAllocs()
				for b.Loop() {
					fn(k, q, rows, ids, out, 4*dim)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
			})
		}
	}
}
