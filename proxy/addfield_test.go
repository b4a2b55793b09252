package proxy

import (
	"context"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/mq"
)

func addRequest(fields ...*schemapb.FieldSchema) *milvuspb.AlterCollectionSchemaRequest {
	add := &milvuspb.AlterCollectionSchemaRequest_AddRequest{}
	for _, f := range fields {
		add.FieldInfos = append(add.FieldInfos, &milvuspb.AlterCollectionSchemaRequest_FieldInfo{FieldSchema: f})
	}
	return &milvuspb.AlterCollectionSchemaRequest{CollectionName: "c", Action: &milvuspb.AlterCollectionSchemaRequest_Action{
		Op: &milvuspb.AlterCollectionSchemaRequest_Action_AddRequest{AddRequest: add},
	}}
}

func TestAddField(t *testing.T) {
	ctx := context.Background()
	c, _, _ := serve(t)
	create(t, c, testSchema("c", false), 1)
	before, err := c.DescribeCollection(ctx, &milvuspb.DescribeCollectionRequest{CollectionName: "c"})
	ok(t, before, err)

	raw, err := proto.Marshal(&schemapb.FieldSchema{Name: "x", DataType: schema.Int64, Nullable: true})
	require.NoError(t, err)
	st, err := c.AddCollectionField(ctx, &milvuspb.AddCollectionFieldRequest{CollectionName: "c", Schema: raw})
	done(t, st, err)
	r, err := c.AlterCollectionSchema(ctx, addRequest(&schemapb.FieldSchema{Name: "y", DataType: schema.JSON, Nullable: true}))
	require.NoError(t, err)
	require.Zero(t, r.AlterStatus.Code)

	d, err := c.DescribeCollection(ctx, &milvuspb.DescribeCollectionRequest{CollectionName: "c"})
	ok(t, d, err)
	require.Len(t, d.Schema.Fields, 6)
	require.Equal(t, []string{"x", "y"}, []string{d.Schema.Fields[4].Name, d.Schema.Fields[5].Name})
	require.Greater(t, d.UpdateTimestamp, before.UpdateTimestamp)

	insert := &milvuspb.InsertRequest{CollectionName: "c", NumRows: 3, FieldsData: rowData(true, ids(3)...), SchemaTimestamp: before.UpdateTimestamp}
	m, err := c.Insert(ctx, insert)
	require.NoError(t, err)
	require.Equal(t, commonpb.ErrorCode_SchemaMismatch, m.Status.ErrorCode)
	insert.SchemaTimestamp = d.UpdateTimestamp
	m, err = c.Insert(ctx, insert)
	ok(t, m, err)
}

// The status of AlterCollectionSchema has a name of its own, and errors are in it.
func TestAlterSchemaRefuses(t *testing.T) {
	ctx := context.Background()
	c, _, _ := serve(t)
	create(t, c, testSchema("c", false), 1)
	x := func() *schemapb.FieldSchema {
		return &schemapb.FieldSchema{Name: "x", DataType: schema.Int64, Nullable: true}
	}
	indexed := addRequest(x())
	indexed.Action.GetAddRequest().FieldInfos[0].IndexName = "i"
	backfill := addRequest(x())
	backfill.Action.GetAddRequest().DoPhysicalBackfill = true
	unknown := x()
	unknown.ProtoReflect().SetUnknown(protoreflect.RawFields{0xc2, 0x3f, 0x01, 'x'})
	elsewhere := addRequest(x())
	elsewhere.CollectionName = "d"
	for text, req := range map[string]*milvuspb.AlterCollectionSchemaRequest{
		"collection name should not be empty":                        {Action: addRequest(x()).Action},
		"collection not found[database=default][collection=d]":       elsewhere,
		"action is nil in alter schema task":                         {CollectionName: "c"},
		"fieldInfos and function schema are both empty":              addRequest(),
		"For now, only one field info is supported":                  addRequest(x(), x()),
		"fieldSchema is nil in fieldInfos":                           addRequest(nil),
		"an index of the added field x is not supported":             indexed,
		"do_physical_backfill of AlterCollectionSchema":              backfill,
		"field x: field number 1016 of FieldSchema is not supported": addRequest(unknown),
		"duplicated field name n":                                    addRequest(&schemapb.FieldSchema{Name: "n", DataType: schema.Int64, Nullable: true}),
	} {
		r, err := c.AlterCollectionSchema(ctx, req)
		require.NoError(t, err, text)
		require.NotZero(t, r.AlterStatus.Code, text)
		require.Contains(t, r.AlterStatus.Reason, text)
	}
	bad, err := c.AddCollectionField(ctx, &milvuspb.AddCollectionFieldRequest{CollectionName: "c", Schema: []byte{0xff}})
	require.NoError(t, err)
	require.Equal(t, merr.ParameterInvalid.Number, bad.Code)
}

// lateWriter refuses the first writes, as an owner does that has not been told
// of a change yet, of which the catalog knows.
type lateWriter struct {
	Writer
	refusals int
}

func (w *lateWriter) Append(ctx context.Context, ch base.Channel, g *mq.Group) (base.Timestamp, error) {
	if w.refusals > 0 {
		w.refusals--
		return 0, merr.SchemaMismatch.With(merr.KV{Key: "collection", Value: "c"})
	}
	return w.Writer.Append(ctx, ch, g)
}

// Writes wait for an owner that learns of a change after the catalog does,
// those of a client that knows the newest schema too.
func TestWritesWaitForTheOwner(t *testing.T) {
	ctx := context.Background()
	late := &lateWriter{}
	c, _, _ := serve(t, func(d *Deps) { late.Writer, d.Writer = d.Writer, late })
	create(t, c, testSchema("c", false), 1)
	loadIndexed(t, c, "c")
	d, err := c.DescribeCollection(ctx, &milvuspb.DescribeCollectionRequest{CollectionName: "c"})
	ok(t, d, err)
	for _, ts := range []uint64{0, d.UpdateTimestamp} {
		late.refusals = 3
		m, err := c.Insert(ctx, &milvuspb.InsertRequest{CollectionName: "c", NumRows: 3, FieldsData: rowData(true, ids(3)...), SchemaTimestamp: ts})
		ok(t, m, err)
		require.Zero(t, late.refusals)
		late.refusals = 3
		m, err = c.Upsert(ctx, &milvuspb.UpsertRequest{CollectionName: "c", NumRows: 3, FieldsData: rowData(true, ids(3)...), SchemaTimestamp: ts})
		ok(t, m, err)
		late.refusals = 3
		m, err = c.Delete(ctx, &milvuspb.DeleteRequest{CollectionName: "c", Expr: "id == 1"})
		ok(t, m, err)
		require.Zero(t, late.refusals)
	}
	late.refusals = 1 << 20
	m, err := c.Insert(ctx, &milvuspb.InsertRequest{CollectionName: "c", NumRows: 3, FieldsData: rowData(true, ids(3)...)})
	require.NoError(t, err)
	require.Equal(t, merr.SchemaMismatch.Number, m.Status.Code)
}
