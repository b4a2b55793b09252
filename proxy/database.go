package proxy

import (
	"context"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
)

// CreateDatabase creates a database.
func (s *Server) CreateDatabase(ctx context.Context, req *milvuspb.CreateDatabaseRequest) (*commonpb.Status, error) {
	if err := s.Limits.Schema.CheckDatabaseName(req.GetDbName()); err != nil {
		return nil, err
	}
	if err := schema.CheckDatabaseProperties(req.GetProperties()); err != nil {
		return nil, err
	}
	return s.do(ctx, role.CreateDatabase{Name: req.GetDbName(), Properties: req.GetProperties()})
}

// DropDatabase drops an empty database; a missing one is a success.
func (s *Server) DropDatabase(ctx context.Context, req *milvuspb.DropDatabaseRequest) (*commonpb.Status, error) {
	if err := s.Limits.Schema.CheckDatabaseName(req.GetDbName()); err != nil {
		return nil, err
	}
	return s.do(ctx, role.DropDatabase{Name: req.GetDbName()})
}

// ListDatabases lists all databases.
func (s *Server) ListDatabases(ctx context.Context, _ *milvuspb.ListDatabasesRequest) (*milvuspb.ListDatabasesResponse, error) {
	dbs, err := s.Root.Databases(ctx)
	if err != nil {
		return nil, err
	}
	r := &milvuspb.ListDatabasesResponse{Status: success()}
	for _, db := range dbs {
		r.DbNames = append(r.DbNames, db.Name)
		r.DbIds = append(r.DbIds, db.ID)
		r.CreatedTimestamp = append(r.CreatedTimestamp, uint64(db.CreatedAt))
	}
	return r, nil
}

// AlterDatabase sets or deletes properties.
func (s *Server) AlterDatabase(ctx context.Context, req *milvuspb.AlterDatabaseRequest) (*commonpb.Status, error) {
	if req.GetDbName() == "" {
		return nil, merr.ParameterInvalid.Msg("alter database failed, database name does not exists")
	}
	if err := schema.CheckDatabaseProperties(req.GetProperties()); err != nil {
		return nil, err
	}
	return s.do(ctx, role.AlterDatabase{Name: req.GetDbName(), Set: req.GetProperties(), Delete: req.GetDeleteKeys()})
}

// DescribeDatabase tells the properties of a database.
func (s *Server) DescribeDatabase(ctx context.Context, req *milvuspb.DescribeDatabaseRequest) (*milvuspb.DescribeDatabaseResponse, error) {
	db, err := s.Root.Database(ctx, dbOf(ctx, req))
	if err != nil {
		return nil, err
	}
	return &milvuspb.DescribeDatabaseResponse{
		Status: success(), DbName: db.Name, DbID: db.ID, CreatedTimestamp: uint64(db.CreatedAt), Properties: db.Properties,
	}, nil
}

// do runs a command of the catalog.
func (s *Server) do(ctx context.Context, cmd role.Command) (*commonpb.Status, error) {
	if err := s.Root.Do(ctx, cmd); err != nil {
		return nil, err
	}
	return success(), nil
}
