package segment

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/binlog"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/storetest"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/objectstore"
	"github.com/redkite-db/redkite/objectstore/localfs"
)

func newStore() *storetest.Memory { return &storetest.Memory{} }

type storeFiles interface {
	objectstore.Store
	objectstore.Files
}

// seal writes inputs as a segment of an id and opens it.
func seal(t testing.TB, e *Engine, store storeFiles, c *schema.Collection, id base.ID, inputs ...Segment) *Sealed {
	t.Helper()
	w, err := WriteSealed(t.Context(), WriteTask{
		Store: store, Collection: c, Shard: base.Shard{Collection: 7}, Partition: 3, Segment: id, Task: 1000 + id, Level: 1,
	}, inputs...)
	require.NoError(t, err)
	s, err := OpenSealed(t.Context(), e, store, w.Key)
	require.NoError(t, err)
	return s
}

// TestSealedOnDisk writes a segment through the directory store, maps it, and
// deletes its objects while it is open.
func TestSealedOnDisk(t *testing.T) {
	e, c := testEngine(), testCollection(schema.VarChar)
	store, err := localfs.Open(vfs.OS(), t.TempDir(), mem.Open)
	require.NoError(t, err)
	g := newTestGrowing(e, c)
	require.NoError(t, g.Insert(numbered(c, 0, 5000), 10))
	s := seal(t, e, store, c, 2, g)
	m := s.Manifest()
	require.Equal(t, []base.Timestamp{10, 10}, []base.Timestamp{m.MinTime, m.MaxTime})
	r, err := s.View(10, c)
	require.NoError(t, err)
	for info, err := range store.List(t.Context(), "") {
		require.NoError(t, err)
		k, ok := binlog.ParseKey(info.Key)
		require.True(t, ok, info.Key)
		require.Equal(t, base.ID(1002), k.Task)
		require.NoError(t, store.Delete(t.Context(), info.Key))
	}
	s.Close()
	rows, err := r.Retrieve(t.Context(), nil, 3)
	require.NoError(t, err)
	require.Equal(t, 0, keyOf(t, r.Keys(rows), 0))
	hits, err := r.Search(t.Context(), &SearchRequest{Field: vectorID, Metric: vecindex.IP, Vectors: []float32{1, 0, 0, 0}, NQ: 1, K: 2})
	require.NoError(t, err)
	require.InDelta(t, 4999, hits[0][0].Score, 0)
	r.Close()
	r.Close()
	_, err = s.View(10, c)
	require.ErrorIs(t, err, ErrClosed)
	require.ErrorIs(t, s.Delete(keyColumn(schema.VarChar, 1), []base.Timestamp{11}, 0), ErrClosed)
	require.False(t, s.Acquire())
}

// TestSealedDamage flips bytes of every object of a segment: opening it names
// the object, or the object was not needed.
func TestSealedDamage(t *testing.T) {
	e, c := testEngine(), testCollection(schema.Int64)
	store := newStore()
	g := newTestGrowing(e, c)
	require.NoError(t, g.Insert(numbered(c, 0, 20), 10))
	s := seal(t, e, store, c, 2, g)
	manifest := ""
	s.Close()
	rng := rand.New(rand.NewPCG(1, 5))
	var all []string
	for info, err := range store.List(t.Context(), "") {
		require.NoError(t, err)
		all = append(all, info.Key)
		if k, _ := binlog.ParseKey(info.Key); k.Kind == binlog.ManifestKey {
			manifest = info.Key
		}
	}
	require.Len(t, all, len(c.Fields)+3)
	for _, key := range all {
		m, err := store.Pin(t.Context(), key)
		require.NoError(t, err)
		whole := bytes.Clone(m.Bytes())
		for range 60 {
			b := bytes.Clone(whole)
			at := rng.IntN(len(b))
			b[at] ^= byte(1 + rng.IntN(255))
			store.Replace(key, b)
			_, err := OpenSealed(t.Context(), e, store, manifest)
			require.True(t, errors.Is(err, binlog.ErrCorrupt) || errors.Is(err, binlog.ErrVersion), "%s byte %d: %v", key, at, err)
			require.ErrorContains(t, err, key)
		}
		require.NoError(t, store.Delete(t.Context(), key))
		_, err = OpenSealed(t.Context(), e, store, manifest)
		require.ErrorIs(t, err, objectstore.ErrNotFound)
		require.NoError(t, store.PutNew(t.Context(), key, whole))
	}
	s, err := OpenSealed(t.Context(), e, store, manifest)
	require.NoError(t, err)
	s.Close()
}

// TestWriteSealedFails fails each operation of the store in turn: no manifest
// is left, so no segment.
func TestWriteSealedFails(t *testing.T) {
	e, c := testEngine(), testCollection(schema.Int64)
	g := newTestGrowing(e, c)
	require.NoError(t, g.Insert(numbered(c, 0, 2000), 10))
	boom := errors.New("boom")
	for n := 1; ; n++ {
		store := newStore()
		var mu sync.Mutex
		left := n
		store.Before = func(op, _ string) error {
			mu.Lock()
			defer mu.Unlock()
			if left--; left == 0 && op == "put" {
				return boom
			}
			return nil
		}
		_, err := WriteSealed(t.Context(), WriteTask{Store: store, Collection: c, Segment: 2, Task: 3}, g)
		store.Before = nil
		if err == nil {
			require.Greater(t, n, len(c.Fields)+3)
			break
		}
		require.ErrorIs(t, err, boom)
		for info, err := range store.List(t.Context(), "") {
			require.NoError(t, err)
			k, ok := binlog.ParseKey(info.Key)
			require.True(t, ok)
			require.NotEqual(t, binlog.ManifestKey, k.Kind)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := WriteSealed(ctx, WriteTask{Store: newStore(), Collection: c, Segment: 2, Task: 3}, g)
	require.ErrorIs(t, err, context.Canceled)
}

func TestSealedDelete(t *testing.T) {
	e, c := testEngine(), testCollection(schema.Int64)
	g := newTestGrowing(e, c)
	require.NoError(t, g.Insert(numbered(c, 0, 10), 10))
	require.NoError(t, g.Insert(numbered(c, 5, 10), 20)) // keys 5..9 twice
	s := seal(t, e, newStore(), c, 2, g)
	defer s.Close()
	keys := keyColumn(schema.Int64, 3, 7, 99)
	require.NoError(t, s.Delete(keys, []base.Timestamp{20}, 4), "another partition")
	require.Equal(t, 20, s.LiveRows())
	require.NoError(t, s.Delete(keys, []base.Timestamp{20}, 3))
	require.Equal(t, 18, s.LiveRows(), "the row of 7 at time 20 stays")
	require.NoError(t, s.Delete(keys, []base.Timestamp{20}, 0))
	require.NoError(t, s.Delete(keys, []base.Timestamp{15}, 0), "older, but nothing new")
	require.Equal(t, 18, s.LiveRows())
	require.NoError(t, s.Delete(keyColumn(schema.Int64, 7, 8), []base.Timestamp{21, 22}, 0))
	require.Equal(t, 15, s.LiveRows())
	require.NoError(t, s.Delete(keyColumn(schema.Int64, 1), []base.Timestamp{18}, 0), "older than the last: counts as that")
	for at, want := range map[base.Timestamp]int{20: 18, 21: 17, 22: 14} {
		r, err := s.View(at, c)
		require.NoError(t, err)
		n, err := r.Count(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, want, n, "at %d", at)
		r.Close()
	}
	require.Error(t, s.Delete(keyColumn(schema.VarChar, 1), []base.Timestamp{30}, 0))
	require.Error(t, s.Delete(keys, []base.Timestamp{30, 31}, 0))
}

// TestSealedIndex opens, swaps and drops indexes while searches run.
func TestSealedIndex(t *testing.T) {
	kern := vec.Detect()
	kind := hnsw.Kind(kern)
	e := NewEngine(EngineOptions{Kernels: kern, Kinds: []vecindex.Kind{kind, vecindex.Flat(kern, 1)}})
	c := testCollection(schema.Int64)
	store := newStore()
	g := newTestGrowing(e, c)
	require.NoError(t, g.Insert(numbered(c, 0, 3000), 10))
	s := seal(t, e, store, c, 2, g)
	source, err := s.Vectors(vectorID)
	require.NoError(t, err)
	_, err = s.Vectors(textID)
	require.ErrorContains(t, err, "no vectors")
	spec := &schema.Index{ID: 50, Field: vectorID, Type: "HNSW", Metric: "L2", Params: map[string]string{"M": "8", "efConstruction": "60"}}
	x, err := kind.Build(t.Context(), source, vecindex.L2, spec.Params, vecindex.BuildOptions{Threads: 1})
	require.NoError(t, err)
	o, err := binlog.WriteObject(t.Context(), store, "index_files/1/1/3/2/50", x)
	require.NoError(t, err)
	require.NoError(t, x.Close())

	require.NoError(t, s.OpenIndex(t.Context(), store, c.FieldByID(vectorID), spec, o.Key))
	require.True(t, s.HasIndex(50))
	require.False(t, s.HasIndex(51))
	r, err := s.View(10, c)
	require.NoError(t, err)
	q := SearchRequest{Field: vectorID, Metric: vecindex.L2, Vectors: []float32{1234.2, 0, 0, 0, 7, 0, 0, 0}, NQ: 2, K: 3, Params: map[string]any{"ef": 20}}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 200 {
				hits, err := r.Search(t.Context(), &q)
				if err != nil || hits[0][0].Row != 1234 || hits[1][0].Row != 7 {
					t.Errorf("%v %v", hits, err)
					return
				}
			}
		})
	}
	for range 20 {
		require.NoError(t, s.OpenIndex(t.Context(), store, c.FieldByID(vectorID), spec, o.Key))
		s.KeepIndexes(func(base.ID) bool { return false })
	}
	wg.Wait()
	require.False(t, s.HasIndex(50))

	require.NoError(t, s.OpenIndex(t.Context(), store, c.FieldByID(vectorID), spec, o.Key))
	q.Params = map[string]any{"ef": 1}
	_, err = r.Search(t.Context(), &q)
	var bad vecindex.ParamError
	require.ErrorAs(t, err, &bad)
	q.Metric = vecindex.IP
	hits, err := r.Search(t.Context(), &q)
	require.NoError(t, err, "another metric: an exact scan")
	require.InDelta(t, 2999*1234.2, hits[0][0].Score, 1)
	q.Vectors = q.Vectors[:7]
	_, err = r.Search(t.Context(), &q)
	require.ErrorContains(t, err, "7 floats for 2 vectors of dimension 4")
	require.ErrorContains(t, s.OpenIndex(t.Context(), store, c.FieldByID(vectorID), &schema.Index{Field: vectorID, Type: "X", Metric: "L2"}, o.Key), `no vector index of type "X"`)
	other := *spec
	other.Metric = "IP"
	require.ErrorIs(t, s.OpenIndex(t.Context(), store, c.FieldByID(vectorID), &other, o.Key), vecindex.ErrBadFile)
	require.True(t, s.HasIndex(50), "a bad file replaces nothing")
	s.Close()
	r.Close()
	require.ErrorIs(t, s.OpenIndex(t.Context(), store, c.FieldByID(vectorID), spec, o.Key), ErrClosed)
}

// TestEmptyResult: a segment whose rows are all deleted is not written.
func TestEmptyResult(t *testing.T) {
	e, c := testEngine(), testCollection(schema.Int64)
	g := newTestGrowing(e, c)
	task := WriteTask{Store: newStore(), Collection: c, Segment: 2, Task: 3, Deletes: 50}
	w, err := WriteSealed(t.Context(), task, g)
	require.NoError(t, err)
	require.Nil(t, w)
	require.NoError(t, g.Insert(numbered(c, 0, 2), 10))
	require.NoError(t, g.Delete(keyColumn(schema.Int64, 0, 1), 50))
	w, err = WriteSealed(t.Context(), task, g)
	require.NoError(t, err)
	require.Nil(t, w)
	task.Deletes = 49
	w, err = WriteSealed(t.Context(), task, g)
	require.NoError(t, err)
	require.Equal(t, 2, w.Manifest.Rows)
}
