package indexnode_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/indexnode"
	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/porttest/storetest"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/segment"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
)

const (
	keyField, vectorField, numberField = 100, 101, 102
	dim                                = 8
)

// bench is a store with two segments that have an index each, and what a
// compaction makes of them.
type bench struct {
	t          *testing.T
	store      *storetest.Memory
	engine     *segment.Engine
	node       *indexnode.Node
	budget     *mem.Budget
	log        bytes.Buffer
	collection *schema.Collection
	index      *schema.Index
	inputs     []*role.Segment
	output     *role.Segment
	queries    vecindex.Vectors
	tasks      base.ID
}

func newBench(t *testing.T) *bench {
	kern := vec.Detect()
	b := &bench{
		t: t, store: &storetest.Memory{}, budget: mem.NewBudget(0), tasks: 1000,
		collection: &schema.Collection{ID: 7, Name: "c", Version: 1, Fields: []*schema.Field{
			{ID: keyField, Name: "id", Type: schema.Int64, PrimaryKey: true},
			{ID: vectorField, Name: "v", Type: schema.FloatVector, Dim: dim},
			{ID: numberField, Name: "n", Type: schema.Int64},
		}},
		index: &schema.Index{ID: 40, Name: "v", Field: vectorField, Type: "HNSW", Metric: "L2", Params: map[string]string{"M": "8", "efConstruction": "60"}},
	}
	kinds := []vecindex.Kind{vecindex.Flat(kern, 1), hnsw.Kind(kern)}
	b.engine = segment.NewEngine(segment.EngineOptions{Kernels: kern, Kinds: kinds, Threads: 1, Growing: mem.NewBudget(0)})
	b.node = indexnode.New(indexnode.Config{
		Engine: b.engine, Kinds: kinds, Store: b.store, Files: b.store, Budget: b.budget, Threads: 1,
		Logger: slog.New(slog.NewTextHandler(&b.log, nil)),
	})
	rng := rand.New(rand.NewPCG(81, 1))
	var rows vecindex.Vectors
	rows, b.queries = indextest.Clustered(rng, 3000, 50, dim, 10)
	keys := rng.Perm(3000)
	b.inputs = []*role.Segment{b.flush(2, keys[:700], rows), b.flush(3, keys[700:], rows)}
	for _, in := range b.inputs {
		r := b.build(&role.BuildTask{Segment: in})
		in.Indexes = map[base.ID]role.IndexFile{b.index.ID: r.File}
	}
	b.output = b.compact(4, keys[600:900])
	b.log.Reset()
	return b
}

// flush writes the rows of keys as a segment; the vector of a key is the row of
// its number.
func (b *bench) flush(id base.ID, keys []int, rows vecindex.Vectors) *role.Segment {
	g := segment.NewGrowing(b.engine, segment.GrowingConfig{Shard: base.Shard{Collection: 7}, ID: 100 + id, Partition: 3, Collection: b.collection})
	batch := &column.Batch{Rows: len(keys)}
	k, v := &column.Column{Type: schema.Int64}, &column.Column{Type: schema.FloatVector, Dim: dim}
	for _, key := range keys {
		k.Int64s = append(k.Int64s, int64(key))
		v.Floats = append(v.Floats, rows.Data[key*dim:(key+1)*dim]...)
	}
	batch.Add(keyField, k)
	batch.Add(vectorField, v)
	batch.Add(numberField, k)
	require.NoError(b.t, g.Insert(batch, 10))
	return b.write(id, 0, g)
}

func (b *bench) write(id base.ID, deletes base.Timestamp, inputs ...segment.Segment) *role.Segment {
	b.tasks++
	w, err := segment.WriteSealed(b.t.Context(), segment.WriteTask{
		Store: b.store, Collection: b.collection, Shard: base.Shard{Collection: 7}, Partition: 3, Segment: id, Task: b.tasks, Deletes: deletes,
	}, inputs...)
	require.NoError(b.t, err)
	return &role.Segment{ID: id, Shard: base.Shard{Collection: 7}, Partition: 3, Rows: int64(w.Manifest.Rows), Manifest: w.Key, Task: b.tasks}
}

// compact merges the inputs without the rows of some keys.
func (b *bench) compact(id base.ID, deleted []int) *role.Segment {
	gone := &column.Column{Type: schema.Int64}
	for _, key := range deleted {
		gone.Int64s = append(gone.Int64s, int64(key))
	}
	var inputs []segment.Segment
	for _, in := range b.inputs {
		s := b.open(in)
		require.NoError(b.t, s.Delete(gone, []base.Timestamp{20}, 0))
		inputs = append(inputs, s)
	}
	return b.write(id, 20, inputs...)
}

func (b *bench) open(seg *role.Segment) *segment.Sealed {
	s, err := segment.OpenSealed(b.t.Context(), b.engine, b.store, seg.Manifest)
	require.NoError(b.t, err)
	b.t.Cleanup(s.Close)
	return s
}

func (b *bench) task(t *role.BuildTask) *role.BuildTask {
	b.tasks++
	t.Task, t.Collection = b.tasks, b.collection
	if t.Index == nil {
		t.Index = b.index
	}
	return t
}

func (b *bench) build(t *role.BuildTask) *role.BuildResult {
	b.t.Helper()
	r, err := b.node.Build(b.t.Context(), b.task(t), nil)
	require.NoError(b.t, err)
	require.Zero(b.t, b.budget.Used())
	return r
}

// check opens an index of the output and compares it with the exact answers.
func (b *bench) check(r *role.BuildResult) {
	b.t.Helper()
	rows, err := b.open(b.output).Vectors(vectorField)
	require.NoError(b.t, err)
	f, err := b.store.Pin(b.t.Context(), r.File.Key)
	require.NoError(b.t, err)
	require.EqualValues(b.t, len(f.Bytes()), r.File.Bytes)
	x, err := hnsw.Kind(vec.Detect()).Open(f, rows, vecindex.L2, nil)
	require.NoError(b.t, err)
	got := indextest.Recall(b.t, x, indextest.Flat(b.t, vec.Detect(), rows, vecindex.L2), vecindex.L2, b.queries,
		vecindex.Query{K: 10, Allowed: -1, Params: vecindex.SearchParams{Ef: 64}})
	require.GreaterOrEqual(b.t, got, 0.97)
	require.NoError(b.t, x.Close())
}

const (
	extended = "an index was extended"
	refused  = "an index is not extended but built anew"
	failed   = "an index could not be extended and is built anew"
)

// TestExtend: the index of a compaction's output is made of that of the largest
// input, or where that cannot be, of nothing.
func TestExtend(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(b *bench)
		want   string // in the log
	}{
		{"extended", func(*bench) {}, extended},
		{"the largest has no index", func(b *bench) { b.inputs[1].Indexes = nil }, extended},
		{"no input has one", func(b *bench) { b.inputs[0].Indexes, b.inputs[1].Indexes = nil, nil }, ""},
		{"nothing was to index", func(b *bench) {
			for _, in := range b.inputs {
				in.Indexes = map[base.ID]role.IndexFile{b.index.ID: {Build: 5}}
			}
		}, ""},
		{"other parameters", func(b *bench) {
			x := *b.index
			x.Params = map[string]string{"M": "10", "efConstruction": "60"}
			b.index = &x
		}, refused},
		{"index file gone", func(b *bench) { b.remove(b.file()) }, failed},
		{"index file damaged", func(b *bench) { b.damage(b.file()) }, failed},
		{"index file of the other input", func(b *bench) { b.inputs[1].Indexes = b.inputs[0].Indexes }, failed},
		{"manifest gone", func(b *bench) { b.remove(b.inputs[1].Manifest) }, failed},
		{"manifest damaged", func(b *bench) { b.damage(b.inputs[1].Manifest) }, failed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t)
			tc.change(b)
			last := 0
			task := b.task(&role.BuildTask{Segment: b.output, Inputs: b.inputs})
			r, err := b.node.Build(t.Context(), task, func(percent int) { last = percent })
			require.NoError(t, err)
			require.Equal(t, 100, last)
			require.Zero(t, b.budget.Used())
			b.check(r)
			if tc.want == "" {
				require.Empty(t, b.log.String())
			} else {
				require.Contains(t, b.log.String(), tc.want)
			}
		})
	}
}

func (b *bench) file() string { return b.inputs[1].Indexes[b.index.ID].Key }

func (b *bench) remove(key string) { require.NoError(b.t, b.store.Delete(b.t.Context(), key)) }

// damage changes a byte in the middle of an object.
func (b *bench) damage(key string) {
	m, err := b.store.Pin(b.t.Context(), key)
	require.NoError(b.t, err)
	c := bytes.Clone(m.Bytes())
	require.NoError(b.t, m.Unpin())
	c[len(c)/2] ^= 1
	b.remove(key)
	require.NoError(b.t, b.store.Put(b.t.Context(), key, bytes.NewReader(c), int64(len(c))))
}

// TestExtendCanceled ends builds at each report, and early: they are not begun
// anew, and hold nothing.
func TestExtendCanceled(t *testing.T) {
	b := newBench(t)
	for at := 0; ; at++ {
		ctx, cancel := context.WithCancel(t.Context())
		if at == 0 {
			cancel()
		}
		reports := 0
		_, err := b.node.Build(ctx, b.task(&role.BuildTask{Segment: b.output, Inputs: b.inputs}), func(int) {
			if reports++; reports == at {
				cancel()
			}
		})
		cancel()
		require.Zero(t, b.budget.Used())
		if err == nil {
			require.Greater(t, at, 2)
			break
		}
		require.True(t, errors.Is(err, context.Canceled), "%v", err)
		require.Empty(t, b.log.String())
	}
	require.Contains(t, b.log.String(), extended)
}
