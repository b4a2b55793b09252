package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/objectstore"
)

// Subject is what the suite tests: a store and, where it has them, its maps.
type Subject struct {
	Store objectstore.Store
	Files objectstore.Files // nil: not tested
}

// Run tests the laws of the port. open returns a new, empty store.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	for name, test := range map[string]func(*testing.T, Subject){
		"PutGet": testPutGet, "PutWrongSize": testPutWrongSize, "PutFailingSource": testPutFailingSource,
		"Replace": testReplace, "PutNew": testPutNew, "PutNewRace": testPutNewRace, "Ranges": testRanges,
		"Missing": testMissing, "BadKeys": testBadKeys, "List": testList, "ListStops": testListStops,
		"Delete": testDelete, "DeleteReadsOn": testDeleteReadsOn, "Canceled": testCanceled,
		"Pin": testPin, "Concurrent": testConcurrent,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func put(t *testing.T, s objectstore.Store, key string, b []byte) {
	t.Helper()
	require.NoError(t, s.Put(t.Context(), key, bytes.NewReader(b), int64(len(b))))
}

func get(t *testing.T, s objectstore.Store, key string, off, n int64) []byte {
	t.Helper()
	r, err := s.GetRange(t.Context(), key, off, n)
	require.NoError(t, err)
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	return b
}

func keys(t *testing.T, s objectstore.Store, prefix string) []string {
	t.Helper()
	out := []string{}
	for info, err := range s.List(t.Context(), prefix) {
		require.NoError(t, err)
		out = append(out, info.Key)
	}
	return out
}

func random(seed int64, n int) []byte {
	b := make([]byte, n)
	rand.New(rand.NewSource(seed)).Read(b)
	return b
}

func testPutGet(t *testing.T, s Subject) {
	for i, n := range []int{0, 1, 511, 4096, 256 << 10, 256<<10 + 1, 3 << 20} {
		key, b := fmt.Sprintf("a/b%d/c", i), random(int64(i), n)
		put(t, s.Store, key, b)
		require.True(t, bytes.Equal(b, get(t, s.Store, key, 0, -1)))
		info, err := s.Store.Stat(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, key, info.Key)
		require.EqualValues(t, n, info.Size)
		require.False(t, info.Modified.IsZero())
	}
}

func testPutWrongSize(t *testing.T, s Subject) {
	require.ErrorIs(t, s.Store.Put(t.Context(), "short", strings.NewReader("abc"), 4), io.ErrUnexpectedEOF)
	require.Error(t, s.Store.Put(t.Context(), "long", strings.NewReader("abc"), 2))
	require.Error(t, s.Store.Put(t.Context(), "empty", strings.NewReader("abc"), 0))
	require.Empty(t, keys(t, s.Store, ""))
}

// failing returns some bytes, then an error.
type failing struct {
	r   io.Reader
	err error
}

func (f failing) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if errors.Is(err, io.EOF) {
		err = f.err
	}
	return n, err
}

func testPutFailingSource(t *testing.T, s Subject) {
	boom := errors.New("boom")
	put(t, s.Store, "old", []byte("before"))
	for _, key := range []string{"new", "old"} {
		err := s.Store.Put(t.Context(), key, failing{strings.NewReader("abcdef"), boom}, 10)
		require.ErrorIs(t, err, boom)
		err = s.Store.Put(t.Context(), key, failing{strings.NewReader("abcdef"), boom}, 6)
		require.ErrorIs(t, err, boom, "an error at the end")
	}
	require.Equal(t, []string{"old"}, keys(t, s.Store, ""))
	require.Equal(t, "before", string(get(t, s.Store, "old", 0, -1)))
}

func testReplace(t *testing.T, s Subject) {
	put(t, s.Store, "k/x", []byte("one"))
	r, err := s.Store.GetRange(t.Context(), "k/x", 0, -1)
	require.NoError(t, err)
	put(t, s.Store, "k/x", []byte("second"))
	old, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Equal(t, "one", string(old), "a reader sees one object to its end")
	require.Equal(t, "second", string(get(t, s.Store, "k/x", 0, -1)))
	require.Equal(t, []string{"k/x"}, keys(t, s.Store, ""))
}

func testPutNew(t *testing.T, s Subject) {
	require.NoError(t, s.Store.PutNew(t.Context(), "f/1", []byte("mine")))
	require.ErrorIs(t, s.Store.PutNew(t.Context(), "f/1", []byte("other")), objectstore.ErrExists)
	require.Equal(t, "mine", string(get(t, s.Store, "f/1", 0, -1)))
	put(t, s.Store, "f/2", nil)
	require.ErrorIs(t, s.Store.PutNew(t.Context(), "f/2", []byte("other")), objectstore.ErrExists)
	require.NoError(t, s.Store.Delete(t.Context(), "f/1"))
	require.NoError(t, s.Store.PutNew(t.Context(), "f/1", nil))
	require.Empty(t, get(t, s.Store, "f/1", 0, -1))
}

func testPutNewRace(t *testing.T, s Subject) {
	for round := range 20 {
		key := fmt.Sprintf("race/%d", round)
		errs := make([]error, 8)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { errs[i] = s.Store.PutNew(t.Context(), key, []byte{byte(i)}) })
		}
		wg.Wait()
		winner := -1
		for i, err := range errs {
			if err == nil {
				require.Equal(t, -1, winner, "two winners")
				winner = i
			} else {
				require.ErrorIs(t, err, objectstore.ErrExists)
			}
		}
		require.NotEqual(t, -1, winner)
		require.Equal(t, []byte{byte(winner)}, get(t, s.Store, key, 0, -1))
	}
}

func testRanges(t *testing.T, s Subject) {
	b := random(5, 10_000)
	put(t, s.Store, "r", b)
	for _, c := range [][2]int64{{0, 0}, {0, 1}, {1, 9_999}, {5_000, 100}, {9_999, 1}, {0, 10_000}, {10_000, -1}, {9_000, 5_000}, {17, -1}} {
		want := b[c[0]:]
		if c[1] >= 0 && c[1] < int64(len(want)) {
			want = want[:c[1]]
		}
		require.True(t, bytes.Equal(want, get(t, s.Store, "r", c[0], c[1])), "range %v", c)
	}
	for _, off := range []int64{-1, 10_001} {
		_, err := s.Store.GetRange(t.Context(), "r", off, 1)
		require.Error(t, err, "offset %d", off)
	}
}

func testMissing(t *testing.T, s Subject) {
	put(t, s.Store, "a/b/c", []byte("x"))
	for _, key := range []string{"no", "a", "a/b", "a/b/d", "a/b/c/d", "a/b/c/d/e"} {
		_, err := s.Store.Stat(t.Context(), key)
		require.ErrorIs(t, err, objectstore.ErrNotFound, key)
		_, err = s.Store.GetRange(t.Context(), key, 0, -1)
		require.ErrorIs(t, err, objectstore.ErrNotFound, key)
		require.NoError(t, s.Store.Delete(t.Context(), key), key)
		if s.Files != nil {
			_, err = s.Files.Pin(t.Context(), key)
			require.ErrorIs(t, err, objectstore.ErrNotFound, key)
		}
	}
	require.Equal(t, []string{"a/b/c"}, keys(t, s.Store, ""))
}

func testBadKeys(t *testing.T, s Subject) {
	for _, key := range []string{"", "/etc/x", "../x", "a/../../x", "a//b", "a/", ".", "a/nul", "a\x00", `a\b`, "COM1", "x."} {
		require.ErrorIs(t, s.Store.Put(t.Context(), key, strings.NewReader(""), 0), objectstore.ErrBadKey, "%q", key)
		require.ErrorIs(t, s.Store.PutNew(t.Context(), key, nil), objectstore.ErrBadKey, "%q", key)
		_, err := s.Store.Stat(t.Context(), key)
		require.ErrorIs(t, err, objectstore.ErrBadKey, "%q", key)
		_, err = s.Store.GetRange(t.Context(), key, 0, 1)
		require.ErrorIs(t, err, objectstore.ErrBadKey, "%q", key)
		require.ErrorIs(t, s.Store.Delete(t.Context(), key), objectstore.ErrBadKey, "%q", key)
		if s.Files != nil {
			_, err := s.Files.Pin(t.Context(), key)
			require.ErrorIs(t, err, objectstore.ErrBadKey, "%q", key)
		}
	}
}

func testList(t *testing.T, s Subject) {
	all := []string{"a-b", "a.b", "a/1", "a/10", "a/2", "a/b/c", "a0", "b/x", "b/x-1/y", "b/x0"}
	for _, i := range rand.New(rand.NewSource(2)).Perm(len(all)) {
		put(t, s.Store, all[i], []byte(all[i]))
	}
	for _, prefix := range []string{"", "a", "a/", "a/1", "a/b", "a/b/", "a/b/c", "a/b/c/", "b", "b/x", "b/x-", "c", "/", "..", "a//"} {
		want := []string{}
		for _, key := range all {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		slices.Sort(want)
		require.Equal(t, want, keys(t, s.Store, prefix), "prefix %q", prefix)
	}
	for info, err := range s.Store.List(t.Context(), "b") {
		require.NoError(t, err)
		require.EqualValues(t, len(info.Key), info.Size)
	}
}

func testListStops(t *testing.T, s Subject) {
	for i := range 5 {
		put(t, s.Store, fmt.Sprintf("d%d/k", i), nil)
	}
	seen := 0
	for _, err := range s.Store.List(t.Context(), "") {
		require.NoError(t, err)
		if seen++; seen == 2 {
			break
		}
	}
	require.Equal(t, 2, seen)
}

func testDelete(t *testing.T, s Subject) {
	for _, key := range []string{"p/q/1", "p/q/2", "p/r"} {
		put(t, s.Store, key, []byte(key))
	}
	require.NoError(t, s.Store.Delete(t.Context()))
	require.NoError(t, s.Store.Delete(t.Context(), "p/q/1", "p/none", "p/q/2"))
	require.Equal(t, []string{"p/r"}, keys(t, s.Store, ""))
	require.NoError(t, s.Store.Delete(t.Context(), "p/r"))
	require.Empty(t, keys(t, s.Store, ""))
	put(t, s.Store, "p", []byte("where folders were"))
	require.Equal(t, []string{"p"}, keys(t, s.Store, ""))
}

func testDeleteReadsOn(t *testing.T, s Subject) {
	b := random(9, 100_000)
	put(t, s.Store, "gone", b)
	r, err := s.Store.GetRange(t.Context(), "gone", 0, -1)
	require.NoError(t, err)
	require.NoError(t, s.Store.Delete(t.Context(), "gone"))
	require.Empty(t, keys(t, s.Store, ""))
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.True(t, bytes.Equal(b, got))
	require.NoError(t, r.Close())
}

func testCanceled(t *testing.T, s Subject) {
	put(t, s.Store, "k", []byte("v"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Store.Put(ctx, "n", strings.NewReader("v"), 1), context.Canceled)
	require.ErrorIs(t, s.Store.PutNew(ctx, "n", nil), context.Canceled)
	_, err := s.Store.GetRange(ctx, "k", 0, -1)
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Store.Stat(ctx, "k")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, s.Store.Delete(ctx, "k"), context.Canceled)
	for _, err := range s.Store.List(ctx, "") {
		require.ErrorIs(t, err, context.Canceled)
	}
	require.Equal(t, []string{"k"}, keys(t, s.Store, ""))
}

func testPin(t *testing.T, s Subject) {
	if s.Files == nil {
		t.Skip("the store has no maps")
	}
	b := random(11, 70_000)
	put(t, s.Store, "m/a", b)
	m, err := s.Files.Pin(t.Context(), "m/a")
	require.NoError(t, err)
	again, err := s.Files.Pin(t.Context(), "m/a")
	require.NoError(t, err)
	require.NoError(t, again.Unpin())
	require.True(t, bytes.Equal(b, m.Bytes()))

	require.NoError(t, s.Store.Delete(t.Context(), "m/a"))
	_, err = s.Files.Pin(t.Context(), "m/a")
	require.ErrorIs(t, err, objectstore.ErrNotFound)
	put(t, s.Store, "m/a", []byte("other"))
	other, err := s.Files.Pin(t.Context(), "m/a")
	require.NoError(t, err)
	require.Equal(t, "other", string(other.Bytes()))
	require.True(t, bytes.Equal(b, m.Bytes()), "deleted, but pinned")

	put(t, s.Store, "m/a", []byte("third"))
	require.Equal(t, "other", string(other.Bytes()), "replaced, but pinned")
	third, err := s.Files.Pin(t.Context(), "m/a")
	require.NoError(t, err)
	require.Equal(t, "third", string(third.Bytes()))
	require.NoError(t, other.Unpin())
	require.NoError(t, third.Unpin())
	require.NoError(t, m.Unpin())
	require.Equal(t, "third", string(get(t, s.Store, "m/a", 0, -1)))

	put(t, s.Store, "m/empty", nil)
	empty, err := s.Files.Pin(t.Context(), "m/empty")
	require.NoError(t, err)
	require.Empty(t, empty.Bytes())
	require.NoError(t, empty.Unpin())
}

// testConcurrent has several goroutines put, read and delete under few keys:
// whoever reads sees a whole object.
func testConcurrent(t *testing.T, s Subject) {
	ctx := t.Context()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewSource(int64(g)))
			for range 60 {
				key := fmt.Sprintf("c/%d/k", r.Intn(4))
				switch r.Intn(4) {
				case 0, 1:
					b := bytes.Repeat([]byte{byte(r.Intn(256))}, 1+r.Intn(5000))
					if err := s.Store.Put(ctx, key, bytes.NewReader(b), int64(len(b))); err != nil {
						t.Errorf("put: %v", err)
					}
				case 2:
					if err := s.Store.Delete(ctx, key); err != nil {
						t.Errorf("delete: %v", err)
					}
				case 3:
					if err := readWhole(ctx, s.Store, key); err != nil && !errors.Is(err, objectstore.ErrNotFound) {
						t.Errorf("read: %v", err)
					}
				}
			}
		})
	}
	wg.Wait()
}

func readWhole(ctx context.Context, s objectstore.Store, key string) error {
	r, err := s.GetRange(ctx, key, 0, -1)
	if err != nil {
		return err
	}
	b, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	if len(b) == 0 || bytes.Count(b, b[:1]) != len(b) {
		return fmt.Errorf("%s: mixed bytes", key)
	}
	return nil
}
