package proxy

import (
	"context"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
)

// partition finds a partition by name; nil if there is none.
func partition(info *role.CollectionInfo, name string) *schema.Partition {
	for _, p := range info.Partitions {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// partitionNotFound is error 200 for a name.
func partitionNotFound(name string) error {
	return merr.PartitionNotFound.With(merr.KV{Key: "partition", Value: name})
}

// partitionIDs finds the partitions of a list of names.
func partitionIDs(info *role.CollectionInfo, names []string) ([]base.ID, error) {
	var out []base.ID
	for _, name := range names {
		p := partition(info, strings.TrimSpace(name))
		if p == nil {
			return nil, partitionNotFound(name)
		}
		out = append(out, p.ID)
	}
	return out, nil
}

// CreatePartition creates a partition; an existing one is a success.
func (s *Server) CreatePartition(ctx context.Context, req *milvuspb.CreatePartitionRequest) (*commonpb.Status, error) {
	ref, err := s.ref(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := s.Limits.Schema.CheckPartitionName(req.GetPartitionName(), true); err != nil {
		return nil, err
	}
	info, err := s.Root.Collection(ctx, ref)
	if err != nil {
		return nil, err
	}
	if err := refusePartitions(info, "create partition"); err != nil {
		return nil, err
	}
	return s.do(ctx, role.CreatePartition{CollectionRef: ref, Partition: strings.TrimSpace(req.GetPartitionName())})
}

// DropPartition drops a released partition and its rows; a missing one is a success.
func (s *Server) DropPartition(ctx context.Context, req *milvuspb.DropPartitionRequest) (*commonpb.Status, error) {
	ref, err := s.ref(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := s.Limits.Schema.CheckPartitionName(req.GetPartitionName(), true); err != nil {
		return nil, err
	}
	info, err := s.Root.Collection(ctx, ref)
	if err != nil {
		return nil, err
	}
	if err := refusePartitions(info, "drop partition"); err != nil {
		return nil, err
	}
	return s.do(ctx, role.DropPartition{CollectionRef: ref, Partition: strings.TrimSpace(req.GetPartitionName())})
}

// HasPartition tells whether a partition exists.
func (s *Server) HasPartition(ctx context.Context, req *milvuspb.HasPartitionRequest) (*milvuspb.BoolResponse, error) {
	ref, err := s.ref(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := s.Limits.Schema.CheckPartitionName(req.GetPartitionName(), true); err != nil {
		return nil, err
	}
	info, err := s.Root.Collection(ctx, ref)
	if err != nil {
		return nil, err
	}
	return &milvuspb.BoolResponse{Status: success(), Value: partition(info, strings.TrimSpace(req.GetPartitionName())) != nil}, nil
}

// ShowPartitions lists the partitions of a collection, or those that are loaded.
func (s *Server) ShowPartitions(ctx context.Context, req *milvuspb.ShowPartitionsRequest) (*milvuspb.ShowPartitionsResponse, error) {
	info, err := s.described(ctx, req)
	if err != nil {
		return nil, err
	}
	wanted := make(map[base.ID]bool)
	ids, err := partitionIDs(info, req.GetPartitionNames())
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		wanted[id] = true
	}
	r := &milvuspb.ShowPartitionsResponse{Status: success()}
	for _, p := range info.Partitions {
		inMemory := req.GetType() == milvuspb.ShowType_InMemory
		if inMemory && (!isLoaded(info, p.ID) || len(wanted) > 0 && !wanted[p.ID]) {
			continue
		}
		r.PartitionNames = append(r.PartitionNames, p.Name)
		r.PartitionIDs = append(r.PartitionIDs, p.ID)
		r.CreatedTimestamps = append(r.CreatedTimestamps, uint64(p.CreatedAt))
		r.CreatedUtcTimestamps = append(r.CreatedUtcTimestamps, utc(p.CreatedAt))
		if !inMemory {
			continue
		}
		percent, err := s.Root.LoadProgress(ctx, info.ID, []base.ID{p.ID})
		if err != nil {
			return nil, err
		}
		r.InMemoryPercentages = append(r.InMemoryPercentages, percent)
	}
	return r, nil
}
