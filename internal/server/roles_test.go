package server

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"
	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/datanode"
	"github.com/redkite-db/redkite/indexnode"
	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/porttest/kvtest"
	"github.com/redkite-db/redkite/internal/porttest/logtest"
	"github.com/redkite-db/redkite/internal/porttest/storetest"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/segment"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/mq"
	"github.com/redkite-db/redkite/mq/stream"
	"github.com/redkite-db/redkite/querynode"
	"github.com/redkite-db/redkite/rootcoord"
	"github.com/redkite-db/redkite/rootcoord/sched"
)

// world is what outlives a process: its log, catalog and objects.
type world struct {
	kv    *kvtest.KV
	log   *logtest.MemStore
	store *storetest.Memory
}

// life is the roles of one process over a world.
type life struct {
	coord  *rootcoord.Coord
	data   *datanode.Node
	query  *querynode.Node
	client *stream.Client
	kill   func()
}

func (w *world) begin(t testing.TB) *life {
	ctx, logger := context.Background(), slog.New(slog.DiscardHandler)
	w.kv = w.kv.Reopen()
	kv := w.kv
	cfg := rootcoord.Defaults()
	cfg.Sched.MinIndexRows, cfg.Sched.MaxSegment, cfg.Sched.FirstPause = 32, 64<<10, time.Millisecond
	coord, err := rootcoord.New(ctx, cfg, kv, time.Now, logger)
	require.NoError(t, err)
	log := w.log.Open()
	budget := mem.NewBudget(0)
	engine := segment.NewEngine(segment.EngineOptions{Kernels: vec.Detect(), Kinds: kinds(vec.Detect()), Threads: 2, Growing: budget})
	live := segment.NewLive(engine)
	data, err := datanode.Open(ctx, datanode.Config{
		Channel: cfg.Channel, Log: log, Root: coord, Store: w.store, Files: w.store, Engine: engine, Live: live, Budget: budget,
		Logger: logger, Now: time.Now, Admit: 1 << 30,
		Policy: datanode.Policy{
			SegmentBytes: 8 << 10, MaxAge: time.Hour, MaxIdle: time.Hour, IdleBytes: 1 << 30,
			CrowdedBytes: 1 << 30, RoomyBytes: 1 << 29, LogBytes: 1 << 30,
		},
	})
	require.NoError(t, err)
	client := stream.NewClient(data)
	query := querynode.New(querynode.Config{Engine: engine, Live: live, Files: w.store, Times: client, Logger: logger, Threads: 2,
		Cursors: querynode.DefaultCursorLimits(), Clock: time.Now})
	builder := indexnode.New(indexnode.Config{Engine: engine, Kinds: kinds(vec.Detect()), Store: w.store, Files: w.store, Budget: mem.NewBudget(0), Threads: 1, Logger: logger})
	coord.Bind(sched.Workers{Data: data, Index: builder, Query: query, Store: w.store})
	require.NoError(t, coord.Start(ctx))
	return &life{coord: coord, data: data, query: query, client: client, kill: func() {
		// As the end of a process: nothing is flushed, what is not durable is lost.
		w.log.Kill()
		coord.Stop()
		query.Close()
		_ = data.Close()
		_ = log.Close()
		_ = kv.Close()
	}}
}

const dim = 4

func (l *life) create(t testing.TB, name string, shards int32) *role.CollectionInfo {
	ctx := context.Background()
	c := &schema.Collection{Name: name, Shards: shards, Fields: []*schema.Field{
		{ID: 100, Name: "id", Type: schema.Int64, PrimaryKey: true},
		{ID: 101, Name: "version", Type: schema.Int64},
		{ID: 102, Name: "vector", Type: schema.FloatVector, Dim: dim},
	}, NextFieldID: 103}
	ref := role.CollectionRef{Name: name}
	require.NoError(t, l.coord.Do(ctx, role.CreateCollection{Collection: c}))
	require.NoError(t, l.coord.Do(ctx, role.CreateIndex{CollectionRef: ref, Field: "vector", Index: &schema.Index{
		Name: "vector", Type: "HNSW", UserType: "HNSW", Metric: "L2", Params: map[string]string{"M": "8", "efConstruction": "64"},
	}}))
	require.NoError(t, l.coord.Do(ctx, role.Load{CollectionRef: ref, Replicas: 1}))
	info, err := l.coord.Collection(ctx, ref)
	require.NoError(t, err)
	return info
}

// vector is a function of key and version, so that a torn row is recognised.
func vector(key, version int64) []float32 {
	r := rand.New(rand.NewPCG(uint64(key), uint64(version)))
	return []float32{r.Float32(), r.Float32(), r.Float32(), float32(version)}
}

// rowsOf makes rows of a collection; an added Int64 field has the version, too.
func rowsOf(info *role.CollectionInfo, keys []int64, version int64) (*column.Batch, *column.Column) {
	ids := &column.Column{Type: schema.Int64, Int64s: keys}
	versions := &column.Column{Type: schema.Int64}
	vectors := &column.Column{Type: schema.FloatVector, Dim: dim}
	for _, k := range keys {
		versions.Int64s = append(versions.Int64s, version)
		vectors.Floats = append(vectors.Floats, vector(k, version)...)
	}
	b := &column.Batch{Rows: len(keys)}
	b.Add(100, ids)
	b.Add(101, versions)
	b.Add(102, vectors)
	for _, f := range info.Fields[3:] {
		b.Add(f.ID, versions)
	}
	return b, ids
}

// write sends one request, split over the shards by key.
func (l *life) write(info *role.CollectionInfo, kind mq.Kind, keys []int64, version int64) error {
	g := &mq.Group{}
	for _, shard := range info.ShardList() {
		var mine []int64
		for _, k := range keys {
			if k%int64(info.Shards) == int64(shard.Index) {
				mine = append(mine, k)
			}
		}
		if len(mine) == 0 {
			continue
		}
		rows, ids := rowsOf(info, mine, version)
		m := &mq.Message{Kind: kind, Shard: shard, SchemaVersion: info.Version}
		if kind != mq.Delete {
			m.Partition, m.Rows = info.Partitions[0].ID, rows
		}
		if kind != mq.Insert {
			m.Keys = ids
		}
		g.Messages = append(g.Messages, m)
	}
	_, err := l.client.Append(context.Background(), info.Channel, g)
	return err
}

// addField adds a field to a collection: its default is its number.
func (l *life) addField(t testing.TB, info *role.CollectionInfo) *role.CollectionInfo {
	ctx, ref := context.Background(), role.CollectionRef{Name: info.Name}
	n := int64(len(info.Fields))
	require.NoError(t, l.coord.Do(ctx, role.AddField{CollectionRef: ref, Checked: info.Collection, Field: &schema.Field{
		Name: fmt.Sprint("x", n), Type: schema.Int64, Nullable: true,
		Default: &schemapb.ValueField{Data: &schemapb.ValueField_LongData{LongData: -n}},
	}}))
	next, err := l.coord.Collection(ctx, ref)
	require.NoError(t, err)
	require.Len(t, next.Fields, int(n)+1)
	stale := l.write(info, mq.Upsert, []int64{1}, 1)
	require.True(t, merr.Is(stale, merr.SchemaMismatch), "%v", stale)
	return next
}

// readAdded checks the added fields of every row: each has the row's version if
// the row was written after it was added, else the field's default.
func (l *life) readAdded(t testing.TB, info *role.CollectionInfo, rows, since map[int64]int64) {
	ctx := context.Background()
	at := role.ReadPoint{Consistency: commonpb.ConsistencyLevel_Strong}
	seen := 0
	for _, shard := range info.ShardList() {
		for i, f := range info.Fields[3:] {
			plan, err := expr.Parse(fmt.Sprintf("%s == %d or %s == version", f.Name, -(3+i), f.Name), info.Collection, nil)
			require.NoError(t, err)
			r, err := l.query.Retrieve(ctx, &role.RetrieveRequest{Collection: info, Shard: shard, At: at, Plan: plan, Output: []base.ID{100, f.ID}, Limit: -1})
			require.NoError(t, err)
			for j, key := range r.Rows.Column(100).Int64s {
				want := rows[key]
				if want < since[f.ID] {
					want = -int64(3 + i)
				}
				require.Equal(t, want, r.Rows.Column(f.ID).Int64s[j], "key %d, field %s", key, f.Name)
				seen++
			}
		}
	}
	require.Equal(t, len(rows)*len(info.Fields[3:]), seen)
}

// read returns every row by key, and checks that no row is torn or doubled and
// that count and search agree.
func (l *life) read(t testing.TB, info *role.CollectionInfo) map[int64]int64 {
	ctx := context.Background()
	strong := role.ReadPoint{Consistency: commonpb.ConsistencyLevel_Strong}
	got := make(map[int64]int64)
	for _, shard := range info.ShardList() {
		r, err := l.query.Retrieve(ctx, &role.RetrieveRequest{Collection: info, Shard: shard, At: strong, Output: []base.ID{100, 101, 102}, Limit: -1})
		require.NoError(t, err)
		ids, versions, vectors := r.Rows.Column(100), r.Rows.Column(101), r.Rows.Column(102)
		for i := range r.Rows.Rows {
			key, version := ids.Int64s[i], versions.Int64s[i]
			require.Equal(t, vector(key, version), vectors.Floats[i*dim:(i+1)*dim], "key %d", key)
			require.NotContains(t, got, key)
			got[key] = version
		}
		n, err := l.query.Retrieve(ctx, &role.RetrieveRequest{Collection: info, Shard: shard, At: strong, CountOnly: true, Limit: -1})
		require.NoError(t, err)
		require.Equal(t, int64(r.Rows.Rows), n.Count)
		if r.Rows.Rows == 0 {
			continue
		}
		key, version := ids.Int64s[0], versions.Int64s[0]
		s, err := l.query.Search(ctx, &role.SearchRequest{
			Collection: info, Shard: shard, At: strong, Field: 102, Metric: "L2", Vectors: vector(key, version), NQ: 1, K: 5, Output: []base.ID{101},
		})
		require.NoError(t, err)
		require.Equal(t, min(5, r.Rows.Rows), s.Counts[0])
		require.Equal(t, key, s.Keys.Int64s[0])
		require.Zero(t, s.Scores[0])
		require.Equal(t, version, s.Rows.Column(101).Int64s[0])
	}
	return got
}

// Random writes, flushes, compactions, truncations, added fields and ends of the process:
// after each, every acknowledged write is there, once, and nothing else.
func TestRolesAgainstAModel(t *testing.T) {
	seed := logtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	w := &world{kv: kvtest.New(), log: logtest.NewMemStore(logtest.Options{MaxRecord: 2000}), store: &storetest.Memory{}}
	l := w.begin(t)
	infos := []*role.CollectionInfo{l.create(t, "one", 1), l.create(t, "three", 3)}
	model := []map[int64]int64{{}, {}}
	since := []map[int64]int64{{}, {}} // field: the first step whose rows have it
	for step := range 300 {
		i := r.IntN(2)
		info, rows := infos[i], model[i]
		version := int64(step + 1)
		keys := make([]int64, 0, 60)
		for range 1 + r.IntN(60) {
			keys = append(keys, r.Int64N(400))
		}
		keys = distinct(keys)
		switch op := r.IntN(21); {
		case op < 8:
			require.NoError(t, l.write(info, mq.Upsert, keys, version))
			for _, k := range keys {
				rows[k] = version
			}
		case op < 12:
			keys = keys[:1+len(keys)/4]
			require.NoError(t, l.write(info, mq.Delete, keys, 0))
			for _, k := range keys {
				delete(rows, k)
			}
		case op < 14:
			fresh := []int64{int64(1000 + step)}
			require.NoError(t, l.write(info, mq.Insert, fresh, version))
			rows[fresh[0]] = version
		case op < 16:
			_, err := l.data.Seal(context.Background(), info.ID)
			require.NoError(t, err)
		case op == 16:
			_, _, err := l.coord.Compact(context.Background(), info.ID, false)
			require.NoError(t, err)
		case op == 17 && r.IntN(4) == 0:
			require.NoError(t, l.coord.Do(context.Background(), role.Truncate{CollectionRef: role.CollectionRef{Name: info.Name}}))
			clear(rows)
		case op == 18:
			l.kill()
			l = w.begin(t)
		case op == 19 && len(info.Fields) < 10:
			infos[i] = l.addField(t, info)
			since[i][infos[i].NextFieldID-1] = version + 1
		default:
			require.Equal(t, rows, l.read(t, info), "step %d", step)
			l.readAdded(t, info, rows, since[i])
		}
	}
	for i, info := range infos {
		require.Equal(t, model[i], l.read(t, info))
	}
	l.kill()
	l = w.begin(t)
	for i, info := range infos {
		require.Equal(t, model[i], l.read(t, info))
		l.readAdded(t, info, model[i], since[i])
	}
	l.kill()
}

func distinct(keys []int64) []int64 {
	slices.Sort(keys)
	return slices.Compact(keys)
}

// A flush makes the log short, and what was dropped leaves no object.
func TestFlushCutsAndDropFrees(t *testing.T) {
	w := &world{kv: kvtest.New(), log: logtest.NewMemStore(logtest.Options{}), store: &storetest.Memory{}}
	l := w.begin(t)
	defer func() { l.kill() }()
	info := l.create(t, "c", 1)
	keys := make([]int64, 500)
	for i := range keys {
		keys[i] = int64(i)
	}
	require.NoError(t, l.write(info, mq.Insert, keys, 1))
	ctx := context.Background()
	s, err := l.data.Seal(ctx, info.ID)
	require.NoError(t, err)
	waitFor(t, func() error {
		done, err := l.data.Flushed(ctx, info.ID, s.Segments, s.At)
		if err == nil && !done {
			err = fmt.Errorf("not flushed")
		}
		return err
	})
	waitFor(t, func() error { return l.shortLog() })
	require.NoError(t, l.write(info, mq.Insert, []int64{1000}, 1))
	ref := role.CollectionRef{Name: "c"}
	require.NoError(t, l.coord.Do(ctx, role.Release{CollectionRef: ref}))
	require.NoError(t, l.coord.Do(ctx, role.DropCollection{CollectionRef: ref}))
	err = l.write(info, mq.Insert, []int64{1}, 2)
	require.True(t, merr.Is(err, merr.CollectionNotFound), "%v", err)
	waitFor(t, func() error { return l.shortLog() })
	waitFor(t, func() error {
		for o, err := range w.store.List(ctx, "") {
			if err != nil {
				return err
			}
			return fmt.Errorf("%s is still there", o.Key)
		}
		return nil
	})
}

// shortLog reports a log that holds more than its last record.
func (l *life) shortLog() error {
	if n := l.data.LogStats().Bytes; n > 200 {
		return fmt.Errorf("the log still has %d bytes", n)
	}
	return nil
}

// waitFor tries until f succeeds; a deadline only ends a test that hangs.
func waitFor(t testing.TB, f func() error) {
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
