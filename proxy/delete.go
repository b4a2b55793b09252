package proxy

import (
	"context"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/mq"
)

// Delete removes the rows of a filter. A filter that only lists primary keys
// is appended as it is, and counts the keys it lists; any other is answered by
// a Strong read first, and counts the rows found.
func (s *Server) Delete(ctx context.Context, req *milvuspb.DeleteRequest) (*milvuspb.MutationResult, error) {
	if req.Namespace != nil {
		return nil, merr.NotSupported("namespace of a delete")
	}
	var r *milvuspb.MutationResult
	err := retryMismatch(ctx, func() (err error) {
		r, err = s.delete(ctx, req)
		return err
	})
	return r, err
}

func (s *Server) delete(ctx context.Context, req *milvuspb.DeleteRequest) (*milvuspb.MutationResult, error) {
	info, err := s.collection(ctx, req)
	if err != nil {
		return nil, err
	}
	plan, err := s.plan(info, req.GetExpr(), req.GetExprTemplateValues())
	if err != nil {
		return nil, merr.AsInput(merr.ParameterInvalid.Msg("failed to create delete plan: %v", err))
	}
	if plan.AlwaysTrue() {
		return nil, merr.ParameterInvalid.Msg("delete plan can't be empty or always true : %s", req.GetExpr())
	}
	var parts []base.ID
	if err := refuseNames(info, req.GetPartitionName()); err != nil {
		return nil, err
	}
	if name := req.GetPartitionName(); name != "" {
		if err := s.Limits.Schema.CheckPartitionName(name, true); err != nil {
			return nil, err
		}
		if parts, err = partitionIDs(info, []string{strings.TrimSpace(name)}); err != nil {
			return nil, err
		}
	}
	keys, err := s.keysToDelete(ctx, info, plan, parts)
	if err != nil {
		return nil, err
	}
	r := &milvuspb.MutationResult{Status: success(), IDs: &schemapb.IDs{}, DeleteCnt: int64(keys.Len())}
	if keys.Len() == 0 {
		ts, err := s.Root.Timestamp(ctx)
		r.Timestamp = uint64(ts)
		return r, err
	}
	var part base.ID
	if len(parts) > 0 {
		part = parts[0]
	}
	g := s.newGroup()
	g.Messages = deletes(info, part, keys)
	ts, err := s.Writer.Append(ctx, info.Channel, g)
	if err != nil {
		return nil, err
	}
	r.Timestamp = uint64(ts)
	s.metrics.deleted.Add(float64(keys.Len()))
	return r, nil
}

// deletes are the messages that delete keys in a partition; 0: in all of them.
func deletes(info *role.CollectionInfo, part base.ID, keys *column.Column) []*mq.Message {
	shards := info.ShardList()
	one := func(shard base.Shard, keys *column.Column) *mq.Message {
		return &mq.Message{Kind: mq.Delete, Shard: shard, Partition: part, SchemaVersion: info.Version, Keys: keys}
	}
	if len(shards) == 1 {
		return []*mq.Message{one(shards[0], keys)}
	}
	var out []*mq.Message
	for i, list := range split(keys, len(shards)) {
		if len(list) > 0 {
			out = append(out, one(shards[i], pick(keys, list)))
		}
	}
	return out
}

func (s *Server) keysToDelete(ctx context.Context, info *role.CollectionInfo, plan *expr.Plan, parts []base.ID) (*column.Column, error) {
	pk := info.Primary()
	if set, ok := plan.PrimaryKeys(); ok {
		return &column.Column{Type: pk.Type, Int64s: set.Ints, Bytes: column.BytesOf(set.Strings...)}, nil
	}
	if plan.AlwaysFalse() {
		return column.New(pk), nil
	}
	if err := checkLoaded(info, parts, nil); err != nil {
		return nil, merr.Wrap(err, "failed to query rows to delete")
	}
	if len(parts) == 0 {
		parts = prune(info, plan)
	}
	found, err := s.retrieve(ctx, info, &role.RetrieveRequest{
		Collection: info, Partitions: parts, At: role.ReadPoint{Consistency: strong}, Plan: plan, Limit: -1,
	}, 0)
	if err != nil {
		return nil, err
	}
	if found.Keys == nil {
		return column.New(pk), nil
	}
	return found.Keys, nil
}

// strong reads all that was acknowledged.
const strong = schema.Consistency(0)
