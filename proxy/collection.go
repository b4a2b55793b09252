package proxy

import (
	"context"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"
	"google.golang.org/protobuf/proto"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
)

// collectionRequest is a request that names a collection.
type collectionRequest interface {
	GetDbName() string
	GetCollectionName() string
}

// collection finds the collection that a request names, by name or alias.
func (s *Server) collection(ctx context.Context, r collectionRequest) (*role.CollectionInfo, error) {
	return s.named(ctx, dbOf(ctx, r), r.GetCollectionName())
}

func (s *Server) named(ctx context.Context, db, name string) (*role.CollectionInfo, error) {
	if err := s.Limits.Schema.CheckCollectionName(name); err != nil {
		return nil, err
	}
	return s.Root.Collection(ctx, role.CollectionRef{DB: db, Name: name})
}

// ref names the collection of a request, whose name is well formed.
func (s *Server) ref(ctx context.Context, r collectionRequest) (role.CollectionRef, error) {
	if err := s.Limits.Schema.CheckCollectionName(r.GetCollectionName()); err != nil {
		return role.CollectionRef{}, err
	}
	return role.CollectionRef{DB: dbOf(ctx, r), Name: r.GetCollectionName()}, nil
}

// CreateCollection creates a collection; an identical one is a success.
func (s *Server) CreateCollection(ctx context.Context, req *milvuspb.CreateCollectionRequest) (*commonpb.Status, error) {
	p := &schemapb.CollectionSchema{}
	if err := proto.Unmarshal(req.GetSchema(), p); err != nil {
		return nil, merr.ParameterInvalid.Msg("the schema of collection %s cannot be read: %v", req.GetCollectionName(), err)
	}
	if err := refuseUnknown(p); err != nil {
		return nil, err
	}
	for _, f := range p.GetFields() {
		if err := refuseUnknown(f); err != nil {
			return nil, merr.Wrap(err, "field %s", f.GetName())
		}
	}
	if !validConsistency(req.GetConsistencyLevel()) {
		return nil, merr.ParameterInvalid.Msg("consistency_level %d is not one of Strong, Session, Bounded, Eventually, Customized", req.GetConsistencyLevel())
	}
	c, err := schema.FromProto(p, schema.Request{
		Name: req.GetCollectionName(), Shards: req.GetShardsNum(), Consistency: req.GetConsistencyLevel(),
		Properties: req.GetProperties(), NumPartitions: req.GetNumPartitions(),
	}, s.Limits.Schema)
	if err != nil {
		return nil, err
	}
	return s.do(ctx, role.CreateCollection{DB: dbOf(ctx, req), Collection: c, Partitions: keyedPartitions(c)})
}

func validConsistency(level commonpb.ConsistencyLevel) bool {
	_, ok := commonpb.ConsistencyLevel_name[int32(level)]
	return ok
}

// allowsAutoID reports whether rows may name their key though it is automatic.
func allowsAutoID(c *schema.Collection) (bool, error) {
	v, ok := c.Property(schema.AllowInsertAutoID)
	if !ok {
		return false, nil
	}
	on, err := schema.Truth(v)
	if err != nil {
		return false, merr.ParameterInvalid.Msg("invalid %s value: %s, expected: true, false", schema.AllowInsertAutoID, v)
	}
	return on, nil
}

// DropCollection drops a collection; a missing one is a success.
func (s *Server) DropCollection(ctx context.Context, req *milvuspb.DropCollectionRequest) (*commonpb.Status, error) {
	ref, err := s.ref(ctx, req)
	if err != nil {
		return nil, err
	}
	return s.do(ctx, role.DropCollection{CollectionRef: ref})
}

// HasCollection tells whether a collection, or an alias of that name, exists.
func (s *Server) HasCollection(ctx context.Context, req *milvuspb.HasCollectionRequest) (*milvuspb.BoolResponse, error) {
	_, err := s.collection(ctx, req)
	if err != nil && !merr.Is(err, merr.CollectionNotFound) {
		return nil, err
	}
	return &milvuspb.BoolResponse{Status: success(), Value: err == nil}, nil
}

// RenameCollection renames a collection, or moves it to another database.
func (s *Server) RenameCollection(ctx context.Context, req *milvuspb.RenameCollectionRequest) (*commonpb.Status, error) {
	if err := s.Limits.Schema.CheckCollectionName(req.GetNewName()); err != nil {
		return nil, err
	}
	db, newDB := dbOf(ctx, req), req.GetNewDBName()
	if newDB == "" {
		newDB = db
	}
	if db == newDB && req.GetOldName() == req.GetNewName() {
		return nil, merr.ParameterInvalid.Msg("collection name or database name should be different")
	}
	return s.do(ctx, role.RenameCollection{
		CollectionRef: role.CollectionRef{DB: db, Name: req.GetOldName()}, NewDB: newDB, NewName: req.GetNewName(),
	})
}

// TruncateCollection removes all rows.
func (s *Server) TruncateCollection(ctx context.Context, req *milvuspb.TruncateCollectionRequest) (*milvuspb.TruncateCollectionResponse, error) {
	ref, err := s.ref(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := s.Root.Do(ctx, role.Truncate{CollectionRef: ref}); err != nil {
		return nil, err
	}
	return &milvuspb.TruncateCollectionResponse{Status: success()}, nil
}

// AlterCollection sets or deletes properties; which may change is rootcoord's
// to say.
func (s *Server) AlterCollection(ctx context.Context, req *milvuspb.AlterCollectionRequest) (*commonpb.Status, error) {
	info, err := s.collection(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := schema.CheckProperties(req.GetProperties()); err != nil {
		return nil, err
	}
	return s.do(ctx, role.AlterCollection{
		CollectionRef: role.CollectionRef{DB: info.DBName, Name: info.Name}, Set: req.GetProperties(), Delete: req.GetDeleteKeys(),
	})
}

// AlterCollectionField sets or deletes parameters of a field.
func (s *Server) AlterCollectionField(ctx context.Context, req *milvuspb.AlterCollectionFieldRequest) (*commonpb.Status, error) {
	ref, err := s.ref(ctx, req)
	if err != nil {
		return nil, err
	}
	return s.do(ctx, role.AlterField{CollectionRef: ref, Field: req.GetFieldName(), Set: req.GetProperties(), Delete: req.GetDeleteKeys()})
}
