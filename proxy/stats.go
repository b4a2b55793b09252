package proxy

import (
	"context"
	"slices"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/role"
)

// GetCollectionStatistics counts the rows of a collection: exactly, deleted
// rows left out, if it is loaded; else deleted rows count until compaction.
func (s *Server) GetCollectionStatistics(ctx context.Context, req *milvuspb.GetCollectionStatisticsRequest) (*milvuspb.GetCollectionStatisticsResponse, error) {
	info, err := s.collection(ctx, req)
	if err != nil {
		return nil, err
	}
	n, err := s.statistics(ctx, info, nil)
	if err != nil {
		return nil, err
	}
	return &milvuspb.GetCollectionStatisticsResponse{Status: success(), Stats: rowCount(n)}, nil
}

// GetPartitionStatistics counts the rows of a partition, as
// GetCollectionStatistics does.
func (s *Server) GetPartitionStatistics(ctx context.Context, req *milvuspb.GetPartitionStatisticsRequest) (*milvuspb.GetPartitionStatisticsResponse, error) {
	info, err := s.collection(ctx, req)
	if err != nil {
		return nil, err
	}
	p := partition(info, req.GetPartitionName())
	if p == nil {
		return nil, partitionNotFound(req.GetPartitionName())
	}
	n, err := s.statistics(ctx, info, []base.ID{p.ID})
	if err != nil {
		return nil, err
	}
	return &milvuspb.GetPartitionStatisticsResponse{Status: success(), Stats: rowCount(n)}, nil
}

func rowCount(n int64) []*commonpb.KeyValuePair {
	return []*commonpb.KeyValuePair{{Key: "row_count", Value: strconv.FormatInt(n, 10)}}
}

// statistics counts rows exactly where all of what is asked for is loaded.
func (s *Server) statistics(ctx context.Context, info *role.CollectionInfo, parts []base.ID) (int64, error) {
	loaded := info.Load != nil && (info.Load.All || len(parts) > 0 && checkLoaded(info, parts, nil) == nil)
	if !loaded {
		return s.countRows(ctx, info, parts)
	}
	percent, err := s.Root.LoadProgress(ctx, info.ID, parts)
	if err != nil || percent < 100 {
		return s.countRows(ctx, info, parts)
	}
	found, err := s.retrieve(ctx, info, &role.RetrieveRequest{
		Collection: info, Partitions: parts, At: role.ReadPoint{Consistency: strong}, CountOnly: true, Limit: -1,
	}, 0)
	if err != nil {
		return 0, err
	}
	return found.Count, nil
}

// countRows adds up the rows of segments (parts nil: of all partitions): those
// that are written, and those in memory that are not deleted.
func (s *Server) countRows(ctx context.Context, info *role.CollectionInfo, parts []base.ID) (int64, error) {
	wanted := func(p base.ID) bool { return len(parts) == 0 || slices.Contains(parts, p) }
	// Growing first: a segment that is written meanwhile is then not missed.
	growing, err := s.Data.Growing(ctx, info.ID)
	if err != nil {
		return 0, err
	}
	list, err := s.Root.List(ctx, info.ID)
	if err != nil {
		return 0, err
	}
	var n int64
	written := make(map[base.ID]bool, len(list))
	for _, seg := range list {
		written[seg.ID] = true
		if !seg.Dropped && wanted(seg.Partition) {
			n += seg.Rows
		}
	}
	for _, seg := range growing {
		if !written[seg.Segment] && wanted(seg.Partition) {
			n += seg.Live
		}
	}
	return n, nil
}
