package scalarindex

import (
	"bytes"
	"math"
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/schema"
)

var (
	numberSpec = Spec{Type: schema.Int64}
	stringSpec = Spec{Type: schema.VarChar, Items: true}
)

// file returns the bytes of an index's file.
func file(t testing.TB, x *Index) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := x.WriteTo(&b)
	require.NoError(t, err)
	require.EqualValues(t, b.Len(), n)
	return b.Bytes()
}

// reopened returns the index as its file has it.
func reopened(t testing.TB, x *Index, spec Spec, rows int) *Index {
	t.Helper()
	back, err := Open(mem.FromBytes(file(t, x)), spec, rows)
	require.NoError(t, err)
	require.Equal(t, x.Keys(), back.Keys())
	require.Equal(t, x.Bytes(), back.Bytes())
	return back
}

// rowsOf returns the rows of a run, ascending.
func rowsOf(x *Index, s Span) []int {
	words := make([]uint64, (x.Rows()+63)/64)
	x.Add(words, s)
	out := []int{}
	for row := range x.Rows() {
		if words[row/64]>>(row%64)&1 != 0 {
			out = append(out, row)
		}
	}
	return out
}

// TestNumbers compares the runs of random bounds with what a scan finds, for
// many rows a key and for one.
func TestNumbers(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewSource(seed))
	for _, spread := range []int64{1, 5, 300, math.MaxInt64} {
		for _, rows := range []int{0, 1, 64, 500} {
			values := make([][]int64, rows)
			b := NewBuilder(numberSpec, rows)
			for row := range rows {
				for range rng.Intn(3) {
					v := rng.Int63n(spread)
					if rng.Intn(2) == 0 {
						v = ^v
					}
					values[row] = append(values[row], v)
					b.AddNumber(v, row)
				}
			}
			built, err := b.Finish()
			require.NoError(t, err)
			x := reopened(t, built, numberSpec, rows)
			for range 50 {
				lo, hi := rng.Int63n(spread), rng.Int63n(spread)
				if rng.Intn(2) == 0 {
					lo = ^lo
				}
				if len(values) > 0 && rng.Intn(2) == 0 {
					if v := values[rng.Intn(rows)]; len(v) > 0 {
						lo, hi = v[0], v[0]
					}
				}
				want := []int{}
				for row, vs := range values {
					if slices.ContainsFunc(vs, func(v int64) bool { return lo <= v && v <= hi }) {
						want = append(want, row)
					}
				}
				s := x.Numbers(lo, hi)
				require.Equal(t, want, rowsOf(x, s), "%d to %d", lo, hi)
				require.GreaterOrEqual(t, x.Entries(s), len(want))
			}
			require.Equal(t, Span{0, x.Keys()}, x.Numbers(math.MinInt64, math.MaxInt64))
		}
	}
}

// TestStrings does the same for strings.
func TestStrings(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewSource(seed))
	word := func() []byte {
		w := make([]byte, rng.Intn(5))
		for i := range w {
			w[i] = "ab\x00\xff"[rng.Intn(4)]
		}
		return w
	}
	for _, rows := range []int{0, 1, 63, 400} {
		values := make([][][]byte, rows)
		b := NewBuilder(stringSpec, rows)
		for row := range rows {
			for range rng.Intn(4) {
				w := word()
				values[row] = append(values[row], w)
				b.AddString(w, row)
			}
		}
		built, err := b.Finish()
		require.NoError(t, err)
		x := reopened(t, built, stringSpec, rows)
		for range 100 {
			lo, hi := word(), word()
			matching := func(test func([]byte) bool) []int {
				out := []int{}
				for row, vs := range values {
					if slices.ContainsFunc(vs, test) {
						out = append(out, row)
					}
				}
				return out
			}
			from, after := x.From(lo), x.After(hi)
			require.Equal(t, matching(func(v []byte) bool { return bytes.Compare(v, lo) >= 0 && bytes.Compare(v, hi) <= 0 }), rowsOf(x, Span{from, after}))
			require.Equal(t, matching(func(v []byte) bool { return bytes.HasPrefix(v, lo) }), rowsOf(x, x.Prefix(lo)))
		}
		for i := 1; i < x.Keys(); i++ {
			require.Negative(t, bytes.Compare(x.String(i-1), x.String(i)))
		}
	}
}

// TestOneRowEach: of distinct keys no starts are kept.
func TestOneRowEach(t *testing.T) {
	b := NewBuilder(numberSpec, 100)
	for row := range 100 {
		b.AddNumber(int64(7*row%100), row)
	}
	x, err := b.Finish()
	require.NoError(t, err)
	require.Nil(t, x.starts)
	require.EqualValues(t, 12*100, x.Bytes())
	require.Equal(t, []int{15}, rowsOf(x, x.Numbers(5, 5)))
	require.Equal(t, []int{15, 58}, rowsOf(x, x.Numbers(5, 6)))
	require.Equal(t, 2, x.Entries(x.Numbers(5, 6)))
}

// TestBadFiles changes each byte, and cuts at each place.
func TestBadFiles(t *testing.T) {
	b := NewBuilder(stringSpec, 5)
	for row, w := range []string{"b", "a", "b", "", "c"} {
		b.AddString([]byte(w), row)
	}
	x, err := b.Finish()
	require.NoError(t, err)
	good := file(t, x)
	open := func(data []byte, spec Spec, rows int) error {
		x, err := Open(mem.FromBytes(data), spec, rows)
		if err == nil {
			err = x.Close()
		}
		return err
	}
	require.NoError(t, open(good, stringSpec, 5))
	for i := range good {
		damaged := bytes.Clone(good)
		damaged[i] ^= 1
		require.ErrorIs(t, open(damaged, stringSpec, 5), ErrBadFile, "byte %d", i)
		require.ErrorIs(t, open(good[:i], stringSpec, 5), ErrBadFile, "%d bytes", i)
	}
	require.ErrorIs(t, open(append(bytes.Clone(good), 0), stringSpec, 5), ErrBadFile)
	require.ErrorContains(t, open(good, stringSpec, 6), "5 rows in the file, 6 wanted")
	require.ErrorContains(t, open(good, numberSpec, 5), `index of "items of VarChar", "Int64" wanted`)
}

func TestPointers(t *testing.T) {
	for _, path := range [][]string{nil, {"a"}, {"a", "b", "0"}, {"a/b", "~", "~1"}, {""}} {
		require.Equal(t, path, Keys(Pointer(path)), "%q", path)
	}
	require.Equal(t, "/a~1b/~0", Pointer([]string{"a/b", "~"}))
}
