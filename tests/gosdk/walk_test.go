// Package gosdk_test drives the real binary with Milvus's Go client: the walk
// that tests/e2e makes with the Python one.
package gosdk_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/milvus-io/milvus/client/v2/column"
	"github.com/milvus-io/milvus/client/v2/entity"
	"github.com/milvus-io/milvus/client/v2/index"
	mc "github.com/milvus-io/milvus/client/v2/milvusclient"
	"github.com/stretchr/testify/require"
)

const dim = 16

func vector(key int64) []float32 {
	rng := rand.New(rand.NewPCG(uint64(key), 1))
	v := make([]float32, dim)
	for i := range v {
		v[i] = rng.Float32()
	}
	return v
}

// columns are rows that follow from their keys.
func columns(from, to int64) []column.Column {
	var keys, ns []int64
	var names []string
	var vectors [][]float32
	for k := from; k < to; k++ {
		keys, ns = append(keys, k), append(ns, k%100)
		names, vectors = append(names, []string{"red", "green", "blue"}[k%3]), append(vectors, vector(k))
	}
	return []column.Column{
		column.NewColumnInt64("id", keys), column.NewColumnInt64("n", ns),
		column.NewColumnVarChar("color", names), column.NewColumnFloatVector("vec", dim, vectors),
	}
}

func schema() *entity.Schema {
	return entity.NewSchema().
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("n").WithDataType(entity.FieldTypeInt64)).
		WithField(entity.NewField().WithName("color").WithDataType(entity.FieldTypeVarChar).WithMaxLength(16)).
		WithField(entity.NewField().WithName("vec").WithDataType(entity.FieldTypeFloatVector).WithDim(dim))
}

// walk is one test's way through a server.
type walk struct {
	*testing.T
	ctx context.Context
	c   *mc.Client
}

func newWalk(t *testing.T, s *server) walk {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return walk{T: t, ctx: ctx, c: s.client(t)}
}

func (w walk) create(name string, ix index.Index) {
	w.Helper()
	require.NoError(w, w.c.CreateCollection(w.ctx, mc.NewCreateCollectionOption(name, schema()).
		WithConsistencyLevel(entity.ClStrong).WithIndexOptions(mc.NewCreateIndexOption(name, "vec", ix))))
	w.load(name)
}

func (w walk) load(name string) {
	w.Helper()
	task, err := w.c.LoadCollection(w.ctx, mc.NewLoadCollectionOption(name))
	require.NoError(w, err)
	require.NoError(w, task.Await(w.ctx))
}

func (w walk) insert(name string, from, to int64) {
	w.Helper()
	r, err := w.c.Insert(w.ctx, mc.NewColumnBasedInsertOption(name, columns(from, to)...))
	require.NoError(w, err)
	require.Equal(w, to-from, r.InsertCount)
}

func (w walk) flush(name string) {
	w.Helper()
	task, err := w.c.Flush(w.ctx, mc.NewFlushOption(name))
	require.NoError(w, err)
	require.NoError(w, task.Await(w.ctx))
}

func (w walk) count(name, filter string) int64 {
	w.Helper()
	r, err := w.c.Query(w.ctx, mc.NewQueryOption(name).WithFilter(filter).WithOutputFields("count(*)").WithConsistencyLevel(entity.ClStrong))
	require.NoError(w, err)
	n, err := r.GetColumn("count(*)").GetAsInt64(0)
	require.NoError(w, err)
	return n
}

func (w walk) search(name string, key int64, limit int, filter string) []int64 {
	w.Helper()
	r, err := w.c.Search(w.ctx, mc.NewSearchOption(name, limit, []entity.Vector{entity.FloatVector(vector(key))}).
		WithANNSField("vec").WithFilter(filter).WithConsistencyLevel(entity.ClStrong))
	require.NoError(w, err)
	require.Len(w, r, 1)
	var keys []int64
	for i := range r[0].ResultCount {
		k, err := r[0].IDs.GetAsInt64(i)
		require.NoError(w, err)
		keys = append(keys, k)
	}
	return keys
}

func TestWalk(t *testing.T) {
	for _, logType := range []string{"natsmq", "woodpecker"} {
		t.Run(logType, func(t *testing.T) {
			s := newServer(t, logType)
			w := newWalk(t, s)
			w.create("demo", index.NewHNSWIndex(entity.L2, 16, 100))
			w.insert("demo", 0, 500)
			require.EqualValues(t, 500, w.count("demo", ""))
			require.Equal(t, []int64{42}, w.search("demo", 42, 1, ""))
			for _, k := range w.search("demo", 42, 20, `color == "red" and n < 50`) {
				require.True(t, k%3 == 0 && k%100 < 50, "key %d", k)
			}

			d, err := w.c.Delete(w.ctx, mc.NewDeleteOption("demo").WithInt64IDs("id", []int64{1, 2, 3}))
			require.NoError(t, err)
			require.EqualValues(t, 3, d.DeleteCount)
			_, err = w.c.Delete(w.ctx, mc.NewDeleteOption("demo").WithExpr("n >= 90"))
			require.NoError(t, err)
			require.EqualValues(t, 447, w.count("demo", ""))
			u, err := w.c.Upsert(w.ctx, mc.NewColumnBasedInsertOption("demo", columns(400, 600)...))
			require.NoError(t, err)
			require.EqualValues(t, 200, u.UpsertCount)
			require.EqualValues(t, 557, w.count("demo", "")) // 357 below 400, 200 from there
			w.flush("demo")
			w.insert("demo", 600, 650)

			s.kill()
			s.start(t)
			w = newWalk(t, s)
			require.EqualValues(t, 607, w.count("demo", ""))
			require.Equal(t, []int64{620}, w.search("demo", 620, 1, ""))
			require.Equal(t, []int64{500}, w.search("demo", 500, 1, "id < 600"))
			require.NoError(t, w.c.DropCollection(w.ctx, mc.NewDropCollectionOption("demo")))
			names, err := w.c.ListCollections(w.ctx, mc.NewListCollectionOption())
			require.NoError(t, err)
			require.Empty(t, names)
		})
	}
}

// TestFirstProgram is the shortest one: a collection by dimension alone.
func TestFirstProgram(t *testing.T) {
	w := newWalk(t, newServer(t, "natsmq"))
	require.NoError(t, w.c.CreateCollection(w.ctx, mc.SimpleCreateCollectionOptions("quick", dim).WithAutoID(false)))
	_, err := w.c.Insert(w.ctx, mc.NewColumnBasedInsertOption("quick").
		WithInt64Column("id", []int64{1, 2, 3}).
		WithFloatVectorColumn("vector", dim, [][]float32{vector(1), vector(2), vector(3)}).
		WithVarcharColumn("extra", []string{"a", "b", "c"}))
	require.NoError(t, err)
	r, err := w.c.Search(w.ctx, mc.NewSearchOption("quick", 1, []entity.Vector{entity.FloatVector(vector(2))}).
		WithConsistencyLevel(entity.ClStrong).WithOutputFields("extra"))
	require.NoError(t, err)
	require.Equal(t, 1, r[0].ResultCount)
	extra, err := r[0].GetColumn("extra").GetAsString(0)
	require.NoError(t, err)
	require.Equal(t, "b", extra)
}

// TestNames walks through partitions, aliases, databases and the rest of DDL.
func TestNames(t *testing.T) {
	w := newWalk(t, newServer(t, "natsmq"))
	w.create("a", index.NewFlatIndex(entity.COSINE))
	w.insert("a", 0, 10)

	require.NoError(t, w.c.CreatePartition(w.ctx, mc.NewCreatePartitionOption("a", "p")))
	_, err := w.c.Insert(w.ctx, mc.NewColumnBasedInsertOption("a", columns(10, 30)...).WithPartition("p"))
	require.NoError(t, err)
	parts, err := w.c.ListPartitions(w.ctx, mc.NewListPartitionOption("a"))
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"_default", "p"}, parts)
	r, err := w.c.Query(w.ctx, mc.NewQueryOption("a").WithFilter("id >= 0").WithPartitions("p").WithOutputFields("id").WithConsistencyLevel(entity.ClStrong))
	require.NoError(t, err)
	require.Equal(t, 20, r.ResultCount)

	require.NoError(t, w.c.CreateAlias(w.ctx, mc.NewCreateAliasOption("a", "nick")))
	require.EqualValues(t, 30, w.count("nick", ""))
	alias, err := w.c.DescribeAlias(w.ctx, mc.NewDescribeAliasOption("nick"))
	require.NoError(t, err)
	require.Equal(t, "a", alias.CollectionName)
	require.NoError(t, w.c.DropAlias(w.ctx, mc.NewDropAliasOption("nick")))

	require.NoError(t, w.c.RenameCollection(w.ctx, mc.NewRenameCollectionOption("a", "b")))
	require.EqualValues(t, 30, w.count("b", ""))
	described, err := w.c.DescribeCollection(w.ctx, mc.NewDescribeCollectionOption("b"))
	require.NoError(t, err)
	require.Len(t, described.Schema.Fields, 4)
	ix, err := w.c.DescribeIndex(w.ctx, mc.NewDescribeIndexOption("b", "vec"))
	require.NoError(t, err)
	require.Equal(t, "FLAT", ix.Params()[index.IndexTypeKey])

	require.NoError(t, w.c.ReleaseCollection(w.ctx, mc.NewReleaseCollectionOption("b")))
	state, err := w.c.GetLoadState(w.ctx, mc.NewGetLoadStateOption("b"))
	require.NoError(t, err)
	require.Equal(t, entity.LoadStateNotLoad, state.State)

	require.NoError(t, w.c.CreateDatabase(w.ctx, mc.NewCreateDatabaseOption("second")))
	require.NoError(t, w.c.UseDatabase(w.ctx, mc.NewUseDatabaseOption("second")))
	w.create("a", index.NewAutoIndex(entity.IP))
	w.insert("a", 0, 5)
	require.EqualValues(t, 5, w.count("a", ""))
	require.NoError(t, w.c.DropCollection(w.ctx, mc.NewDropCollectionOption("a")))
	require.NoError(t, w.c.UseDatabase(w.ctx, mc.NewUseDatabaseOption("default")))
	require.NoError(t, w.c.DropDatabase(w.ctx, mc.NewDropDatabaseOption("second")))
}

// TestTypes sends each scalar type by column and reads it back.
func TestTypes(t *testing.T) {
	w := newWalk(t, newServer(t, "natsmq"))
	field := func(name string, ft entity.FieldType) *entity.Field {
		return entity.NewField().WithName(name).WithDataType(ft)
	}
	s := entity.NewSchema().
		WithField(field("id", entity.FieldTypeVarChar).WithMaxLength(32).WithIsPrimaryKey(true)).
		WithField(field("vec", entity.FieldTypeFloatVector).WithDim(dim)).
		WithField(field("b", entity.FieldTypeBool)).
		WithField(field("i8", entity.FieldTypeInt8)).
		WithField(field("i16", entity.FieldTypeInt16)).
		WithField(field("i32", entity.FieldTypeInt32).WithNullable(true)).
		WithField(field("f", entity.FieldTypeFloat).WithDefaultValueFloat(1.5)).
		WithField(field("d", entity.FieldTypeDouble)).
		WithField(field("j", entity.FieldTypeJSON)).
		WithField(field("arr", entity.FieldTypeArray).WithElementType(entity.FieldTypeInt64).WithMaxCapacity(4))
	require.NoError(t, w.c.CreateCollection(w.ctx, mc.NewCreateCollectionOption("types", s).
		WithIndexOptions(mc.NewCreateIndexOption("types", "vec", index.NewAutoIndex(entity.COSINE)))))
	w.load("types")
	nullable, err := column.NewNullableColumnInt32("i32", []int32{7}, []bool{true, false})
	require.NoError(t, err)
	_, err = w.c.Insert(w.ctx, mc.NewColumnBasedInsertOption("types",
		column.NewColumnVarChar("id", []string{"one", "two"}),
		column.NewColumnFloatVector("vec", dim, [][]float32{vector(1), vector(2)}),
		column.NewColumnBool("b", []bool{true, false}), column.NewColumnInt8("i8", []int8{-128, 127}),
		column.NewColumnInt16("i16", []int16{-32768, 32767}), nullable,
		column.NewColumnDouble("d", []float64{1e300, -0.5}),
		column.NewColumnJSONBytes("j", [][]byte{[]byte(`{"a":[1,2]}`), []byte(`{}`)}),
		column.NewColumnInt64Array("arr", [][]int64{{1, 2}, {}})))
	require.NoError(t, err)
	w.flush("types")

	r, err := w.c.Query(w.ctx, mc.NewQueryOption("types").WithFilter(`id == "two"`).WithOutputFields("*").WithConsistencyLevel(entity.ClStrong))
	require.NoError(t, err)
	require.Equal(t, 1, r.ResultCount)
	get := func(name string) any {
		v, err := r.GetColumn(name).Get(0)
		require.NoError(t, err, name)
		return v
	}
	require.Equal(t, false, get("b"))
	require.Equal(t, int8(127), get("i8"))
	require.Equal(t, int16(32767), get("i16"))
	require.Equal(t, float32(1.5), get("f"))
	require.InDelta(t, -0.5, get("d"), 0)
	null, err := r.GetColumn("i32").IsNull(0)
	require.NoError(t, err)
	require.True(t, null)
	require.EqualValues(t, 1, w.count("types", `j["a"][1] == 2 and array_contains(arr, 2)`))
}

// TestAddField: rows that were there read as the default, before and after a restart.
func TestAddField(t *testing.T) {
	s := newServer(t, "natsmq")
	w := newWalk(t, s)
	w.create("c", index.NewFlatIndex(entity.L2))
	w.insert("c", 0, 100)
	w.flush("c")
	w.insert("c", 100, 150)
	added := entity.NewField().WithName("x").WithDataType(entity.FieldTypeInt64).WithNullable(true).WithDefaultValueLong(7)
	require.NoError(t, w.c.AddCollectionField(w.ctx, mc.NewAddCollectionFieldOption("c", added)))
	require.ErrorContains(t, w.c.AddCollectionField(w.ctx, mc.NewAddCollectionFieldOption("c", added)), "duplicated field name x")
	require.EqualValues(t, 150, w.count("c", "x == 7"))
	w.insert("c", 150, 160) // columns of before: the server completes them
	_, err := w.c.Insert(w.ctx, mc.NewColumnBasedInsertOption("c", append(columns(160, 170), column.NewColumnInt64("x", make([]int64, 10)))...))
	require.NoError(t, err)
	for range 2 {
		require.EqualValues(t, 160, w.count("c", "x == 7"))
		require.EqualValues(t, 10, w.count("c", "x == 0"))
		d, err := w.c.DescribeCollection(w.ctx, mc.NewDescribeCollectionOption("c"))
		require.NoError(t, err)
		last := d.Schema.Fields[len(d.Schema.Fields)-1]
		require.Equal(t, "x", last.Name)
		require.True(t, last.Nullable)
		s.kill()
		s.start(t)
		w.c = s.client(t)
	}
}

// TestErrors: a wrong request is answered with the server's words, and the
// connection goes on.
func TestErrors(t *testing.T) {
	w := newWalk(t, newServer(t, "natsmq"))
	w.create("a", index.NewFlatIndex(entity.L2))
	w.insert("a", 0, 10)
	_, err := w.c.Query(w.ctx, mc.NewQueryOption("a").WithFilter("absent == 1"))
	require.ErrorContains(t, err, "field absent not exist")
	_, err = w.c.Search(w.ctx, mc.NewSearchOption("a", 1, []entity.Vector{entity.FloatVector{1, 2}}).WithANNSField("vec"))
	require.ErrorContains(t, err, "vector dimension mismatch")
	_, err = w.c.Search(w.ctx, mc.NewSearchOption("absent", 1, []entity.Vector{entity.FloatVector(vector(1))}))
	require.ErrorContains(t, err, "absent")
	require.EqualValues(t, 10, w.count("a", ""))
}
