package proxy

import (
	"context"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"
	"google.golang.org/protobuf/proto"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
)

// AddCollectionField adds a nullable field to a collection, which may have rows.
func (s *Server) AddCollectionField(ctx context.Context, req *milvuspb.AddCollectionFieldRequest) (*commonpb.Status, error) {
	f := &schemapb.FieldSchema{}
	if err := proto.Unmarshal(req.GetSchema(), f); err != nil {
		return nil, merr.ParameterInvalid.Msg("the schema of the field to add to collection %s cannot be read: %v", req.GetCollectionName(), err)
	}
	if err := s.addField(ctx, req, f); err != nil {
		return nil, err
	}
	return success(), nil
}

// AlterCollectionSchema adds a field; to drop one, and functions, are refused.
func (s *Server) AlterCollectionSchema(ctx context.Context, req *milvuspb.AlterCollectionSchemaRequest) (*milvuspb.AlterCollectionSchemaResponse, error) {
	var f *schemapb.FieldSchema
	switch op := req.GetAction().GetOp().(type) {
	case *milvuspb.AlterCollectionSchemaRequest_Action_AddRequest:
		var err error
		if f, err = fieldToAdd(op.AddRequest); err != nil {
			return nil, err
		}
	case *milvuspb.AlterCollectionSchemaRequest_Action_DropRequest:
		return nil, merr.NotSupported("drop_request of AlterCollectionSchema")
	default:
		return nil, merr.ParameterInvalid.Msg("action is nil in alter schema task")
	}
	if err := s.addField(ctx, req, f); err != nil {
		return nil, err
	}
	return &milvuspb.AlterCollectionSchemaResponse{AlterStatus: success(), IndexStatus: success()}, nil
}

// fieldToAdd returns the one field of a request that has nothing else.
func fieldToAdd(req *milvuspb.AlterCollectionSchemaRequest_AddRequest) (*schemapb.FieldSchema, error) {
	infos := req.GetFieldInfos()
	switch {
	case len(req.GetFuncSchema()) > 0:
		return nil, merr.NotSupported("func_schema of AlterCollectionSchema")
	case req.GetDoPhysicalBackfill():
		return nil, merr.NotSupported("do_physical_backfill of AlterCollectionSchema")
	case len(infos) == 0:
		return nil, merr.ParameterInvalid.Msg("fieldInfos and function schema are both empty")
	case len(infos) > 1:
		return nil, merr.ParameterInvalid.Msg("For now, only one field info is supported")
	case infos[0].GetFieldSchema() == nil:
		return nil, merr.ParameterInvalid.Msg("fieldSchema is nil in fieldInfos")
	case infos[0].GetIndexName() != "" || len(infos[0].GetExtraParams()) > 0:
		return nil, merr.NotSupported("an index of the added field %s", infos[0].GetFieldSchema().GetName())
	}
	return infos[0].GetFieldSchema(), nil
}

// addField checks a field against the collection as it is and adds it.
func (s *Server) addField(ctx context.Context, req collectionRequest, f *schemapb.FieldSchema) error {
	if err := refuseUnknown(f); err != nil {
		return merr.Wrap(err, "field %s", f.GetName())
	}
	return retryMismatch(ctx, func() error {
		info, err := s.collection(ctx, req)
		if err != nil {
			return err
		}
		field, err := s.Limits.Schema.AddedField(info.Collection, f)
		if err != nil {
			return err
		}
		ref := role.CollectionRef{DB: dbOf(ctx, req), Name: req.GetCollectionName()}
		return s.Root.Do(ctx, role.AddField{CollectionRef: ref, Field: field, Checked: info.Collection})
	})
}
