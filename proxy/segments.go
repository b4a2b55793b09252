package proxy

import (
	"context"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
)

// Flush seals the growing segments of collections and begins to write them;
// GetFlushState tells when they are written.
func (s *Server) Flush(ctx context.Context, req *milvuspb.FlushRequest) (*milvuspb.FlushResponse, error) {
	db := dbOf(ctx, req)
	r := &milvuspb.FlushResponse{
		Status: success(), DbName: db,
		CollSegIDs: map[string]*schemapb.LongArray{}, FlushCollSegIDs: map[string]*schemapb.LongArray{},
		CollSealTimes: map[string]int64{}, CollFlushTs: map[string]uint64{},
	}
	if len(req.GetCollectionNames()) == 0 {
		return nil, merr.ParameterMissing.Msg("flush needs the name of a collection")
	}
	for _, name := range req.GetCollectionNames() {
		info, err := s.named(ctx, db, name)
		if err != nil {
			return nil, err
		}
		sealed, err := s.Data.Seal(ctx, info.ID)
		if err != nil {
			return nil, err
		}
		r.CollSegIDs[name] = &schemapb.LongArray{Data: sealed.Segments}
		r.FlushCollSegIDs[name] = &schemapb.LongArray{Data: sealed.Flushed}
		r.CollSealTimes[name] = sealed.At.Time().Unix()
		r.CollFlushTs[name] = uint64(sealed.At)
	}
	return r, nil
}

// GetFlushState tells whether segments, and deletes up to a time, are written.
// Clients that name no collection ask about segments alone.
func (s *Server) GetFlushState(ctx context.Context, req *milvuspb.GetFlushStateRequest) (*milvuspb.GetFlushStateResponse, error) {
	if req.GetCollectionName() == "" {
		growing, err := s.anyGrowing(ctx, req.GetSegmentIDs())
		if err != nil {
			return nil, err
		}
		return &milvuspb.GetFlushStateResponse{Status: success(), Flushed: !growing}, nil
	}
	info, err := s.collection(ctx, req)
	if err != nil {
		return nil, err
	}
	done, err := s.Data.Flushed(ctx, info.ID, req.GetSegmentIDs(), base.Timestamp(req.GetFlushTs()))
	if err != nil {
		return nil, err
	}
	return &milvuspb.GetFlushStateResponse{Status: success(), Flushed: done}, nil
}

// anyGrowing reports whether one of the segments, of whatever collection, is
// not written yet.
func (s *Server) anyGrowing(ctx context.Context, ids []base.ID) (bool, error) {
	if len(ids) == 0 {
		return false, merr.ParameterMissing.Msg("GetFlushState needs the name of a collection, or segments")
	}
	dbs, err := s.Root.Databases(ctx)
	if err != nil {
		return false, err
	}
	for _, db := range dbs {
		list, err := s.Root.Collections(ctx, db.Name)
		if err != nil {
			return false, err
		}
		for _, info := range list {
			growing, err := s.Data.Growing(ctx, info.ID)
			if err != nil {
				return false, err
			}
			if slices.ContainsFunc(growing, func(g role.GrowingInfo) bool { return slices.Contains(ids, g.Segment) }) {
				return true, nil
			}
		}
	}
	return false, nil
}

// GetPersistentSegmentInfo lists the segments of a collection, those in memory
// too.
func (s *Server) GetPersistentSegmentInfo(ctx context.Context, req *milvuspb.GetPersistentSegmentInfoRequest) (*milvuspb.GetPersistentSegmentInfoResponse, error) {
	info, err := s.collection(ctx, req)
	if err != nil {
		return nil, err
	}
	r := &milvuspb.GetPersistentSegmentInfoResponse{Status: success()}
	list, err := s.Root.List(ctx, info.ID)
	if err != nil {
		return nil, err
	}
	written := make(map[base.ID]bool, len(list))
	for _, seg := range list {
		if written[seg.ID] = true; seg.Dropped {
			continue
		}
		r.Infos = append(r.Infos, &milvuspb.PersistentSegmentInfo{
			SegmentID: seg.ID, CollectionID: info.ID, PartitionID: seg.Partition, NumRows: seg.Rows,
			State: commonpb.SegmentState_Flushed, Level: commonpb.SegmentLevel(seg.Level),
		})
	}
	growing, err := s.Data.Growing(ctx, info.ID)
	if err != nil {
		return nil, err
	}
	for _, seg := range growing {
		if written[seg.Segment] {
			continue
		}
		state := commonpb.SegmentState_Growing
		if seg.Sealed {
			state = commonpb.SegmentState_Flushing
		}
		r.Infos = append(r.Infos, &milvuspb.PersistentSegmentInfo{
			SegmentID: seg.Segment, CollectionID: info.ID, PartitionID: seg.Partition, NumRows: seg.Rows, State: state, Level: commonpb.SegmentLevel_L1,
		})
	}
	return r, nil
}

// GetQuerySegmentInfo lists the segments that are served of a loaded collection.
func (s *Server) GetQuerySegmentInfo(ctx context.Context, req *milvuspb.GetQuerySegmentInfoRequest) (*milvuspb.GetQuerySegmentInfoResponse, error) {
	info, err := s.collection(ctx, req)
	if err != nil {
		return nil, err
	}
	if info.Load == nil {
		return nil, notLoaded(info)
	}
	list, err := s.Deps.Query.LoadedSegments(ctx, info.ID)
	if err != nil {
		return nil, err
	}
	r := &milvuspb.GetQuerySegmentInfoResponse{Status: success()}
	served := make(map[base.ID]bool, len(list))
	for _, seg := range list {
		served[seg.ID] = true
		one := &milvuspb.QuerySegmentInfo{
			SegmentID: seg.ID, CollectionID: info.ID, PartitionID: seg.Partition, NumRows: seg.Rows, MemSize: seg.Bytes,
			State: commonpb.SegmentState_Sealed, NodeIds: []int64{nodeID}, Level: commonpb.SegmentLevel(seg.Level),
		}
		for id := range seg.Indexes {
			for _, x := range info.Indexes {
				if x.ID == id {
					one.IndexID, one.IndexName = id, x.Name
				}
			}
		}
		r.Infos = append(r.Infos, one)
	}
	growing, err := s.Data.Growing(ctx, info.ID)
	if err != nil {
		return nil, err
	}
	for _, seg := range growing {
		if !served[seg.Segment] && isLoaded(info, seg.Partition) {
			r.Infos = append(r.Infos, &milvuspb.QuerySegmentInfo{
				SegmentID: seg.Segment, CollectionID: info.ID, PartitionID: seg.Partition, NumRows: seg.Rows, MemSize: seg.Bytes,
				State: commonpb.SegmentState_Growing, NodeIds: []int64{nodeID}, Level: commonpb.SegmentLevel_L1,
			})
		}
	}
	return r, nil
}
