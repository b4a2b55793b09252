package proxy

import (
	"context"

	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/schema"
)

// denials returns the properties of a database that forbid a request, and what
// they forbid; none for a request that no property concerns.
func denials(req any) (keys []string, what string) {
	switch req.(type) {
	case *milvuspb.InsertRequest, *milvuspb.UpsertRequest, *milvuspb.DeleteRequest:
		return []string{schema.DenyWriting}, "writing"
	case *milvuspb.SearchRequest, *milvuspb.QueryRequest:
		return []string{schema.DenyReading}, "reading"
	case *milvuspb.CreateCollectionRequest, *milvuspb.DropCollectionRequest, *milvuspb.LoadCollectionRequest, *milvuspb.ReleaseCollectionRequest:
		return []string{schema.DenyDDL, schema.DenyCollectionDDL}, "DDL"
	case *milvuspb.CreatePartitionRequest, *milvuspb.DropPartitionRequest, *milvuspb.LoadPartitionsRequest, *milvuspb.ReleasePartitionsRequest:
		return []string{schema.DenyDDL, schema.DenyPartitionDDL}, "DDL"
	case *milvuspb.CreateIndexRequest, *milvuspb.DropIndexRequest:
		return []string{schema.DenyDDL, schema.DenyIndex}, "DDL"
	case *milvuspb.FlushRequest:
		return []string{schema.DenyDDL, schema.DenyFlush}, "DDL"
	case *milvuspb.ManualCompactionRequest:
		return []string{schema.DenyDDL, schema.DenyCompaction}, "DDL"
	}
	return nil, ""
}

// denied reports a request that its database forbids. That the database does
// not exist is for the request itself to say.
func (s *Server) denied(ctx context.Context, req any) error {
	keys, what := denials(req)
	if keys == nil {
		return nil
	}
	db, err := s.Root.Database(ctx, dbOf(ctx, req.(interface{ GetDbName() string })))
	if err != nil || len(db.Properties) == 0 {
		return nil //nolint:nilerr // see above
	}
	for _, key := range keys {
		value, _ := lookup(db.Properties, key)
		if on, err := schema.Truth(value); err == nil && on {
			reason := "access has been disabled by the administrator: force deny " + what + " in database properties"
			return merr.QuotaExceeded.With(merr.KV{Key: "reason", Value: reason})
		}
	}
	return nil
}
