package proxy

import (
	"context"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
)

// ManualCompaction asks for the segments of a collection to be merged.
func (s *Server) ManualCompaction(ctx context.Context, req *milvuspb.ManualCompactionRequest) (*milvuspb.ManualCompactionResponse, error) {
	switch {
	case req.GetPartitionId() != 0:
		return nil, merr.NotSupported("partition_id of a manual compaction")
	case req.GetChannel() != "":
		return nil, merr.NotSupported("channel of a manual compaction")
	case len(req.GetSegmentIds()) > 0:
		return nil, merr.NotSupported("segment_ids of a manual compaction")
	case req.GetTargetSize() != 0:
		return nil, merr.NotSupported("target_size of a manual compaction (force merge)")
	case req.GetMajorCompaction():
		return nil, merr.NotSupported("major_compaction (clustering)")
	}
	var info *role.CollectionInfo
	var err error
	if req.GetCollectionName() == "" {
		info, err = s.Root.CollectionByID(ctx, req.GetCollectionID())
	} else {
		info, err = s.collection(ctx, req)
	}
	if err != nil {
		return nil, err
	}
	id, plans, err := s.Root.Compact(ctx, info.ID, false)
	if err != nil {
		return nil, err
	}
	return &milvuspb.ManualCompactionResponse{Status: success(), CompactionID: id, CompactionPlanCount: int32(plans)}, nil
}

// GetCompactionState tells how far a manual compaction is.
func (s *Server) GetCompactionState(ctx context.Context, req *milvuspb.GetCompactionStateRequest) (*milvuspb.GetCompactionStateResponse, error) {
	st, err := s.Root.CompactionState(ctx, req.GetCompactionID())
	if err != nil {
		return nil, err
	}
	return &milvuspb.GetCompactionStateResponse{
		Status: success(), State: compactionState(st), ExecutingPlanNo: st.Executing, CompletedPlanNo: st.Completed, FailedPlanNo: st.Failed,
	}, nil
}

// GetCompactionStateWithPlans tells the state of a manual compaction; which
// segments went into which is not kept.
func (s *Server) GetCompactionStateWithPlans(ctx context.Context, req *milvuspb.GetCompactionPlansRequest) (*milvuspb.GetCompactionPlansResponse, error) {
	st, err := s.Root.CompactionState(ctx, req.GetCompactionID())
	if err != nil {
		return nil, err
	}
	return &milvuspb.GetCompactionPlansResponse{Status: success(), State: compactionState(st)}, nil
}

func compactionState(st role.CompactionState) commonpb.CompactionState {
	if st.Done {
		return commonpb.CompactionState_Completed
	}
	return commonpb.CompactionState_Executing
}
