package meta_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/porttest/kvtest"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/meta"
)

var quiet = slog.New(slog.DiscardHandler)

func open(t testing.TB, kv meta.KV) *meta.Catalog {
	t.Helper()
	c, err := meta.Open(context.Background(), kv, "by-dev", "test", quiet)
	require.NoError(t, err)
	return c
}

func load(t testing.TB, kv meta.KV) *meta.State {
	t.Helper()
	s, err := open(t, kv).Load(context.Background())
	require.NoError(t, err)
	return s
}

// everything is a change with a record of each kind.
func everything() (*meta.Change, *meta.State) {
	pairs := []*commonpb.KeyValuePair{{Key: "a", Value: "b"}, {Key: "ü/", Value: ""}}
	shard := base.Shard{Collection: 10, Index: 1}
	coll := &meta.Collection{
		Schema: &schema.Collection{
			ID: 10, DB: 1, Name: "c", Description: "d", DynamicOn: true, Shards: 2, Consistency: commonpb.ConsistencyLevel_Bounded,
			Properties: pairs, PartitionKeyed: true, NumPartitions: 16, Version: 3, CreatedAt: 1 << 62, UpdatedAt: 1<<62 + 1, NextFieldID: 103,
			Fields: []*schema.Field{
				{ID: 100, Name: "id", Type: schema.Int64, PrimaryKey: true, AutoID: true},
				{ID: 101, Name: "v", Type: schema.FloatVector, Dim: 128, Params: pairs},
				{
					ID: 102, Name: "s", Description: "x", Type: schema.Array, Element: schema.VarChar, Nullable: true, MaxLength: 7, MaxCapacity: 9,
					PartitionKey: true, ClusterKey: true,
					Default: &schemapb.ValueField{Data: &schemapb.ValueField_StringData{StringData: "no"}},
				},
				{ID: 103, Name: schema.DynamicName, Type: schema.JSON, Dynamic: true},
			},
		},
		Channel: "ch", TruncatedAt: 77, Dropping: true,
		Partitions: []*schema.Partition{{ID: 11, Collection: 10, Name: "_default", CreatedAt: 5}},
	}
	s := &meta.State{
		Databases:   []*schema.Database{{ID: 1, Name: "default", Properties: pairs, CreatedAt: 9}},
		Collections: []*meta.Collection{coll},
		Partitions:  []*schema.Partition{{ID: 12, Collection: 10, Name: "p", CreatedAt: 6}},
		Aliases:     []*schema.Alias{{DB: 1, Name: "al/ias", Collection: 10}},
		Indexes: []*schema.Index{{
			ID: 13, Collection: 10, Field: 101, Name: "v", Type: "HNSW", UserType: "AUTOINDEX", Metric: "L2",
			Params: map[string]string{"M": "16"}, UserParams: pairs, CreatedAt: 8,
		}},
		Loads: []*meta.Load{{Collection: 10, All: true, Partitions: []base.ID{11, 12}, Replicas: 1}},
		Segments: []*meta.Segment{{
			ID: 14, Shard: shard, Partition: 11, Rows: 5, Bytes: 6, Manifest: "m", Task: 15,
			Start: base.Position{Generation: 1, Offset: "\x00\xff"}, End: base.Position{Generation: 2, Offset: "z"},
			MinTime: 1, MaxTime: base.MaxTimestamp, DeletesApplied: 3, Level: 2, Dropped: true,
			Indexes: []meta.IndexFile{{Index: 13, Build: 16, Key: "k", Bytes: 17}, {Index: 14}},
		}},
		Deltas:      []*meta.Delta{{ID: 18, Shard: shard, Key: "d", Task: 15, Rows: 3, From: 4, To: 5}},
		Checkpoints: []*meta.Checkpoint{{Shard: shard, Version: 4, Position: base.Position{Generation: 3, Offset: "\xff\x00"}, Time: 6, Deletes: 7}},
		Terms:       map[base.Channel]int64{"by-dev/ch": 5},
		Tasks:       []*meta.Task{{ID: 19, Kind: "flush"}},
		Intents:     []*meta.Intent{{ID: 20, Kind: "truncate", Collection: 10}},
		Garbage:     []*meta.Garbage{{ID: 21, Collection: 10, Keys: []string{"a/", "b"}}},
	}
	var c meta.Change
	c.PutDatabase(s.Databases[0])
	c.PutCollection(coll)
	c.PutPartition(s.Partitions[0])
	c.PutAlias(s.Aliases[0])
	c.PutIndex(s.Indexes[0])
	c.PutLoad(s.Loads[0])
	c.PutSegment(s.Segments[0])
	c.PutDelta(s.Deltas[0])
	c.PutCheckpoint(s.Checkpoints[0])
	c.PutTerm("by-dev/ch", 5)
	c.PutTask(s.Tasks[0])
	c.PutIntent(s.Intents[0])
	c.PutGarbage(s.Garbage[0])
	return &c, s
}

func TestEveryRecordComesBack(t *testing.T) {
	kv := kvtest.New()
	change, want := everything()
	require.NoError(t, open(t, kv).Apply(t.Context(), change))
	got := load(t, kv)
	// Messages of protobuf have state that is not theirs.
	a, b := want.Collections[0].Schema.Fields[2], got.Collections[0].Schema.Fields[2]
	require.True(t, proto.Equal(a.Default, b.Default))
	a.Default, b.Default = nil, nil
	require.Equal(t, fmt.Sprintf("%+v", plain(want)), fmt.Sprintf("%+v", plain(got)))

	var drop meta.Change
	drop.DropDatabase(1)
	drop.DropCollection(10)
	drop.DropPartition(10, 12)
	drop.DropAlias(1, "al/ias")
	drop.DropIndex(10, 13)
	drop.DropLoad(10)
	drop.DropSegment(10, 14)
	drop.DropDelta(want.Deltas[0].Shard, 18)
	drop.DropCheckpoint(want.Deltas[0].Shard)
	drop.DropTask(19)
	drop.DropIntent(20)
	drop.DropGarbage(21)
	require.NoError(t, open(t, kv).Apply(t.Context(), &drop))
	require.Equal(t, &meta.State{Terms: map[base.Channel]int64{"by-dev/ch": 5}}, load(t, kv))
}

// plain lays a state out without pointers.
func plain(s *meta.State) []any {
	out := []any{s.Terms}
	add := func(v any) { out = append(out, v) }
	for _, v := range s.Databases {
		add(fmt.Sprint(v.ID, v.Name, v.CreatedAt, v.Properties))
	}
	for _, v := range s.Collections {
		c := *v.Schema
		for _, f := range c.Fields {
			add(fmt.Sprintf("%+v", *f))
		}
		c.Fields = nil
		add(fmt.Sprintf("%+v %v %v %v", c, v.Channel, v.TruncatedAt, v.Dropping))
		for _, p := range v.Partitions {
			add(*p)
		}
	}
	for _, v := range s.Partitions {
		add(*v)
	}
	for _, v := range s.Aliases {
		add(*v)
	}
	for _, v := range s.Indexes {
		add(fmt.Sprintf("%+v", *v))
	}
	for _, v := range s.Loads {
		add(*v)
	}
	for _, v := range s.Segments {
		add(*v)
	}
	for _, v := range s.Deltas {
		add(*v)
	}
	for _, v := range s.Checkpoints {
		add(*v)
	}
	for _, v := range s.Tasks {
		add(*v)
	}
	for _, v := range s.Intents {
		add(*v)
	}
	for _, v := range s.Garbage {
		add(*v)
	}
	return out
}

func TestDeposed(t *testing.T) {
	kv := kvtest.New()
	old := open(t, kv)
	change, _ := everything()
	require.NoError(t, old.Apply(t.Context(), change))
	before, _, err := kv.List(t.Context(), "")
	require.NoError(t, err)
	fresh := open(t, kv)
	var c meta.Change
	c.DropCollection(10)
	require.True(t, old.Sure())
	require.ErrorIs(t, old.Apply(t.Context(), &c), meta.ErrDeposed)
	require.False(t, old.Sure(), "a deposed process does not know the catalog")
	require.ErrorIs(t, old.SaveWindow(t.Context(), "id", 5), meta.ErrDeposed)
	after, _, err := kv.List(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, after, len(before))
	require.NoError(t, fresh.Apply(t.Context(), &c))
}

func many(n int) *meta.Change {
	var c meta.Change
	for i := range base.ID(n) {
		c.PutSegment(&meta.Segment{ID: i + 1, Shard: base.Shard{Collection: 1}, Manifest: strings.Repeat("x", 100)})
	}
	return &c
}

// A change above the limits of a transaction is there whole or not at all,
// wherever the process ends.
func TestLargeChangeIsAtomic(t *testing.T) {
	for at := int64(1); ; at++ {
		finished := false
		for _, after := range []bool{false, true} {
			store := kvtest.New()
			require.NoError(t, open(t, store).Apply(t.Context(), many(3)))
			crash := kvtest.NewCrash(store, at, after)
			c, err := meta.Open(t.Context(), crash, "by-dev", "test", quiet)
			if err == nil {
				err = c.Apply(t.Context(), many(350))
			}
			finished = err == nil
			store = store.Reopen()
			s := load(t, store)
			n := len(s.Segments)
			require.True(t, n == 350 || n == 3 && !finished, "crash at %d after=%v: %d segments", at, after, n)
			pairs, _, err := store.List(t.Context(), "by-dev/")
			require.NoError(t, err)
			require.Len(t, pairs, n+1, "nothing is left of the way there")
		}
		if finished {
			return
		}
	}
}

func TestRecordTooLarge(t *testing.T) {
	var c meta.Change
	c.PutGarbage(&meta.Garbage{ID: 1, Keys: []string{strings.Repeat("x", meta.MaxBytes)}})
	cat := open(t, kvtest.New())
	require.ErrorIs(t, cat.Apply(t.Context(), &c), meta.ErrTooLarge)
	require.True(t, cat.Sure())
}

// flaky fails commits without telling whether they were applied.
type flaky struct {
	*kvtest.KV
	mu    sync.Mutex
	fails int
}

func (f *flaky) Commit(ctx context.Context, t meta.Txn) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails > 0 {
		f.fails--
		if f.fails%2 == 0 {
			if _, err := f.KV.Commit(ctx, t); err != nil {
				return 0, err
			}
		}
		return 0, errors.New("timed out")
	}
	return f.KV.Commit(ctx, t)
}

func TestUnknownOutcomeIsTriedAgain(t *testing.T) {
	kv := &flaky{KV: kvtest.New()}
	c := open(t, kv)
	kv.fails = 5
	require.NoError(t, c.Apply(t.Context(), many(350)))
	require.True(t, c.Sure())
	require.Len(t, load(t, kv).Segments, 350)
}

func TestDamageIsNamed(t *testing.T) {
	kv := kvtest.New()
	change, _ := everything()
	require.NoError(t, open(t, kv).Apply(t.Context(), change))
	pairs, _, err := kv.List(t.Context(), "by-dev/")
	require.NoError(t, err)
	for _, p := range pairs {
		name := strings.TrimPrefix(p.Key, "by-dev/")
		for _, damaged := range [][]byte{p.Value[:len(p.Value)-1], flip(p.Value, 0), flip(p.Value, len(p.Value)-1), {}} {
			copied := kv.Reopen()
			_, err := copied.Commit(t.Context(), meta.Txn{Then: []meta.Op{{Key: p.Key, Value: damaged}}})
			require.NoError(t, err)
			c, err := meta.Open(t.Context(), copied, "by-dev", "test", quiet)
			if err == nil {
				_, err = c.Load(t.Context())
			}
			require.ErrorIs(t, err, meta.ErrCorrupt, name)
			require.ErrorContains(t, err, name)
			kv = kv.Reopen()
		}
	}
}

func flip(b []byte, i int) []byte {
	c := slices.Clone(b)
	c[i] ^= 0x40
	return c
}

func TestWindows(t *testing.T) {
	kv := kvtest.New()
	c := open(t, kv)
	until, err := c.Window(t.Context(), "id")
	require.NoError(t, err)
	require.Zero(t, until)
	require.NoError(t, c.SaveWindow(t.Context(), "id", 1<<63))
	until, err = c.Window(t.Context(), "id")
	require.NoError(t, err)
	require.Equal(t, uint64(1<<63), until)
}

func BenchmarkLoad100kSegments(b *testing.B) {
	kv := kvtest.New()
	c := open(b, kv)
	var change meta.Change
	for i := range base.ID(100_000) {
		change.PutSegment(&meta.Segment{
			ID: 470616163686547458 + i, Shard: base.Shard{Collection: 470616163686547456}, Partition: 470616163686547457, Rows: 50_000, Bytes: 30 << 20,
			Manifest: "insert_log/470616163686547456/470616163686547457/470616163686547458/manifest.470616163686547460-0", Task: 470616163686547460,
			Start: base.Position{Offset: "12345678"}, End: base.Position{Offset: "12345679"}, MinTime: 1 << 60, MaxTime: 1<<60 + 1,
			Indexes: []meta.IndexFile{{Index: 470616163686547456, Build: 470616163686547461, Key: "index_files/470616163686547461/1/470616163686547457/470616163686547458/0"}},
		})
	}
	require.NoError(b, c.Apply(context.Background(), &change))
	start := time.Now()
	for b.Loop() {
		require.Len(b, load(b, kv).Segments, 100_000)
	}
	b.ReportMetric(float64(time.Since(start).Milliseconds())/float64(b.N), "ms/load")
}
