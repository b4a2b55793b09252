package proxy

import (
	"context"
	"fmt"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/scalarindex"
	"github.com/redkite-db/redkite/internal/schema"
)

// indexRequest is a request about one index, or all of a collection.
type indexRequest interface {
	collectionRequest
	GetIndexName() string
}

// describedIndexes returns the indexes that a request names, and their state.
func (s *Server) describedIndexes(ctx context.Context, req indexRequest) ([]*milvuspb.IndexDescription, error) {
	info, err := s.collection(ctx, req)
	if err != nil {
		return nil, err
	}
	var out []*milvuspb.IndexDescription
	for _, x := range info.Indexes {
		if req.GetIndexName() != "" && x.Name != req.GetIndexName() {
			continue
		}
		d, err := s.describeIndex(ctx, info, x)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	if len(out) > 0 {
		return out, nil
	}
	if req.GetIndexName() == "" {
		return nil, merr.IndexNotFound.With(merr.KV{Key: "collection", Value: req.GetCollectionName()})
	}
	return nil, merr.IndexNotFound.With(merr.KV{Key: "indexName", Value: req.GetIndexName()})
}

func (s *Server) describeIndex(ctx context.Context, info *role.CollectionInfo, x *schema.Index) (*milvuspb.IndexDescription, error) {
	f := info.FieldByID(x.Field)
	if f == nil {
		return nil, merr.Internal.Msg("index %s is on field %d, which collection %s does not have", x.Name, x.Field, info.Name)
	}
	state, err := s.Root.IndexState(ctx, info.ID, x.ID)
	if err != nil {
		return nil, fmt.Errorf("state of index %s: %w", x.Name, err)
	}
	d := &milvuspb.IndexDescription{
		IndexName: x.Name, IndexID: x.ID, FieldName: indexedName(f, x), Params: x.UserParams,
		TotalRows: state.Total, IndexedRows: state.Indexed, PendingIndexRows: state.Pending,
		State: commonpb.IndexState_Finished, IndexStateFailReason: state.Failed,
	}
	switch {
	case state.Failed != "":
		d.State = commonpb.IndexState_Failed
	case state.Pending > 0:
		d.State = commonpb.IndexState_InProgress
	}
	return d, nil
}

// indexedName is the name of what an index is on: for the dynamic field the key
// with which its path begins.
func indexedName(f *schema.Field, x *schema.Index) string {
	if path := scalarindex.Keys(x.Params[scalarindex.PathParam]); f.Dynamic && len(path) > 0 {
		return path[0]
	}
	return f.Name
}

// DescribeIndex tells of the indexes of a collection and how far they are built.
func (s *Server) DescribeIndex(ctx context.Context, req *milvuspb.DescribeIndexRequest) (*milvuspb.DescribeIndexResponse, error) {
	list, err := s.describedIndexes(ctx, req)
	if err != nil {
		return nil, err
	}
	return &milvuspb.DescribeIndexResponse{Status: success(), IndexDescriptions: list}, nil
}

// GetIndexStatistics tells the same as DescribeIndex.
func (s *Server) GetIndexStatistics(ctx context.Context, req *milvuspb.GetIndexStatisticsRequest) (*milvuspb.GetIndexStatisticsResponse, error) {
	list, err := s.describedIndexes(ctx, req)
	if err != nil {
		return nil, err
	}
	return &milvuspb.GetIndexStatisticsResponse{Status: success(), IndexDescriptions: list}, nil
}

// GetIndexState tells whether indexes are built.
//
// Deprecated: clients call DescribeIndex.
func (s *Server) GetIndexState(ctx context.Context, req *milvuspb.GetIndexStateRequest) (*milvuspb.GetIndexStateResponse, error) {
	list, err := s.describedIndexes(ctx, req)
	if err != nil {
		return nil, err
	}
	r := &milvuspb.GetIndexStateResponse{Status: success(), State: commonpb.IndexState_Finished}
	for _, d := range list {
		if d.State == commonpb.IndexState_Failed || r.State == commonpb.IndexState_Finished {
			r.State, r.FailReason = d.State, d.IndexStateFailReason
		}
	}
	return r, nil
}

// GetIndexBuildProgress tells how many rows are indexed.
//
// Deprecated: clients call DescribeIndex.
func (s *Server) GetIndexBuildProgress(ctx context.Context, req *milvuspb.GetIndexBuildProgressRequest) (*milvuspb.GetIndexBuildProgressResponse, error) {
	list, err := s.describedIndexes(ctx, req)
	if err != nil {
		return nil, err
	}
	return &milvuspb.GetIndexBuildProgressResponse{Status: success(), IndexedRows: list[0].IndexedRows, TotalRows: list[0].TotalRows}, nil
}
