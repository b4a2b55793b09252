package proxy

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
)

// served are the RPCs that answer; docs/compat.md lists them.
const served = `AddCollectionField AllocTimestamp AlterAlias AlterCollection AlterCollectionField AlterCollectionSchema AlterDatabase AlterIndex BatchDescribeCollection CalcDistance CheckHealth
Connect CreateAlias CreateCollection CreateDatabase CreateIndex CreatePartition Delete DescribeAlias DescribeCollection DescribeDatabase DescribeIndex
DropAlias DropCollection DropDatabase DropIndex DropPartition Dummy Flush GetCollectionStatistics GetCompactionState GetCompactionStateWithPlans
GetComponentStates GetFlushState GetIndexBuildProgress GetIndexState GetIndexStatistics GetLoadState GetLoadingProgress GetMetrics GetPartitionStatistics
GetPersistentSegmentInfo GetQuerySegmentInfo GetReplicas GetVersion HasCollection HasPartition Insert ListAliases ListDatabases LoadCollection
LoadPartitions ManualCompaction Query ReleaseCollection ReleasePartitions RenameCollection Search ShowCollections ShowPartitions TruncateCollection Upsert`

// Every RPC of the protocol is served, or refused with a status that names it.
func TestEveryMethodAnswers(t *testing.T) {
	_, s, conn := serve(t)
	isServed := make(map[string]bool)
	for _, name := range strings.Fields(served) {
		isServed[name] = true
	}
	service := milvuspb.File_milvus_proto.Services().ByName("MilvusService")
	for i := range service.Methods().Len() {
		d := service.Methods().Get(i)
		name := string(d.Name())
		if isServed[name] || d.IsStreamingServer() {
			continue
		}
		request, err := protoregistry.GlobalTypes.FindMessageByName(d.Input().FullName())
		require.NoError(t, err)
		answer, err := protoregistry.GlobalTypes.FindMessageByName(d.Output().FullName())
		require.NoError(t, err)
		out := answer.New().Interface()
		err = conn.Invoke(context.Background(), fmt.Sprintf("/%s/%s", service.FullName(), name), request.New().Interface(), out)
		if d.Output().Fields().ByName("status") == nil && d.Output().FullName() != statusName {
			require.Equal(t, codes.Unimplemented, status.Code(err), name)
			continue
		}
		require.NoError(t, err, name)
		st := statusOf(out)
		require.Equal(t, int32(10), st.GetCode(), "%s: %v", name, st)
		require.Contains(t, st.GetReason(), name+" is not supported by this version: service unimplemented")
	}
	require.NotEmpty(t, s.methods)
}

// A field that this version's protocol lacks is not ignored.
func TestUnknownFieldIsRefused(t *testing.T) {
	c, _, _ := serve(t)
	req := &milvuspb.SearchRequest{CollectionName: "c"}
	req.ProtoReflect().SetUnknown(protoreflect.RawFields{0xc2, 0x01, 0x01, 'x'}) // field 24
	r, err := c.Search(context.Background(), req)
	require.NoError(t, err)
	require.Equal(t, "field number 24 of SearchRequest is not supported by this version: invalid parameter", r.Status.Reason)
}

func TestNotReady(t *testing.T) {
	c, s, conn := serve(t)
	health := grpc_health_v1.NewHealthClient(conn)
	ctx := context.Background()
	s.SetProgress(43)
	_, err := c.ShowCollections(ctx, &milvuspb.ShowCollectionsRequest{})
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.ErrorContains(t, err, "recovering 43 %")
	h, err := health.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	require.NoError(t, err)
	require.Equal(t, grpc_health_v1.HealthCheckResponse_NOT_SERVING, h.Status)
	state, err := c.GetComponentStates(ctx, &milvuspb.GetComponentStatesRequest{})
	ok(t, state, err)
	require.Equal(t, commonpb.StateCode_Initializing, state.State.StateCode)
	s.SetReady()
	h, err = health.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	require.NoError(t, err)
	require.Equal(t, grpc_health_v1.HealthCheckResponse_SERVING, h.Status)
	s.SetDraining()
	_, err = c.ShowCollections(ctx, &milvuspb.ShowCollectionsRequest{})
	require.ErrorContains(t, err, "stopping")
}

func TestTooManyTasks(t *testing.T) {
	c, s, _ := serve(t, func(d *Deps) { d.Limits.Tasks = 1 })
	s.tasks.Add(1)
	r, err := c.ListDatabases(context.Background(), &milvuspb.ListDatabasesRequest{})
	require.NoError(t, err)
	require.Equal(t, int32(4), r.Status.Code)
	s.tasks.Add(-1)
	r, err = c.ListDatabases(context.Background(), &milvuspb.ListDatabasesRequest{})
	ok(t, r, err)
}

// broken is a catalog with a bug.
type broken struct{ role.RootCoord }

func (broken) Databases(context.Context) ([]*schema.Database, error) { panic("a bug") }

func TestPanicIsAnswered(t *testing.T) {
	c, _, _ := serve(t, func(d *Deps) { d.Root = broken{d.Root} })
	r, err := c.ListDatabases(context.Background(), &milvuspb.ListDatabasesRequest{})
	require.NoError(t, err)
	require.Equal(t, int32(5), r.Status.Code)
	require.NotContains(t, r.Status.Reason, "a bug")
}

func TestSearchRefuses(t *testing.T) {
	c, _, _ := serve(t)
	create(t, c, testSchema("c", false), 1)
	loadIndexed(t, c, "c")
	one := []float32{1, 0, 0, 0}
	set := func(pairs ...string) func(*milvuspb.SearchRequest) {
		return func(r *milvuspb.SearchRequest) {
			for i := 0; i < len(pairs); i += 2 {
				r.SearchParams = append(kv(pairs[i], pairs[i+1]), r.SearchParams...)
			}
		}
	}
	group := func(p *commonpb.PlaceholderGroup) func(*milvuspb.SearchRequest) {
		return func(r *milvuspb.SearchRequest) {
			raw, err := proto.Marshal(p)
			require.NoError(t, err)
			r.SearchInput, r.Nq = &milvuspb.SearchRequest_PlaceholderGroup{PlaceholderGroup: raw}, 1
		}
	}
	name := "default"
	cases := []struct {
		text   string
		change func(*milvuspb.SearchRequest)
	}{
		{"topk [0] is invalid, it should be in range [1, 16384], but got 0", set("topk", "0")},
		{"topk [16385] is invalid", set("topk", "16385")},
		{"topk [9223372036854775807] is invalid", set("topk", "9223372036854775807")},
		{"topk [18446744073709551616] is invalid", set("topk", "18446744073709551616")},
		{"topk [1e3] is invalid", set("topk", "1e3")},
		{"topk [] is invalid", set("topk", "")},
		{"topk is required", func(r *milvuspb.SearchRequest) { r.SearchParams = kv("anns_field", "v") }},
		{"offset [-1] is invalid", set("offset", "-1")},
		{"offset [x] is invalid", set("offset", "x")},
		{"offset+topk [16387] is invalid", set("offset", "16384")},
		{"round_decimal [7] is invalid, should be -1 or an integer in range [0, 6]", set("round_decimal", "7")},
		{"fieldName(w) not found", set("anns_field", "w")},
		{"field (s) to search is not of vector data type", set("anns_field", "s")},
		{"metric type not match: invalid parameter[expected=L2][actual=IP]", set("metric_type", "IP")},
		{"parse ignore growing field failed", set("ignore_growing", "maybe")},
		{"search params is not a JSON object", set("params", "{{{")},
		{"search params is not a JSON object", set("params", strings.Repeat("[", 10001)+strings.Repeat("]", 10001))},
		{"search params is not a JSON object", set("params", `[1]`)},
		{"search params is not one JSON object", set("params", `{}{}`)},
		{"should be in range [1, 2147483647]", set("params", `{"ef":0}`)},
		{"param 'ef' (1000000000) should be in range [1, 1048576]", set("params", `{"ef":1000000000}`)},
		{"Type conflict in json: param 'ef' (32.0) should be integer", set("params", `{"ef":32.0}`)},
		{"metric type (L2), range_filter(2) must be less than radius(1)", set("params", `{"radius":1,"range_filter":2}`)},
		{"metric type (L2), range_filter(1) must be less than radius(1)", set("params", `{"radius":1,"range_filter":"1"}`)},
		{"param 'radius' (true) should be a number", set("params", `{"radius":true}`)},
		{"param 'range_filter' (1e39) should be in range", set("params", `{"radius":1,"range_filter":1e39}`)},
		{"range_filter requires radius to be set", set("params", `{"range_filter":1}`)},
		{"hints: x not supported", set("hints", "x")},
		{"input group size:0 is negative, failed to do search_groupby", set("group_by_field", "n", "group_size", "0")},
		{"input group size:11 exceeds configured max group size:10", set("group_by_field", "n", "group_size", "11")},
		{"failed to parse input group size:x", set("group_by_field", "n", "group_size", "x")},
		{"unsupported data type VECTOR_FLOAT for group by operator", set("group_by_field", "v")},
		{"cannot parse identifier: e[", set("group_by_field", "e[")},
		{"group_by with json path is not supported for multi-field group_by, field:e", set("group_by_fields", "n, e")},
		{"group_by_field s[1]: field s is not of type JSON", set("group_by_field", "s[1]")},
		{"Not allowed to do groupBy when doing iteration", set("group_by_field", "n", "iterator", "True")},
		{"Not allowed to do range-search when doing search-group-by", set("group_by_field", "n", "params", `{"radius":1}`)},
		{"search parameter order_by_fields is not supported", set("order_by_fields", "n")},
		{"order_by is not supported when using search iterator", set("order_by_fields", "n", "iterator", "True")},
		{"parse iterator v2 info failed: both iterator and search_iter_v2 must be set in the SDK", set("search_iter_v2", "true")},
		{"batch size is required", set("search_iter_v2", "true", "iterator", "True")},
		{"batch size is invalid, it should be in range [1, 16384], but got -1", set("search_iter_v2", "true", "iterator", "True", "search_iter_batch_size", "-1")},
		{"invalid token format", set("search_iter_v2", "true", "iterator", "True", "search_iter_id", "00000000-0000-0000-0000+000000000000")},
		{`failed to parse input last bound, "nan" is not a number`, set("search_iter_v2", "true", "iterator", "True", "search_iter_batch_size", "1", "search_iter_last_bound", "nan")},
		{"collection id:7 in the request is not consistent", set("collection_id", "7")},
		{"unknown or invalid IANA Time Zone ID: Mars/Base", set("timezone", "Mars/Base")},
		{"vector dimension mismatch, expected vector size(byte) 16, actual 12", func(r *milvuspb.SearchRequest) {
			r.SearchInput = &milvuspb.SearchRequest_PlaceholderGroup{PlaceholderGroup: placeholders([]float32{1, 2, 3})}
		}},
		{"nq (3) is not equal to the number of vectors (1)", func(r *milvuspb.SearchRequest) { r.Nq = 3 }},
		{"nq [-1] is invalid, nq (number of search vector per search request) should be in range [1, 16384], but got -1", func(r *milvuspb.SearchRequest) { r.Nq = -1 }},
		{"nq [0] is invalid", func(r *milvuspb.SearchRequest) { r.SearchInput, r.Nq = nil, 0 }},
		{"the placeholder group cannot be read", func(r *milvuspb.SearchRequest) {
			r.SearchInput = &milvuspb.SearchRequest_PlaceholderGroup{PlaceholderGroup: []byte{0xff}}
		}},
		{"the placeholder group has 0 placeholders", group(&commonpb.PlaceholderGroup{})},
		{"must have queries", group(&commonpb.PlaceholderGroup{Placeholders: []*commonpb.PlaceholderValue{{Type: commonpb.PlaceholderType_FloatVector}}})},
		{"vector type must be the same", group(&commonpb.PlaceholderGroup{Placeholders: []*commonpb.PlaceholderValue{{Type: commonpb.PlaceholderType_VarChar, Values: [][]byte{[]byte("x")}}}})},
		{"partition name zz not found", func(r *milvuspb.SearchRequest) { r.PartitionNames = []string{"zz"} }},
		{"parse output field name failed: a b", func(r *milvuspb.SearchRequest) { r.OutputFields = []string{"a b"} }},
		{"aggregates are not supported in search request", func(r *milvuspb.SearchRequest) { r.OutputFields = []string{"count(*)"} }},
		{"failed to create query plan: cannot parse expression: id >", func(r *milvuspb.SearchRequest) { r.Dsl = "id >" }},
		{"guarantee_timestamp 18446744073709551615 is too far in the future", func(r *milvuspb.SearchRequest) { r.GuaranteeTimestamp = 1<<64 - 1 }},
		{"consistency_level 9 is not one of", func(r *milvuspb.SearchRequest) { r.ConsistencyLevel = 9 }},
		{"search by primary keys", func(r *milvuspb.SearchRequest) { r.SearchInput = &milvuspb.SearchRequest_Ids{Ids: &schemapb.IDs{}} }},
		{"function_score", func(r *milvuspb.SearchRequest) { r.FunctionScore = &schemapb.FunctionScore{} }},
		{"highlighter", func(r *milvuspb.SearchRequest) { r.Highlighter = &commonpb.Highlighter{} }},
		{"search_aggregation", func(r *milvuspb.SearchRequest) { r.SearchAggregation = &commonpb.SearchAggregationSpec{} }},
		{"sub_reqs", func(r *milvuspb.SearchRequest) { r.SubReqs = []*milvuspb.SubSearchRequest{{}} }},
		{"namespace of a search", func(r *milvuspb.SearchRequest) { r.Namespace = &name }},
	}
	for _, test := range cases {
		req := searchOf("c", 3, one)
		test.change(req)
		r, err := c.Search(context.Background(), req)
		require.NoError(t, err, test.text)
		require.Contains(t, r.Status.Reason, test.text)
		require.Contains(t, []int32{1100, 1101}, r.Status.Code, test.text)
		require.False(t, r.Status.Retriable)
	}
}

func TestQueryRefuses(t *testing.T) {
	c, _, _ := serve(t)
	create(t, c, testSchema("c", false), 1)
	loadIndexed(t, c, "c")
	cases := []struct {
		expr   string
		output []string
		params []*commonpb.KeyValuePair
		text   string
	}{
		{"", nil, nil, "empty expression should be used with limit: invalid parameter"},
		{"id > 0", nil, kv("limit", "0"), "invalid max query result window, limit [0] is invalid, should be greater than 0"},
		{"id > 0", nil, kv("limit", "5", "offset", "-1"), "invalid max query result window, offset [-1] is invalid, should be gte than 0"},
		{"id > 0", nil, kv("limit", "16000", "offset", "1000"), "invalid max query result window, (offset+limit) should be in range [1, 16384], but got 17000"},
		{"id > 0", nil, kv("limit", "9223372036854775807", "offset", "9223372036854775807"), "invalid max query result window"},
		{"id > 0", nil, kv("limit", "zz"), "limit [zz] is invalid"},
		{"id > 0", nil, kv("limit", "1", "offset", "zz"), "offset [zz] is invalid"},
		{"id > 0", []string{"count(*)"}, kv("limit", "5"), "count entities with pagination is not allowed"},
		{"id > 0", []string{"count(*)", "id"}, nil, "output field 'id' is not allowed"},
		{"id > 0", []string{"max(*)"}, nil, "max(*) is not supported, only count(*) is allowed"},
		{"id > 0", []string{"max(id)"}, nil, "the aggregation max(id) is not supported by this version"},
		{"id > 0", []string{"sum(s)"}, nil, "aggregation operator sum does not support data type VarChar"},
		{"id > 0", []string{"max(zz)"}, nil, "target field zz for aggregation:max does not exist"},
		{"id > 0", nil, kv("order_by_fields", "n:asc", "limit", "1"), "order_by_fields of a query is not supported"},
		{"id > 0", nil, kv("group_by_fields", "n"), "group_by_fields of a query is not supported"},
		{"id > 0", nil, kv("iterator", "True", "query_iter_last_pk", "1", "query_iter_last_element_offset", "0"), "query parameter query_iter_last_pk is not supported"},
		{"id > 0", nil, kv("query_iter_last_pk", "1"), "query_iter_last_pk and query_iter_last_element_offset can only be used when iterator=true"},
		{"id > 0", nil, kv("iterator", "True", "limit", "1", "order_by_fields", "n"), "ORDER BY with iterator is not supported"},
		{"id > 0", nil, kv("iterator", "x"), "value for iterator field is invalid"},
		{"zz >", nil, nil, "failed to create query plan: cannot parse expression: zz >"},
	}
	for _, test := range cases {
		r, err := c.Query(context.Background(), &milvuspb.QueryRequest{CollectionName: "c", Expr: test.expr, OutputFields: test.output, QueryParams: test.params})
		require.NoError(t, err)
		require.Contains(t, r.Status.Reason, test.text)
		require.Equal(t, int32(1100), r.Status.Code)
	}
}

// The same limit that applies to a read of what is not loaded, per partition.
func TestNotLoaded(t *testing.T) {
	ctx := context.Background()
	c, _, _ := serve(t)
	create(t, c, testSchema("c", false), 1)
	st, err := c.CreatePartition(ctx, &milvuspb.CreatePartitionRequest{CollectionName: "c", PartitionName: "p"})
	done(t, st, err)
	q, err := c.Query(ctx, &milvuspb.QueryRequest{CollectionName: "c", Expr: "id > 0"})
	require.NoError(t, err)
	require.Equal(t, "failed to query: collection not loaded[collection=c]", q.Status.Reason)
	st, err = c.CreateIndex(ctx, &milvuspb.CreateIndexRequest{CollectionName: "c", FieldName: "v"})
	done(t, st, err)
	st, err = c.LoadPartitions(ctx, &milvuspb.LoadPartitionsRequest{CollectionName: "c", PartitionNames: []string{"_default"}})
	done(t, st, err)
	q, err = c.Query(ctx, &milvuspb.QueryRequest{CollectionName: "c", Expr: "id > 0", PartitionNames: []string{"p"}})
	require.NoError(t, err)
	require.Equal(t, "failed to query: partition not loaded[partition=p]", q.Status.Reason)
	q, err = c.Query(ctx, &milvuspb.QueryRequest{CollectionName: "c", Expr: "id > 0"})
	ok(t, q, err)
}

func TestCreateIndexRefuses(t *testing.T) {
	c, _, _ := serve(t)
	create(t, c, testSchema("c", false), 1)
	cases := []struct {
		field string
		extra []*commonpb.KeyValuePair
		code  int32
		text  string
	}{
		{"v", kv("index_type", "FOO", "metric_type", "L2"), 1100, "invalid parameter[expected=valid index][actual=invalid index type: FOO]"},
		{"v", kv("index_type", "HNSW"), 1100, "metric type not set for vector index"},
		{"v", kv("index_type", "HNSW", "metric_type", "FOO"), 1100, "float vector index does not support metric type: FOO"},
		{"v", kv("index_type", "HNSW", "metric_type", "L2", "params", `{"M":0}`), 1100, "Out of range in json: param 'M' (0) should be in range [2, 2048]"},
		{"v", kv("index_type", "HNSW", "metric_type", "L2", "M", "zz"), 1100, "invalid integer value, key: 'M', value: 'zz'"},
		{"v", kv("index_type", "HNSW", "metric_type", "L2", "params", "{{{"), 1100, "index params cannot be read"},
		{"v", kv("index_type", "HNSW", "index_type", "FLAT"), 1100, "duplicated index param (key=index_type)"},
		{"v", kv("index_type", "AUTOINDEX", "M", "16"), 1100, "only metric type can be passed when use AutoIndex"},
		{"v", kv("index_type", "AISAQ", "metric_type", "L2"), 1100, "index type AISAQ is not supported by this version"},
		{"v", kv("index_type", "DISKANN", "metric_type", "L2", "mmap.enabled", "true"), 1100, "index type DISKANN does not support mmap"},
		{"v", kv("index_type", "BIN_FLAT", "metric_type", "L2"), 1100, "data type FloatVector can't build with this index BIN_FLAT"},
		{"v", kv("index_type", "HNSW", "metric_type", "L2", "mmap.enabled", "maybe"), 1100, "invalid mmap.enabled value: maybe, expected: true, false"},
		{"v", kv("index_type", "HNSW", "metric_type", "L2", "big", strings.Repeat("x", 100<<10)), 1100, "index params size exceeds limit"},
		{"s", kv("index_type", "HNSW", "metric_type", "L2"), 1100, "data type VarChar can't build with this index HNSW"},
		{"s", kv("index_type", "NGRAM", "min_gram", "2"), 1100, "Ngram index must specify both min_gram and max_gram"},
		{"n", kv("index_type", "Trie"), 1100, "TRIE are only supported on varchar field"},
		{"id", kv("index_type", "BITMAP"), 1100, "create bitmap index on primary key not supported"},
		{"zz", nil, 1101, "json index must specify cast type: missing parameter[missing_param=json_cast_type]"},
		{"zz", kv("index_type", "INVERTED", "json_cast_type", "INT64"), 1100, "json_cast_type INT64 is not supported"},
		{"zz", kv("index_type", "INVERTED", "json_cast_type", "DOUBLE", "json_path", "/"), 1100, "cannot parse identifier: /"},
		{"zz", kv("index_type", "INVERTED", "json_cast_type", "DOUBLE", "json_path", "n"), 1100, "fieldID not match with field name"},
		{"zz", kv("index_type", "NGRAM", "json_cast_type", "JSON"), 1100, "JSON field with ngram index only supports VARCHAR cast type, got: JSON"},
		{"zz", kv("index_type", "BITMAP", "json_cast_type", "DOUBLE"), 1100, "json_cast_type DOUBLE is not supported for BITMAP index"},
	}
	for _, test := range cases {
		st, err := c.CreateIndex(context.Background(), &milvuspb.CreateIndexRequest{CollectionName: "c", FieldName: test.field, ExtraParams: test.extra})
		require.NoError(t, err)
		require.Contains(t, st.Reason, test.text)
		require.Equal(t, test.code, st.Code)
	}
}

// The levels as clients send them, and the two numbers that old ones send.
func TestReadPoint(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	s := New(Deps{Limits: DefaultLimits(), Clock: func() time.Time { return now }})
	recent := uint64(s.now()) - 5
	info := &role.CollectionInfo{Collection: &schema.Collection{Consistency: commonpb.ConsistencyLevel_Bounded}}
	cases := []struct {
		req  *milvuspb.QueryRequest
		want commonpb.ConsistencyLevel
		ts   uint64
	}{
		{&milvuspb.QueryRequest{UseDefaultConsistency: true}, commonpb.ConsistencyLevel_Bounded, uint64(s.now().Add(-5 * time.Second))},
		{&milvuspb.QueryRequest{}, commonpb.ConsistencyLevel_Strong, 0},
		{&milvuspb.QueryRequest{ConsistencyLevel: commonpb.ConsistencyLevel_Eventually}, commonpb.ConsistencyLevel_Eventually, 0},
		{&milvuspb.QueryRequest{ConsistencyLevel: commonpb.ConsistencyLevel_Session, GuaranteeTimestamp: recent}, commonpb.ConsistencyLevel_Session, recent},
		{&milvuspb.QueryRequest{ConsistencyLevel: commonpb.ConsistencyLevel_Session}, commonpb.ConsistencyLevel_Strong, 0},
		{&milvuspb.QueryRequest{GuaranteeTimestamp: recent}, commonpb.ConsistencyLevel_Customized, recent},
		{&milvuspb.QueryRequest{GuaranteeTimestamp: 1}, commonpb.ConsistencyLevel_Eventually, 0},
		{&milvuspb.QueryRequest{GuaranteeTimestamp: 2}, commonpb.ConsistencyLevel_Bounded, uint64(s.now().Add(-5 * time.Second))},
	}
	for _, test := range cases {
		got, err := s.readPoint(info, test.req, false)
		require.NoError(t, err)
		require.Equal(t, test.want, got.Consistency, test.req)
		require.Equal(t, test.ts, uint64(got.Guarantee), test.req)
		require.Zero(t, got.Exactly)
	}
	for _, req := range []*milvuspb.QueryRequest{
		{GuaranteeTimestamp: recent}, {GuaranteeTimestamp: recent, UseDefaultConsistency: true},
		{GuaranteeTimestamp: recent, ConsistencyLevel: commonpb.ConsistencyLevel_Eventually},
	} {
		got, err := s.readPoint(info, req, true)
		require.NoError(t, err)
		require.Equal(t, role.ReadPoint{Consistency: commonpb.ConsistencyLevel_Customized, Guarantee: base.Timestamp(recent), Exactly: base.Timestamp(recent)}, got)
	}
	got, err := s.readPoint(info, &milvuspb.QueryRequest{}, true)
	require.NoError(t, err)
	require.Equal(t, role.ReadPoint{Consistency: commonpb.ConsistencyLevel_Strong}, got, "the first page")
	_, err = s.readPoint(info, &milvuspb.QueryRequest{GuaranteeTimestamp: recent, ConsistencyLevel: 9}, true)
	require.ErrorContains(t, err, "consistency_level 9 is not one of")
}

func TestPlanCache(t *testing.T) {
	c := newPlanCache(16 * (entryBytes + 10))
	for i := range 100 {
		c.put(planKey{text: fmt.Sprintf("%010d", i)}, nil)
	}
	require.Len(t, c.mu.entries, 16)
	require.Equal(t, 16*(entryBytes+10), c.mu.bytes)
	c.put(planKey{text: strings.Repeat("x", 1000)}, nil)
	require.Len(t, c.mu.entries, 16, "a long filter is not kept")
}
