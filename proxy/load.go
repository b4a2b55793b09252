package proxy

import (
	"context"
	"fmt"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
)

// defaultResourceGroup is the only one there is.
const defaultResourceGroup = "__default_resource_group"

// isLoaded reports whether a partition was asked to be loaded.
func isLoaded(info *role.CollectionInfo, id base.ID) bool {
	return info.Load != nil && (info.Load.All || slices.Contains(info.Load.Partitions, id))
}

// notLoaded is error 101 for a collection.
func notLoaded(info *role.CollectionInfo) error {
	return merr.CollectionNotLoaded.With(merr.KV{Key: "collection", Value: info.Name})
}

// loadRequest is what the two load requests have in common.
type loadRequest interface {
	collectionRequest
	GetReplicaNumber() int32
	GetResourceGroups() []string
	GetLoadFields() []string
	GetSkipLoadDynamicField() bool
	GetLoadParams() map[string]string
}

// LoadCollection asks for all partitions to be searchable, and returns at once.
func (s *Server) LoadCollection(ctx context.Context, req *milvuspb.LoadCollectionRequest) (*commonpb.Status, error) {
	info, err := s.collection(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := checkLoad(info, req); err != nil {
		return nil, err
	}
	return s.do(ctx, role.Load{CollectionRef: role.CollectionRef{DB: dbOf(ctx, req), Name: req.GetCollectionName()}, Replicas: max(1, req.GetReplicaNumber())})
}

// LoadPartitions asks for some partitions to be searchable, and returns at once.
func (s *Server) LoadPartitions(ctx context.Context, req *milvuspb.LoadPartitionsRequest) (*commonpb.Status, error) {
	info, err := s.collection(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := refusePartitions(info, "load partitions"); err != nil {
		return nil, err
	}
	if _, err := partitionIDs(info, req.GetPartitionNames()); err != nil {
		return nil, err
	}
	if len(req.GetPartitionNames()) == 0 {
		return nil, merr.ParameterInvalid.Msg("failed to load partition, due to no partition specified")
	}
	if err := checkLoad(info, req); err != nil {
		return nil, err
	}
	return s.do(ctx, role.Load{
		CollectionRef: role.CollectionRef{DB: dbOf(ctx, req), Name: req.GetCollectionName()}, Partitions: req.GetPartitionNames(), Replicas: max(1, req.GetReplicaNumber()),
	})
}

// checkLoad checks what a load request asks for beside partitions and replicas:
// every field, in the default resource group.
func checkLoad(info *role.CollectionInfo, req loadRequest) error {
	if err := checkLoadFields(info.Collection, req); err != nil {
		return err
	}
	for _, group := range req.GetResourceGroups() {
		if group != defaultResourceGroup {
			return merr.ResourceGroupNotFound.With(merr.KV{Key: "rg", Value: group})
		}
	}
	for key, value := range req.GetLoadParams() {
		if key != "load_priority" || value != "high" && value != "low" && value != "" {
			return merr.NotSupported("load parameter %s = %s", key, value)
		}
	}
	return nil
}

// checkLoadFields accepts a list of all fields; loading a part of them is not
// supported.
func checkLoadFields(c *schema.Collection, req loadRequest) error {
	fields := req.GetLoadFields()
	if len(fields) == 0 {
		if req.GetSkipLoadDynamicField() && c.DynamicOn {
			return merr.NotSupported("skip_load_dynamic_field")
		}
		return nil
	}
	for _, name := range fields {
		if c.Field(name) == nil {
			return merr.ParameterInvalid.Msg("field %s not exist", name)
		}
	}
	lacks := func(format string, f *schema.Field) error {
		return merr.ParameterInvalid.Msg("load field list %v "+format, fields, f.Name)
	}
	vector := false
	for _, f := range c.Fields {
		listed := slices.Contains(fields, f.Name)
		switch {
		case f.PrimaryKey && !listed:
			return lacks("does not contain primary key field %s", f)
		case f.ClusterKey && !listed:
			return lacks("does not contain clustering key field %s", f)
		}
		vector = vector || f.IsVector() && listed
	}
	if !vector {
		return merr.ParameterInvalid.Msg("load field list %v does not contain vector field", fields)
	}
	for _, f := range c.Fields {
		if !f.Dynamic && !slices.Contains(fields, f.Name) || f.Dynamic && req.GetSkipLoadDynamicField() {
			return merr.NotSupported("loading a part of the fields (load_fields without %s)", f.Name)
		}
	}
	return nil
}

// ReleaseCollection ends the loading of all partitions.
func (s *Server) ReleaseCollection(ctx context.Context, req *milvuspb.ReleaseCollectionRequest) (*commonpb.Status, error) {
	ref, err := s.ref(ctx, req)
	if err != nil {
		return nil, err
	}
	if _, err := s.Root.Collection(ctx, ref); err != nil {
		return nil, err
	}
	return s.do(ctx, role.Release{CollectionRef: ref})
}

// ReleasePartitions ends the loading of some partitions.
func (s *Server) ReleasePartitions(ctx context.Context, req *milvuspb.ReleasePartitionsRequest) (*commonpb.Status, error) {
	info, err := s.collection(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := refusePartitions(info, "release partitions"); err != nil {
		return nil, err
	}
	if len(req.GetPartitionNames()) == 0 {
		return nil, merr.InvalidParameter("any partition", "empty partition list", "")
	}
	if _, err := partitionIDs(info, req.GetPartitionNames()); err != nil {
		return nil, err
	}
	return s.do(ctx, role.Release{
		CollectionRef: role.CollectionRef{DB: dbOf(ctx, req), Name: req.GetCollectionName()}, Partitions: req.GetPartitionNames(),
	})
}

// GetLoadState tells whether a collection, or partitions of it, are loaded. A
// missing collection is an answer, not an error.
func (s *Server) GetLoadState(ctx context.Context, req *milvuspb.GetLoadStateRequest) (*milvuspb.GetLoadStateResponse, error) {
	state := func(v commonpb.LoadState) (*milvuspb.GetLoadStateResponse, error) {
		return &milvuspb.GetLoadStateResponse{Status: success(), State: v}, nil
	}
	info, err := s.collection(ctx, req)
	if merr.Is(err, merr.CollectionNotFound) || merr.Is(err, merr.DatabaseNotFound) {
		return state(commonpb.LoadState_LoadStateNotExist)
	}
	if err != nil {
		return nil, err
	}
	percent, err := s.progress(ctx, info, req.GetPartitionNames())
	switch {
	case merr.Is(err, merr.CollectionNotLoaded) || merr.Is(err, merr.PartitionNotLoaded):
		return state(commonpb.LoadState_LoadStateNotLoad)
	case err != nil:
		return nil, err
	case percent < 100:
		return state(commonpb.LoadState_LoadStateLoading)
	}
	return state(commonpb.LoadState_LoadStateLoaded)
}

// GetLoadingProgress tells how much of a collection, or of partitions, is loaded.
func (s *Server) GetLoadingProgress(ctx context.Context, req *milvuspb.GetLoadingProgressRequest) (*milvuspb.GetLoadingProgressResponse, error) {
	info, err := s.collection(ctx, req)
	if err != nil {
		return nil, err
	}
	percent, err := s.progress(ctx, info, req.GetPartitionNames())
	if err != nil {
		return nil, err
	}
	return &milvuspb.GetLoadingProgressResponse{Status: success(), Progress: percent, RefreshProgress: percent}, nil
}

func (s *Server) progress(ctx context.Context, info *role.CollectionInfo, names []string) (int64, error) {
	ids, err := partitionIDs(info, names)
	if err != nil {
		return 0, err
	}
	if info.Load == nil {
		return 0, notLoaded(info)
	}
	for i, id := range ids {
		if !isLoaded(info, id) {
			return 0, merr.PartitionNotLoaded.With(merr.KV{Key: "partition", Value: names[i]})
		}
	}
	return s.Root.LoadProgress(ctx, info.ID, ids)
}

// GetReplicas tells of the one replica that a loaded collection has.
func (s *Server) GetReplicas(ctx context.Context, req *milvuspb.GetReplicasRequest) (*milvuspb.GetReplicasResponse, error) {
	info, err := s.described(ctx, req)
	if err != nil {
		return nil, err
	}
	if info.Load == nil {
		return nil, notLoaded(info)
	}
	replica := &milvuspb.ReplicaInfo{
		ReplicaID: info.ID, CollectionID: info.ID, PartitionIds: info.Load.Partitions, NodeIds: []int64{nodeID},
		ResourceGroupName: defaultResourceGroup, NumOutboundNode: map[string]int32{},
	}
	if info.Load.All {
		replica.PartitionIds = nil
		for _, p := range info.Partitions {
			replica.PartitionIds = append(replica.PartitionIds, p.ID)
		}
	}
	for _, shard := range info.ShardList() {
		replica.ShardReplicas = append(replica.ShardReplicas, &milvuspb.ShardReplica{
			LeaderID: nodeID, LeaderAddr: fmt.Sprintf("node %d", nodeID), DmChannelName: shard.VChannel(info.Channel), NodeIds: []int64{nodeID},
		})
	}
	return &milvuspb.GetReplicasResponse{Status: success(), Replicas: []*milvuspb.ReplicaInfo{replica}}, nil
}
