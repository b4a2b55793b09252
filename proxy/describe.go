package proxy

import (
	"context"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
)

// describeRequest names a collection by name, alias or id.
type describeRequest interface {
	collectionRequest
	GetCollectionID() int64
}

// described finds the collection that a request names, by id if it has no name.
func (s *Server) described(ctx context.Context, r describeRequest) (*role.CollectionInfo, error) {
	if r.GetCollectionName() == "" && r.GetCollectionID() != 0 {
		return s.Root.CollectionByID(ctx, r.GetCollectionID())
	}
	return s.collection(ctx, r)
}

// DescribeCollection tells all about a collection.
func (s *Server) DescribeCollection(ctx context.Context, req *milvuspb.DescribeCollectionRequest) (*milvuspb.DescribeCollectionResponse, error) {
	info, err := s.described(ctx, req)
	if merr.Is(err, merr.CollectionNotFound) {
		return missingCollection(dbOf(ctx, req), req.GetCollectionName()), nil
	}
	if err != nil {
		return nil, err
	}
	return s.describe(info), nil
}

// missingCollection is what clients expect of a collection that does not exist:
// code 100 with the legacy code UnexpectedError and a text of its own.
func missingCollection(db, name string) *milvuspb.DescribeCollectionResponse {
	st := merr.Status(merr.AsInput(merr.CollectionNotFound.Text("can't find collection[database=%s][collection=%s]", db, name)))
	st.ErrorCode = commonpb.ErrorCode_UnexpectedError
	return &milvuspb.DescribeCollectionResponse{Status: st, Schema: &schemapb.CollectionSchema{}, CollectionName: name, DbName: db}
}

func (s *Server) describe(info *role.CollectionInfo) *milvuspb.DescribeCollectionResponse {
	r := &milvuspb.DescribeCollectionResponse{
		Status: success(), Schema: info.ToProto(), CollectionID: info.ID, CollectionName: info.Name,
		CreatedTimestamp: uint64(info.CreatedAt), CreatedUtcTimestamp: utc(info.CreatedAt),
		ShardsNum: info.Shards, Aliases: info.Aliases, ConsistencyLevel: info.Consistency, Properties: info.Properties,
		DbName: info.DBName, DbId: info.DB, NumPartitions: int64(len(info.Partitions)),
		RequestTime: uint64(s.now()), UpdateTimestamp: uint64(info.UpdatedAt),
		UpdateTimestampStr: strconv.FormatUint(uint64(info.UpdatedAt), 10),
	}
	for _, shard := range info.ShardList() {
		r.VirtualChannelNames = append(r.VirtualChannelNames, shard.VChannel(info.Channel))
		r.PhysicalChannelNames = append(r.PhysicalChannelNames, string(info.Channel))
	}
	return r
}

// utc is a timestamp's time in nanoseconds, as Milvus reports creation times.
func utc(ts base.Timestamp) uint64 { return uint64(ts.Time().UnixNano()) }

// BatchDescribeCollection describes each collection of a list; one that is
// missing has its status.
func (s *Server) BatchDescribeCollection(ctx context.Context, req *milvuspb.BatchDescribeCollectionRequest) (*milvuspb.BatchDescribeCollectionResponse, error) {
	r := &milvuspb.BatchDescribeCollectionResponse{Status: success()}
	add := func(one *milvuspb.DescribeCollectionRequest) {
		d, err := s.DescribeCollection(ctx, one)
		if err != nil {
			d = &milvuspb.DescribeCollectionResponse{Status: merr.Status(err)}
		}
		r.Responses = append(r.Responses, d)
	}
	for _, name := range req.GetCollectionName() {
		add(&milvuspb.DescribeCollectionRequest{DbName: req.GetDbName(), CollectionName: name})
	}
	for _, id := range req.GetCollectionID() {
		add(&milvuspb.DescribeCollectionRequest{DbName: req.GetDbName(), CollectionID: id})
	}
	return r, nil
}

// ShowCollections lists the collections of a database, or those that are loaded.
func (s *Server) ShowCollections(ctx context.Context, req *milvuspb.ShowCollectionsRequest) (*milvuspb.ShowCollectionsResponse, error) {
	list, err := s.Root.Collections(ctx, dbOf(ctx, req))
	if err != nil {
		return nil, err
	}
	r := &milvuspb.ShowCollectionsResponse{Status: success()}
	wanted := make(map[string]bool, len(req.GetCollectionNames()))
	for _, name := range req.GetCollectionNames() {
		wanted[name] = true
	}
	for _, info := range list {
		inMemory := req.GetType() == milvuspb.ShowType_InMemory
		if inMemory && (info.Load == nil || len(wanted) > 0 && !wanted[info.Name]) {
			continue
		}
		r.CollectionNames = append(r.CollectionNames, info.Name)
		r.CollectionIds = append(r.CollectionIds, info.ID)
		r.CreatedTimestamps = append(r.CreatedTimestamps, uint64(info.CreatedAt))
		r.CreatedUtcTimestamps = append(r.CreatedUtcTimestamps, utc(info.CreatedAt))
		r.ShardsNum = append(r.ShardsNum, info.Shards)
		if !inMemory {
			continue
		}
		percent, err := s.Root.LoadProgress(ctx, info.ID, nil)
		if err != nil {
			return nil, err
		}
		r.InMemoryPercentages = append(r.InMemoryPercentages, percent)
		r.QueryServiceAvailable = append(r.QueryServiceAvailable, percent >= 100)
	}
	return r, nil
}
