package proxy

import (
	"context"
	"slices"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/redkite-db/redkite/internal/merr"
)

// Each property denies its calls and no other; an error that is not the denial
// says that a call was let through.
func TestDatabaseDenies(t *testing.T) {
	ctx := context.Background()
	c, s, conn := serve(t)
	calls := map[string]proto.Message{
		"Insert": &milvuspb.InsertRequest{}, "Upsert": &milvuspb.UpsertRequest{}, "Delete": &milvuspb.DeleteRequest{},
		"Search": &milvuspb.SearchRequest{}, "Query": &milvuspb.QueryRequest{},
		"CreateCollection": &milvuspb.CreateCollectionRequest{}, "DropCollection": &milvuspb.DropCollectionRequest{},
		"LoadCollection": &milvuspb.LoadCollectionRequest{}, "ReleaseCollection": &milvuspb.ReleaseCollectionRequest{},
		"CreatePartition": &milvuspb.CreatePartitionRequest{}, "DropPartition": &milvuspb.DropPartitionRequest{},
		"LoadPartitions": &milvuspb.LoadPartitionsRequest{}, "ReleasePartitions": &milvuspb.ReleasePartitionsRequest{},
		"CreateIndex": &milvuspb.CreateIndexRequest{}, "DropIndex": &milvuspb.DropIndexRequest{},
		"Flush": &milvuspb.FlushRequest{}, "ManualCompaction": &milvuspb.ManualCompactionRequest{},
		"DescribeCollection": &milvuspb.DescribeCollectionRequest{}, "TruncateCollection": &milvuspb.TruncateCollectionRequest{},
		"AlterDatabase": &milvuspb.AlterDatabaseRequest{}, "ShowCollections": &milvuspb.ShowCollectionsRequest{},
	}
	ddl := []string{"CreateCollection", "DropCollection", "LoadCollection", "ReleaseCollection", "CreatePartition", "DropPartition", "LoadPartitions", "ReleasePartitions", "CreateIndex", "DropIndex", "Flush", "ManualCompaction"}
	for _, tc := range []struct {
		key, value, what string
		denied           []string
	}{
		{"writing", "true", "writing", []string{"Insert", "Upsert", "Delete"}},
		{"writing", "True", "writing", []string{"Insert", "Upsert", "Delete"}},
		{"writing", "false", "", nil},
		{"reading", "true", "reading", []string{"Search", "Query"}},
		{"ddl", "true", "DDL", ddl},
		{"collectionDDL", "true", "DDL", ddl[:4]},
		{"partitionDDL", "true", "DDL", ddl[4:8]},
		{"index", "true", "DDL", ddl[8:10]},
		{"flush", "true", "DDL", ddl[10:11]},
		{"compaction", "true", "DDL", ddl[11:]},
	} {
		st, err := c.CreateDatabase(ctx, &milvuspb.CreateDatabaseRequest{DbName: "d", Properties: kv("database.force.deny."+tc.key, tc.value)})
		done(t, st, err)
		for name, request := range calls {
			for _, db := range []string{"d", "default"} {
				req := proto.Clone(request)
				m := req.ProtoReflect()
				m.Set(m.Descriptor().Fields().ByName("db_name"), protoreflect.ValueOfString(db))
				full := "/milvus.proto.milvus.MilvusService/" + name
				answer := s.methods[full].answer.New().Interface()
				require.NoError(t, conn.Invoke(ctx, full, req, answer))
				st := statusOf(answer)
				if db == "d" && slices.Contains(tc.denied, name) {
					require.Equal(t, merr.QuotaExceeded.Number, st.Code, "%s: %s: %v", tc.key, name, st)
					require.Equal(t, "quota exceeded[reason=access has been disabled by the administrator: force deny "+tc.what+" in database properties]", st.Reason)
				} else {
					require.NotEqual(t, merr.QuotaExceeded.Number, st.Code, "%s: %s: %v", tc.key, name, st)
				}
			}
		}
		st, err = c.DropDatabase(ctx, &milvuspb.DropDatabaseRequest{DbName: "d"})
		done(t, st, err)
	}
	st, err := c.CreateDatabase(ctx, &milvuspb.CreateDatabaseRequest{DbName: "d", Properties: kv("database.force.deny.writing", "maybe")})
	require.NoError(t, err)
	require.Equal(t, "invalid database.force.deny.writing value: maybe, expected: true, false: invalid parameter", st.Reason)
}
