package proxy

import (
	"context"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
)

// CreateAlias gives a collection another name.
func (s *Server) CreateAlias(ctx context.Context, req *milvuspb.CreateAliasRequest) (*commonpb.Status, error) {
	if err := s.Limits.Schema.CheckAlias(req.GetAlias()); err != nil {
		return nil, err
	}
	ref, err := s.ref(ctx, req)
	if err != nil {
		return nil, err
	}
	return s.do(ctx, role.CreateAlias{CollectionRef: ref, Alias: req.GetAlias()})
}

// AlterAlias makes an alias stand for another collection.
func (s *Server) AlterAlias(ctx context.Context, req *milvuspb.AlterAliasRequest) (*commonpb.Status, error) {
	if err := s.Limits.Schema.CheckAlias(req.GetAlias()); err != nil {
		return nil, err
	}
	ref, err := s.ref(ctx, req)
	if err != nil {
		return nil, err
	}
	st, err := s.do(ctx, role.AlterAlias{CollectionRef: ref, Alias: req.GetAlias()})
	if merr.Is(err, merr.CollectionNotFound) { // Milvus names no database here
		return nil, merr.CollectionNotFound.With(merr.KV{Key: "collection", Value: ref.Name})
	}
	return st, err
}

// DropAlias drops an alias; a missing one is a success.
func (s *Server) DropAlias(ctx context.Context, req *milvuspb.DropAliasRequest) (*commonpb.Status, error) {
	if err := s.Limits.Schema.CheckAlias(req.GetAlias()); err != nil {
		return nil, err
	}
	return s.do(ctx, role.DropAlias{DB: dbOf(ctx, req), Alias: req.GetAlias()})
}

// DescribeAlias tells the collection that an alias stands for.
func (s *Server) DescribeAlias(ctx context.Context, req *milvuspb.DescribeAliasRequest) (*milvuspb.DescribeAliasResponse, error) {
	if err := s.Limits.Schema.CheckAlias(req.GetAlias()); err != nil {
		return nil, err
	}
	db := dbOf(ctx, req)
	alias, err := s.Root.Alias(ctx, db, req.GetAlias())
	if err != nil {
		return nil, err
	}
	info, err := s.Root.CollectionByID(ctx, alias.Collection)
	if err != nil {
		return nil, err
	}
	return &milvuspb.DescribeAliasResponse{Status: success(), DbName: db, Alias: alias.Name, Collection: info.Name}, nil
}

// ListAliases lists the aliases of a collection, or of a whole database.
func (s *Server) ListAliases(ctx context.Context, req *milvuspb.ListAliasesRequest) (*milvuspb.ListAliasesResponse, error) {
	db := dbOf(ctx, req)
	r := &milvuspb.ListAliasesResponse{Status: success(), DbName: db, CollectionName: req.GetCollectionName(), Aliases: []string{}}
	if req.GetCollectionName() != "" {
		info, err := s.collection(ctx, req)
		if err != nil {
			return nil, err
		}
		r.Aliases = append(r.Aliases, info.Aliases...)
		return r, nil
	}
	list, err := s.Root.Collections(ctx, db)
	if err != nil {
		return nil, err
	}
	for _, info := range list {
		r.Aliases = append(r.Aliases, info.Aliases...)
	}
	return r, nil
}
