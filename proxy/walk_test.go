package proxy

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/redkite-db/redkite/internal/schema"
)

func kv(pairs ...string) []*commonpb.KeyValuePair {
	var out []*commonpb.KeyValuePair
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, &commonpb.KeyValuePair{Key: pairs[i], Value: pairs[i+1]})
	}
	return out
}

const testDim = 4

func testSchema(name string, autoID bool) *schemapb.CollectionSchema {
	return &schemapb.CollectionSchema{Name: name, EnableDynamicField: true, Fields: []*schemapb.FieldSchema{
		{Name: "id", DataType: schema.Int64, IsPrimaryKey: true, AutoID: autoID},
		{Name: "v", DataType: schema.FloatVector, TypeParams: kv("dim", fmt.Sprint(testDim))},
		{Name: "n", DataType: schema.Int32, Nullable: true},
		{Name: "s", DataType: schema.VarChar, TypeParams: kv("max_length", "16")},
	}}
}

// ok fails the test unless the status is a success.
func ok(t *testing.T, r interface{ GetStatus() *commonpb.Status }, err error) {
	t.Helper()
	require.NoError(t, err)
	require.Zero(t, r.GetStatus().GetCode(), r.GetStatus().GetReason())
}

func done(t *testing.T, st *commonpb.Status, err error) {
	t.Helper()
	require.NoError(t, err)
	require.Zero(t, st.GetCode(), st.GetReason())
}

// rowData makes the columns of rows with these ids: vector (id, 0, 0, 0), n = id
// (null for odd ids), s = "s<id>", and the dynamic key d = id.
func rowData(withID bool, ids ...int64) []*schemapb.FieldData {
	var vectors []float32
	var ns []int32
	var valid []bool
	var texts []string
	var dyn [][]byte
	for _, id := range ids {
		vectors = append(vectors, float32(id), 0, 0, 0)
		if valid = append(valid, id%2 == 0); id%2 == 0 {
			ns = append(ns, int32(id))
		}
		texts = append(texts, fmt.Sprint("s", id))
		dyn = append(dyn, fmt.Appendf(nil, `{"d":%d,"e":true}`, id))
	}
	out := []*schemapb.FieldData{
		{FieldName: "v", Type: schema.FloatVector, Field: &schemapb.FieldData_Vectors{Vectors: &schemapb.VectorField{Dim: testDim, Data: &schemapb.VectorField_FloatVector{FloatVector: &schemapb.FloatArray{Data: vectors}}}}},
		scalars("n", schema.Int32, &schemapb.ScalarField{Data: &schemapb.ScalarField_IntData{IntData: &schemapb.IntArray{Data: ns}}}),
		scalars("s", schema.VarChar, &schemapb.ScalarField{Data: &schemapb.ScalarField_StringData{StringData: &schemapb.StringArray{Data: texts}}}),
		scalars("", schema.JSON, &schemapb.ScalarField{Data: &schemapb.ScalarField_JsonData{JsonData: &schemapb.JSONArray{Data: dyn}}}),
	}
	out[1].ValidData, out[3].IsDynamic = valid, true
	if withID {
		out = append(out, scalars("id", schema.Int64, &schemapb.ScalarField{Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: ids}}}))
	}
	return out
}

func scalars(name string, t schema.Type, s *schemapb.ScalarField) *schemapb.FieldData {
	return &schemapb.FieldData{FieldName: name, Type: t, Field: &schemapb.FieldData_Scalars{Scalars: s}}
}

func placeholders(vectors ...[]float32) []byte {
	p := &commonpb.PlaceholderValue{Tag: "$0", Type: commonpb.PlaceholderType_FloatVector}
	for _, v := range vectors {
		var raw []byte
		for _, x := range v {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
		p.Values = append(p.Values, raw)
	}
	raw, _ := proto.Marshal(&commonpb.PlaceholderGroup{Placeholders: []*commonpb.PlaceholderValue{p}}) // of a fresh message: no error
	return raw
}

func create(t *testing.T, c milvuspb.MilvusServiceClient, p *schemapb.CollectionSchema, shards int32) {
	t.Helper()
	raw, err := proto.Marshal(p)
	require.NoError(t, err)
	st, err := c.CreateCollection(context.Background(), &milvuspb.CreateCollectionRequest{CollectionName: p.Name, Schema: raw, ShardsNum: shards})
	done(t, st, err)
}

func loadIndexed(t *testing.T, c milvuspb.MilvusServiceClient, name string) {
	t.Helper()
	st, err := c.CreateIndex(context.Background(), &milvuspb.CreateIndexRequest{CollectionName: name, FieldName: "v", ExtraParams: kv("index_type", "HNSW", "metric_type", "L2", "params", `{"M":"16"}`)})
	done(t, st, err)
	st, err = c.LoadCollection(context.Background(), &milvuspb.LoadCollectionRequest{CollectionName: name})
	done(t, st, err)
}

func searchOf(name string, k int, vectors ...[]float32) *milvuspb.SearchRequest {
	return &milvuspb.SearchRequest{
		CollectionName: name, DslType: commonpb.DslType_BoolExprV1, Nq: int64(len(vectors)),
		SearchInput:  &milvuspb.SearchRequest_PlaceholderGroup{PlaceholderGroup: placeholders(vectors...)},
		SearchParams: kv("anns_field", "v", "topk", fmt.Sprint(k), "params", `{"ef":64}`, "metric_type", "L2", "round_decimal", "-1"),
	}
}

func ids(n int64) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = int64(i)
	}
	return out
}

func TestWalk(t *testing.T) {
	for _, shards := range []int32{1, 3} {
		t.Run(fmt.Sprint(shards, " shards"), func(t *testing.T) { walk(t, shards) })
	}
}

func walk(t *testing.T, shards int32) {
	ctx := context.Background()
	c, _, _ := serve(t)
	create(t, c, testSchema("c", false), shards)

	d, err := c.DescribeCollection(ctx, &milvuspb.DescribeCollectionRequest{CollectionName: "c"})
	ok(t, d, err)
	require.Len(t, d.Schema.Fields, 4, "the dynamic field is hidden")
	require.True(t, d.Schema.EnableDynamicField)
	require.Len(t, d.VirtualChannelNames, int(shards))
	require.Equal(t, shards, d.ShardsNum)

	m, err := c.Insert(ctx, &milvuspb.InsertRequest{CollectionName: "c", NumRows: 20, FieldsData: rowData(true, ids(20)...), SchemaTimestamp: d.UpdateTimestamp})
	ok(t, m, err)
	require.Equal(t, ids(20), m.IDs.GetIntId().Data)
	require.Equal(t, int64(20), m.InsertCnt)
	require.Len(t, m.SuccIndex, 20)
	require.NotZero(t, m.Timestamp)
	loadIndexed(t, c, "c")

	q, err := c.Query(ctx, &milvuspb.QueryRequest{CollectionName: "c", Expr: "id >= 5", OutputFields: []string{"s", "d", "v"}, QueryParams: kv("limit", "3", "offset", "1")})
	ok(t, q, err)
	require.Equal(t, []string{"s", "d", "v", "id"}, q.OutputFields)
	require.Equal(t, []string{"s6", "s7", "s8"}, q.FieldsData[0].GetScalars().GetStringData().Data)
	require.JSONEq(t, `{"d":6}`, string(q.FieldsData[1].GetScalars().GetJsonData().Data[0]))
	require.True(t, q.FieldsData[1].IsDynamic)
	require.Equal(t, []float32{6, 0, 0, 0}, q.FieldsData[2].GetVectors().GetFloatVector().Data[:4])
	require.Equal(t, []int64{6, 7, 8}, q.FieldsData[3].GetScalars().GetLongData().Data)
	require.Equal(t, "id", q.PrimaryFieldName)

	// Two queries, the second far from all rows; a filter; offset.
	req := searchOf("c", 3, []float32{4, 0, 0, 0}, []float32{100, 0, 0, 0})
	req.Dsl, req.OutputFields = "id % 2 == 0", []string{"*"}
	req.SearchParams = append(req.SearchParams, kv("offset", "1")...)
	s, err := c.Search(ctx, req)
	ok(t, s, err)
	require.Equal(t, []int64{3, 3}, s.Results.Topks)
	require.Equal(t, []int64{2, 6, 0}, s.Results.Ids.GetIntId().Data[:3])
	require.Equal(t, []int64{16, 14, 12}, s.Results.Ids.GetIntId().Data[3:])
	require.Equal(t, []float32{4, 4, 16}, s.Results.Scores[:3])
	require.Equal(t, []string{"id", "v", "n", "s", "$meta"}, s.Results.OutputFields)
	require.Len(t, s.Results.FieldsData, 5)

	req = searchOf("c", 3, []float32{4, 0, 0, 0})
	req.Dsl = "id < 0"
	s, err = c.Search(ctx, req)
	ok(t, s, err)
	require.Equal(t, []int64{0}, s.Results.Topks)
	require.Empty(t, s.Results.Scores)

	testDeletes(t, c)
	testUpsert(t, c)
	count(t, c, "c", "", 20-2-3)
	st, err := c.TruncateCollection(ctx, &milvuspb.TruncateCollectionRequest{CollectionName: "c"})
	ok(t, st, err)
	count(t, c, "c", "", 0)
	drop, err := c.DropCollection(ctx, &milvuspb.DropCollectionRequest{CollectionName: "c"})
	done(t, drop, err)
	has, err := c.HasCollection(ctx, &milvuspb.HasCollectionRequest{CollectionName: "c"})
	ok(t, has, err)
	require.False(t, has.Value)
}

func count(t *testing.T, c milvuspb.MilvusServiceClient, name, filter string, want int64) {
	t.Helper()
	q, err := c.Query(context.Background(), &milvuspb.QueryRequest{CollectionName: name, Expr: filter, OutputFields: []string{"count(*)"}})
	ok(t, q, err)
	require.Equal(t, "count(*)", q.FieldsData[0].FieldName)
	require.Equal(t, []int64{want}, q.FieldsData[0].GetScalars().GetLongData().Data)
	stats, err := c.GetCollectionStatistics(context.Background(), &milvuspb.GetCollectionStatisticsRequest{CollectionName: name})
	ok(t, stats, err)
	if filter == "" {
		require.Equal(t, fmt.Sprint(want), stats.Stats[0].Value)
	}
}

// A list of keys counts the keys, another filter the rows found.
func testDeletes(t *testing.T, c milvuspb.MilvusServiceClient) {
	ctx := context.Background()
	m, err := c.Delete(ctx, &milvuspb.DeleteRequest{CollectionName: "c", Expr: "id in [18, 19, 99]"})
	ok(t, m, err)
	require.Equal(t, int64(3), m.DeleteCnt)
	m, err = c.Delete(ctx, &milvuspb.DeleteRequest{CollectionName: "c", Expr: `s in ["s15", "s16", "s17", "s99"]`})
	ok(t, m, err)
	require.Equal(t, int64(3), m.DeleteCnt)
	m, err = c.Delete(ctx, &milvuspb.DeleteRequest{CollectionName: "c", Expr: "id in []"})
	ok(t, m, err)
	require.Zero(t, m.DeleteCnt)
	for _, all := range []string{"", "true", "1 == 1"} {
		m, err = c.Delete(ctx, &milvuspb.DeleteRequest{CollectionName: "c", Expr: all})
		require.NoError(t, err)
		require.Contains(t, m.Status.Reason, "delete plan can't be empty or always true : "+all)
	}
	m, err = c.Delete(ctx, &milvuspb.DeleteRequest{CollectionName: "c", Expr: "id in {ids}", ExprTemplateValues: map[string]*schemapb.TemplateValue{}})
	require.NoError(t, err)
	require.Contains(t, m.Status.Reason, "failed to create delete plan: cannot parse expression: id in {ids}")
	count(t, c, "c", "", 15)
}

func testUpsert(t *testing.T, c milvuspb.MilvusServiceClient) {
	ctx := context.Background()
	data := rowData(true, 3, 4, 5)
	data[2].GetScalars().GetStringData().Data = []string{"new", "new", "new"}
	m, err := c.Upsert(ctx, &milvuspb.UpsertRequest{CollectionName: "c", NumRows: 3, FieldsData: data})
	ok(t, m, err)
	require.Equal(t, int64(3), m.UpsertCnt)
	require.Equal(t, []int64{3, 4, 5}, m.IDs.GetIntId().Data)
	count(t, c, "c", `s == "new"`, 3)

	m, err = c.Upsert(ctx, &milvuspb.UpsertRequest{CollectionName: "c", NumRows: 2, FieldsData: rowData(true, 1, 1)})
	require.NoError(t, err)
	require.Contains(t, m.Status.Reason, "duplicate primary keys are not allowed in the same batch")
	m, err = c.Upsert(ctx, &milvuspb.UpsertRequest{CollectionName: "c", NumRows: 2, FieldsData: rowData(false, 1, 2)})
	require.NoError(t, err)
	require.Contains(t, m.Status.Reason, "must assign pk when upsert, primary field: id")
	count(t, c, "c", "", 15)
}

// With automatic ids an upsert removes the rows of the sent keys, and the new
// rows have new keys.
func TestAutoID(t *testing.T) {
	for _, shards := range []int32{1, 4} {
		ctx := context.Background()
		c, _, _ := serve(t)
		create(t, c, testSchema("c", true), shards)
		m, err := c.Insert(ctx, &milvuspb.InsertRequest{CollectionName: "c", NumRows: 9, FieldsData: rowData(false, ids(9)...)})
		ok(t, m, err)
		made := m.IDs.GetIntId().Data
		require.Len(t, made, 9)
		loadIndexed(t, c, "c")
		m, err = c.Insert(ctx, &milvuspb.InsertRequest{CollectionName: "c", NumRows: 1, FieldsData: rowData(true, 1)})
		require.NoError(t, err)
		require.Contains(t, m.Status.Reason, "can not assign primary field data when auto id enabled")

		m, err = c.Upsert(ctx, &milvuspb.UpsertRequest{CollectionName: "c", NumRows: 3, FieldsData: rowData(true, made[:3]...)})
		ok(t, m, err)
		require.NotContains(t, made, m.IDs.GetIntId().Data[0])
		count(t, c, "c", "", 9)
		count(t, c, "c", fmt.Sprintf("id in [%d, %d, %d]", made[0], made[1], made[2]), 0)
		count(t, c, "c", fmt.Sprintf("id in [%d]", m.IDs.GetIntId().Data[2]), 1)
	}
}

// A request goes to its own database, else to the connection's.
func TestDatabaseRouting(t *testing.T) {
	ctx := context.Background()
	c, _, _ := serve(t)
	st, err := c.CreateDatabase(ctx, &milvuspb.CreateDatabaseRequest{DbName: "other"})
	done(t, st, err)
	inOther := metadata.AppendToOutgoingContext(ctx, "dbname", "other")
	raw, err := proto.Marshal(testSchema("c", false))
	require.NoError(t, err)
	st, err = c.CreateCollection(inOther, &milvuspb.CreateCollectionRequest{CollectionName: "c", Schema: raw})
	done(t, st, err)
	shows := func(ctx context.Context, db string, want int) {
		t.Helper()
		r, err := c.ShowCollections(ctx, &milvuspb.ShowCollectionsRequest{DbName: db})
		ok(t, r, err)
		require.Len(t, r.CollectionNames, want)
	}
	shows(ctx, "", 0)
	shows(ctx, "other", 1)
	shows(inOther, "", 1)
	shows(inOther, "default", 0)
	nowhere := metadata.AppendToOutgoingContext(ctx, "dbname", "nowhere")
	r, err := c.Connect(nowhere, &milvuspb.ConnectRequest{})
	require.NoError(t, err)
	require.Equal(t, int32(800), r.Status.Code)
	require.Equal(t, "database not found[database=nowhere]", r.Status.Reason)
	require.Equal(t, "true", r.Status.ExtraInfo["is_input_error"])
	r, err = c.Connect(ctx, &milvuspb.ConnectRequest{})
	ok(t, r, err)
	require.Positive(t, r.Identifier)
	require.Equal(t, "3.0.0+redkite.0.0.0-test", r.ServerInfo.BuildTags)
}

// A missing collection is told in three ways.
func TestMissingCollection(t *testing.T) {
	ctx := context.Background()
	c, _, _ := serve(t)
	d, err := c.DescribeCollection(ctx, &milvuspb.DescribeCollectionRequest{CollectionName: "x"})
	require.NoError(t, err)
	require.Equal(t, "can't find collection[database=default][collection=x]", d.Status.Reason)
	require.Equal(t, int32(100), d.Status.Code)
	require.Equal(t, commonpb.ErrorCode_UnexpectedError, d.Status.ErrorCode)
	l, err := c.GetLoadState(ctx, &milvuspb.GetLoadStateRequest{CollectionName: "x"})
	ok(t, l, err)
	require.Equal(t, commonpb.LoadState_LoadStateNotExist, l.State)
	q, err := c.Query(ctx, &milvuspb.QueryRequest{CollectionName: "x", Expr: "id > 0"})
	require.NoError(t, err)
	require.Equal(t, "collection not found[database=default][collection=x]", q.Status.Reason)
	require.Equal(t, commonpb.ErrorCode_CollectionNotExists, q.Status.ErrorCode)
}

func TestDescribeIndex(t *testing.T) {
	ctx := context.Background()
	c, _, _ := serve(t)
	create(t, c, testSchema("c", false), 1)
	r, err := c.DescribeIndex(ctx, &milvuspb.DescribeIndexRequest{CollectionName: "c"})
	require.NoError(t, err)
	require.Equal(t, "index not found[collection=c]", r.Status.Reason)
	require.Equal(t, commonpb.ErrorCode_IndexNotExist, r.Status.ErrorCode)
	st, err := c.CreateIndex(ctx, &milvuspb.CreateIndexRequest{CollectionName: "c", FieldName: "v"})
	done(t, st, err)
	st, err = c.CreateIndex(ctx, &milvuspb.CreateIndexRequest{CollectionName: "c", FieldName: "n", IndexName: "scan", ExtraParams: kv("index_type", "AUTOINDEX")})
	done(t, st, err)
	r, err = c.DescribeIndex(ctx, &milvuspb.DescribeIndexRequest{CollectionName: "c"})
	ok(t, r, err)
	require.Len(t, r.IndexDescriptions, 2)
	require.Equal(t, "v", r.IndexDescriptions[0].IndexName)
	require.Equal(t, commonpb.IndexState_Finished, r.IndexDescriptions[0].State)
	want := kv("index_type", "AUTOINDEX", "metric_type", "COSINE")
	for i, p := range r.IndexDescriptions[0].Params {
		require.True(t, proto.Equal(want[i], p), p)
	}
	r, err = c.DescribeIndex(ctx, &milvuspb.DescribeIndexRequest{CollectionName: "c", IndexName: "no"})
	require.NoError(t, err)
	require.Equal(t, "index not found[indexName=no]", r.Status.Reason)
}

func TestFlush(t *testing.T) {
	ctx := context.Background()
	c, _, _ := serve(t)
	create(t, c, testSchema("c", false), 1)
	r, err := c.Flush(ctx, &milvuspb.FlushRequest{CollectionNames: []string{"c"}})
	ok(t, r, err)
	f, err := c.GetFlushState(ctx, &milvuspb.GetFlushStateRequest{CollectionName: "c", SegmentIDs: r.CollSegIDs["c"].Data, FlushTs: r.CollFlushTs["c"]})
	ok(t, f, err)
	require.True(t, f.Flushed)
	f, err = c.GetFlushState(ctx, &milvuspb.GetFlushStateRequest{SegmentIDs: []int64{77}})
	ok(t, f, err)
	require.True(t, f.Flushed, "no segment of that id is in memory")
	r, err = c.Flush(ctx, &milvuspb.FlushRequest{CollectionNames: []string{"x"}})
	require.NoError(t, err)
	require.Equal(t, int32(100), r.Status.Code)
}
