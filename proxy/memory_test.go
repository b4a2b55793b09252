package proxy

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/exec"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/reduce"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/mq"
)

// world is a catalog and a row store in memory. The types below are the roles
// over it; what world has no method for is not called by these tests.
type world struct {
	mu struct {
		sync.Mutex
		clock   base.Timestamp
		ids     base.ID
		dbs     map[string]*schema.Database
		byID    map[base.ID]*role.CollectionInfo
		aliases map[string]base.ID // db/alias
		rows    map[base.Shard][]storedRow
		deletes map[base.Shard][]storedDelete
	}
}

type (
	rootRest  struct{ role.RootCoord }
	dataRest  struct{ role.DataNode }
	queryRest struct{ role.QueryNode }

	worldRoot struct {
		*world
		rootRest
	}
	worldData struct {
		*world
		dataRest
	}
	worldQuery struct {
		*world
		queryRest
	}
)

type storedRow struct {
	part  base.ID
	ts    base.Timestamp
	batch *column.Batch
	row   int
}

type storedDelete struct {
	part base.ID
	ts   base.Timestamp
	keys *column.Column
}

func newWorld() *world {
	w := &world{}
	w.mu.clock, w.mu.ids = base.TimestampOf(time.Now()), 1000
	w.mu.dbs = map[string]*schema.Database{schema.DefaultDatabase: {ID: schema.DefaultDatabaseID, Name: schema.DefaultDatabase}}
	w.mu.byID, w.mu.aliases = map[base.ID]*role.CollectionInfo{}, map[string]base.ID{}
	w.mu.rows, w.mu.deletes = map[base.Shard][]storedRow{}, map[base.Shard][]storedDelete{}
	return w
}

func (w *world) tickLocked() base.Timestamp {
	w.mu.clock++
	return w.mu.clock
}

func (w *world) Timestamp(context.Context) (base.Timestamp, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tickLocked(), nil
}

func (w *world) IDs(_ context.Context, n int) (base.ID, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := w.mu.ids
	w.mu.ids += base.ID(n)
	return first, nil
}

func (w *world) Database(_ context.Context, name string) (*schema.Database, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if db := w.mu.dbs[name]; db != nil {
		return db, nil
	}
	return nil, merr.DatabaseNotFound.With(merr.KV{Key: "database", Value: name})
}

func (w *world) Databases(context.Context) ([]*schema.Database, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []*schema.Database
	for _, db := range w.mu.dbs {
		out = append(out, db)
	}
	slices.SortFunc(out, func(a, b *schema.Database) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

func (w *world) findLocked(ref role.CollectionRef) (*role.CollectionInfo, error) {
	db := w.mu.dbs[ref.DB]
	if db == nil {
		return nil, merr.DatabaseNotFound.With(merr.KV{Key: "database", Value: ref.DB})
	}
	for _, info := range w.mu.byID {
		if info.DB == db.ID && info.Name == ref.Name {
			return info, nil
		}
	}
	if id, ok := w.mu.aliases[ref.DB+"/"+ref.Name]; ok {
		return w.mu.byID[id], nil
	}
	return nil, merr.CollectionNotFound.With(merr.KV{Key: "database", Value: ref.DB}, merr.KV{Key: "collection", Value: ref.Name})
}

func (w *world) Collection(_ context.Context, ref role.CollectionRef) (*role.CollectionInfo, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.findLocked(ref)
}

func (w *world) CollectionByID(_ context.Context, id base.ID) (*role.CollectionInfo, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if info := w.mu.byID[id]; info != nil {
		return info, nil
	}
	return nil, merr.CollectionNotFound.With(merr.KV{Key: "collection", Value: id})
}

func (w *world) Collections(_ context.Context, name string) ([]*role.CollectionInfo, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	db := w.mu.dbs[name]
	if db == nil {
		return nil, merr.DatabaseNotFound.With(merr.KV{Key: "database", Value: name})
	}
	var out []*role.CollectionInfo
	for _, info := range w.mu.byID {
		if info.DB == db.ID {
			out = append(out, info)
		}
	}
	slices.SortFunc(out, func(a, b *role.CollectionInfo) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

func (w *world) Alias(_ context.Context, db, alias string) (*schema.Alias, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id, ok := w.mu.aliases[db+"/"+alias]
	if !ok {
		return nil, merr.AliasNotFound.With(merr.KV{Key: "database", Value: db}, merr.KV{Key: "alias", Value: alias})
	}
	return &schema.Alias{Name: alias, Collection: id}, nil
}

func (w *world) LoadProgress(_ context.Context, id base.ID, _ []base.ID) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.byID[id].Load == nil {
		return 0, merr.CollectionNotLoaded.With(merr.KV{Key: "collection", Value: id})
	}
	return 100, nil
}

// Do runs the commands that the tests use.
func (w *world) Do(_ context.Context, cmd role.Command) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch c := cmd.(type) {
	case role.CreateDatabase:
		w.mu.ids++
		w.mu.dbs[c.Name] = &schema.Database{ID: w.mu.ids, Name: c.Name, Properties: c.Properties, CreatedAt: w.tickLocked()}
		return nil
	case role.DropDatabase:
		delete(w.mu.dbs, c.Name)
		return nil
	case role.CreateCollection:
		return w.createLocked(c)
	case role.DropCollection:
		if info, err := w.findLocked(c.CollectionRef); err == nil {
			delete(w.mu.byID, info.ID)
		}
		return nil
	case role.CreateAlias:
		info, err := w.findLocked(c.CollectionRef)
		if err == nil {
			w.mu.aliases[c.DB+"/"+c.Alias] = info.ID
		}
		return err
	case role.CreatePartition:
		return w.changeLocked(c.CollectionRef, func(info *role.CollectionInfo) {
			w.mu.ids++
			info.Partitions = append(slices.Clone(info.Partitions), &schema.Partition{ID: w.mu.ids, Collection: info.ID, Name: c.Partition, CreatedAt: w.tickLocked()})
		})
	case role.AddField:
		return w.changeLocked(c.CollectionRef, func(info *role.CollectionInfo) {
			info.Collection = c.Checked.Extended(c.Field)
			info.UpdatedAt = w.tickLocked()
		})
	case role.CreateIndex:
		return w.changeLocked(c.CollectionRef, func(info *role.CollectionInfo) {
			x := *c.Index
			w.mu.ids++
			x.ID, x.Field = w.mu.ids, info.Field(c.Field).ID
			x.Name = cmp.Or(x.Name, c.Field)
			info.Indexes = append(slices.Clone(info.Indexes), &x)
		})
	case role.DropIndex:
		return w.changeLocked(c.CollectionRef, func(info *role.CollectionInfo) {
			info.Indexes = slices.DeleteFunc(slices.Clone(info.Indexes), func(x *schema.Index) bool { return x.Name == c.Index })
		})
	case role.Load:
		return w.changeLocked(c.CollectionRef, func(info *role.CollectionInfo) {
			l := &role.LoadInfo{All: len(c.Partitions) == 0, Replicas: c.Replicas}
			for _, p := range info.Partitions {
				if slices.Contains(c.Partitions, p.Name) {
					l.Partitions = append(l.Partitions, p.ID)
				}
			}
			info.Load = l
		})
	case role.Release:
		return w.changeLocked(c.CollectionRef, func(info *role.CollectionInfo) { info.Load = nil })
	case role.Truncate:
		return w.changeLocked(c.CollectionRef, func(info *role.CollectionInfo) {
			for _, shard := range info.ShardList() {
				delete(w.mu.rows, shard)
			}
		})
	}
	return fmt.Errorf("the catalog in memory has no %T", cmd)
}

func (w *world) createLocked(c role.CreateCollection) error {
	db := w.mu.dbs[c.DB]
	if db == nil {
		return merr.DatabaseNotFound.With(merr.KV{Key: "database", Value: c.DB})
	}
	coll := *c.Collection
	w.mu.ids++
	coll.ID, coll.DB, coll.DBName, coll.CreatedAt = w.mu.ids, db.ID, db.Name, w.tickLocked()
	coll.UpdatedAt = coll.CreatedAt
	info := &role.CollectionInfo{Collection: &coll, Channel: "c0"}
	names := c.Partitions
	if len(names) == 0 {
		names = []string{schema.DefaultPartition}
	}
	for _, name := range names {
		w.mu.ids++
		info.Partitions = append(info.Partitions, &schema.Partition{ID: w.mu.ids, Collection: coll.ID, Name: name, CreatedAt: coll.CreatedAt})
	}
	w.mu.byID[coll.ID] = info
	return nil
}

func (w *world) changeLocked(ref role.CollectionRef, change func(*role.CollectionInfo)) error {
	info, err := w.findLocked(ref)
	if err != nil {
		return err
	}
	fresh := *info
	change(&fresh)
	w.mu.byID[fresh.ID] = &fresh
	return nil
}

// Append is the Writer.
func (w *world) Append(_ context.Context, _ base.Channel, g *mq.Group) (base.Timestamp, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ts := w.tickLocked()
	for _, m := range g.Messages {
		info := w.mu.byID[m.Shard.Collection]
		if info == nil || info.Version != m.SchemaVersion {
			return 0, merr.SchemaMismatch.With(merr.KV{Key: "collection", Value: m.Shard.Collection})
		}
		if m.Kind == mq.Delete {
			w.mu.deletes[m.Shard] = append(w.mu.deletes[m.Shard], storedDelete{m.Partition, ts, m.Keys})
		}
		if m.Kind == mq.Upsert {
			w.mu.deletes[m.Shard] = append(w.mu.deletes[m.Shard], storedDelete{m.DeletePartition, ts, m.Keys})
		}
		if m.Rows != nil {
			if err := m.Rows.Check(); err != nil {
				return 0, err
			}
			for i := range m.Rows.Rows {
				w.mu.rows[m.Shard] = append(w.mu.rows[m.Shard], storedRow{m.Partition, ts, m.Rows, i})
			}
		}
	}
	return ts, nil
}

// rowsOf is the visible rows of a shard as an input of filters.
type rowsOf struct {
	info *role.CollectionInfo
	rows []storedRow
}

func (r rowsOf) Rows() int { return len(r.rows) }

func (r rowsOf) Indexes(base.ID) []exec.FieldIndex { return nil }

func (r rowsOf) Column(field base.ID) (*column.Column, error) {
	out := column.New(r.info.FieldByID(field))
	for _, s := range r.rows {
		out.AppendRange(s.batch.Column(field), s.row, s.row+1)
	}
	return out, nil
}

func (w *world) visible(info *role.CollectionInfo, shard base.Shard, parts []base.ID) rowsOf {
	w.mu.Lock()
	defer w.mu.Unlock()
	pk := info.Primary().ID
	out := rowsOf{info: info}
	for _, r := range w.mu.rows[shard] {
		hidden := len(parts) > 0 && !slices.Contains(parts, r.part)
		for _, d := range w.mu.deletes[shard] {
			if hidden || d.ts <= r.ts || d.part != 0 && d.part != r.part {
				continue
			}
			for i := range d.keys.Len() {
				hidden = hidden || reduce.CompareKeys(d.keys, i, r.batch.Column(pk), r.row) == 0
			}
		}
		if !hidden {
			out.rows = append(out.rows, r)
		}
	}
	slices.SortStableFunc(out.rows, func(a, b storedRow) int {
		return reduce.CompareKeys(a.batch.Column(pk), a.row, b.batch.Column(pk), b.row)
	})
	return out
}

// take returns keys and fields of rows.
func (r rowsOf) take(rows []int, fields []base.ID) (*column.Column, *column.Batch) {
	gather := func(f base.ID) *column.Column {
		all, _ := r.Column(f) // never fails
		out := all.Like()
		out.AppendRows(all, rows)
		return out
	}
	b := &column.Batch{Rows: len(rows)}
	for _, f := range fields {
		b.Add(f, gather(f))
	}
	return gather(r.info.Primary().ID), b
}

func (w *world) Retrieve(ctx context.Context, r *role.RetrieveRequest) (*role.RetrieveResult, error) {
	all := w.visible(r.Collection, r.Shard, r.Partitions)
	var rows []int
	pass := column.NewBitset(all.Rows())
	pass.Fill()
	if r.Plan != nil {
		var err error
		if pass, err = exec.Eval(ctx, r.Plan, all); err != nil {
			return nil, err
		}
	}
	for i := pass.Next(0); i >= 0 && (r.CountOnly || r.Limit < 0 || len(rows) < r.Limit); i = pass.Next(i + 1) {
		rows = append(rows, i)
	}
	out := &role.RetrieveResult{Count: int64(len(rows)), At: 5}
	if !r.CountOnly {
		out.Keys, out.Rows = all.take(rows, r.Output)
	}
	return out, nil
}

func (w *world) Search(ctx context.Context, r *role.SearchRequest) (*role.SearchResult, error) {
	all := w.visible(r.Collection, r.Shard, r.Partitions)
	pass := column.NewBitset(all.Rows())
	pass.Fill()
	if r.Plan != nil {
		var err error
		if pass, err = exec.Eval(ctx, r.Plan, all); err != nil {
			return nil, err
		}
	}
	vectors, _ := all.Column(r.Field) // never fails
	out := &role.SearchResult{At: 5}
	var rows []int
	for q := range r.NQ {
		query := r.Vectors[q*vectors.Dim : (q+1)*vectors.Dim]
		type scored struct {
			row   int
			score float32
		}
		var hits []scored
		for i := pass.Next(0); i >= 0; i = pass.Next(i + 1) {
			var d float32
			for j, x := range vectors.Floats[i*vectors.Dim : (i+1)*vectors.Dim] {
				d += (x - query[j]) * (x - query[j])
			}
			hits = append(hits, scored{i, d})
		}
		slices.SortStableFunc(hits, func(a, b scored) int { return cmp.Compare(a.score, b.score) })
		hits = hits[:min(len(hits), r.K)]
		out.Counts = append(out.Counts, len(hits))
		for _, h := range hits {
			rows, out.Scores = append(rows, h.row), append(out.Scores, h.score)
		}
	}
	out.Keys, out.Rows = all.take(rows, r.Output)
	if r.Group != nil { // each row is a group here
		if _, out.Groups = all.take(rows, r.Group.Fields); r.Group.JSON {
			field := r.Group.Fields[0]
			texts := exec.JSONTexts(out.Groups.Column(field), r.Group.Path)
			out.Groups = &column.Batch{Rows: len(rows)}
			out.Groups.Add(field, texts)
		}
	}
	return out, nil
}

func (w *world) LoadedSegments(context.Context, base.ID) ([]*role.Segment, error) { return nil, nil }

func (w *world) Seal(_ context.Context, id base.ID) (role.Sealed, error) {
	return role.Sealed{Segments: []base.ID{id * 10}, At: w.mu.clock}, nil
}

func (w *world) Flushed(_ context.Context, _ base.ID, _ []base.ID, at base.Timestamp) (bool, error) {
	return at <= w.mu.clock, nil
}

func (w *world) Growing(_ context.Context, id base.ID) ([]role.GrowingInfo, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []role.GrowingInfo
	for shard, rows := range w.mu.rows {
		if shard.Collection == id && len(rows) > 0 {
			out = append(out, role.GrowingInfo{Segment: id*10 + base.ID(shard.Index), Partition: rows[0].part, Shard: shard, Rows: int64(len(rows)), Live: int64(len(rows))})
		}
	}
	return out, nil
}

func (w *world) List(context.Context, base.ID) ([]*role.Segment, error) { return nil, nil }

func (w *world) IndexState(context.Context, base.ID, base.ID) (role.IndexState, error) {
	return role.IndexState{}, nil
}

// testKinds checks what the FLAT and HNSW kinds check, without their engines.
func testKinds() []vecindex.Kind {
	return []vecindex.Kind{
		{Name: "FLAT", Check: func(vecindex.Params, int, vecindex.Metric) error { return nil }},
		{
			Name: "HNSW",
			Check: func(p vecindex.Params, _ int, _ vecindex.Metric) error {
				_, err := p.Int("M", 30, 2, 2048)
				return err
			},
			CheckSearch: func(p map[string]any, _ int) (vecindex.SearchParams, error) {
				ef, _, err := vecindex.SearchInt(p, "ef", 1, vecindex.MaxInt)
				return vecindex.SearchParams{Ef: ef}, err
			},
		},
	}
}

// deps are those of a server over an empty world.
func deps() Deps {
	w := newWorld()
	var n atomic.Uint64
	return Deps{
		Root: worldRoot{world: w}, Query: worldQuery{world: w}, Data: worldData{world: w}, Writer: w,
		Kinds: testKinds(), Limits: DefaultLimits(), Clock: time.Now,
		Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), Version: "0.0.0-test",
		Random: func(b []byte) { binary.BigEndian.PutUint64(b, n.Add(1)) },
	}
}

// fuzzServer is a server with a loaded collection "c" of ten rows, called
// without gRPC.
func fuzzServer(f *testing.F) *Server {
	s, ctx := New(deps()), context.Background()
	raw, err := proto.Marshal(testSchema("c", false))
	require.NoError(f, err)
	_, err = s.CreateCollection(ctx, &milvuspb.CreateCollectionRequest{CollectionName: "c", Schema: raw})
	require.NoError(f, err)
	_, err = s.CreateIndex(ctx, &milvuspb.CreateIndexRequest{CollectionName: "c", FieldName: "v", ExtraParams: kv("index_type", "HNSW", "metric_type", "L2")})
	require.NoError(f, err)
	_, err = s.LoadCollection(ctx, &milvuspb.LoadCollectionRequest{CollectionName: "c"})
	require.NoError(f, err)
	_, err = s.Insert(ctx, &milvuspb.InsertRequest{CollectionName: "c", NumRows: 10, FieldsData: rowData(true, ids(10)...)})
	require.NoError(f, err)
	return s
}

// serve starts a ready server over a world and returns a client of it.
func serve(t *testing.T, change ...func(*Deps)) (milvuspb.MilvusServiceClient, *Server, *grpc.ClientConn) {
	d := deps()
	for _, f := range change {
		f(&d)
	}
	s := New(d)
	s.SetReady()
	listener := bufconn.Listen(1 << 20)
	g := s.NewGRPC()
	done := make(chan error, 1)
	go func() { done <- g.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///memory", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<30), grpc.MaxCallSendMsgSize(1<<30)))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		g.Stop()
		require.NoError(t, <-done)
	})
	return milvuspb.NewMilvusServiceClient(conn), s, conn
}
