package proxy

import (
	"context"
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"golang.org/x/sync/errgroup"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/reduce"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
)

// readRequest is what search and query say of consistency.
type readRequest interface {
	GetGuaranteeTimestamp() uint64
	GetConsistencyLevel() commonpb.ConsistencyLevel
	GetUseDefaultConsistency() bool
}

// Timestamps that stand for a level, in requests of old clients.
const (
	eventualTime = 1
	boundedTime  = 2
)

// readPoint says how new the data of a read must be. One that is of an iterator
// comes with the time of the first page, but for this itself, and reads what was
// there then.
func (s *Server) readPoint(info *role.CollectionInfo, r readRequest, iterator bool) (role.ReadPoint, error) {
	level, ts := r.GetConsistencyLevel(), base.Timestamp(r.GetGuaranteeTimestamp())
	switch {
	case r.GetUseDefaultConsistency():
		level = info.Consistency
	case !validConsistency(level):
		return role.ReadPoint{}, merr.ParameterInvalid.Msg("consistency_level %d is not one of Strong, Session, Bounded, Eventually, Customized", level)
	case level == commonpb.ConsistencyLevel_Strong && ts > 0:
		level = commonpb.ConsistencyLevel_Customized // a client that knows no levels
	}
	iterator = iterator && ts > boundedTime
	if iterator {
		level = commonpb.ConsistencyLevel_Customized
	}
	if level == commonpb.ConsistencyLevel_Customized || level == commonpb.ConsistencyLevel_Session {
		switch ts {
		case 0:
			level = commonpb.ConsistencyLevel_Strong
		case eventualTime:
			level = commonpb.ConsistencyLevel_Eventually
		case boundedTime:
			level = commonpb.ConsistencyLevel_Bounded
		}
	}
	switch level {
	case commonpb.ConsistencyLevel_Strong, commonpb.ConsistencyLevel_Eventually:
		return role.ReadPoint{Consistency: level}, nil
	case commonpb.ConsistencyLevel_Bounded:
		return role.ReadPoint{Consistency: level, Guarantee: s.now().Add(-s.Limits.GracefulTime)}, nil
	}
	if latest := s.now().Add(s.Limits.MaxAhead); ts > latest {
		return role.ReadPoint{}, merr.ParameterInvalid.Msg("guarantee_timestamp %d is too far in the future: the server's time is %d, at most %s ahead of it can be waited for",
			ts, s.now(), s.Limits.MaxAhead)
	}
	point := role.ReadPoint{Consistency: level, Guarantee: ts}
	if iterator {
		point.Exactly = ts
	}
	return point, nil
}

// readPartitions finds the partitions that a read names.
func (s *Server) readPartitions(info *role.CollectionInfo, names []string) ([]base.ID, error) {
	if err := refuseNames(info, names...); err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := s.Limits.Schema.CheckPartitionName(name, false); err != nil {
			return nil, err
		}
	}
	var out []base.ID
	for _, name := range names {
		p := partition(info, strings.TrimSpace(name))
		if p == nil {
			return nil, merr.ParameterInvalid.Msg("partition name %s not found", name)
		}
		out = append(out, p.ID)
	}
	return out, nil
}

// checkLoaded reports a read of what is not loaded; names are those of parts.
func checkLoaded(info *role.CollectionInfo, parts []base.ID, names []string) error {
	if info.Load == nil {
		return notLoaded(info)
	}
	for i, id := range parts {
		if isLoaded(info, id) {
			continue
		}
		var name any = id
		if i < len(names) {
			name = names[i]
		}
		return merr.PartitionNotLoaded.With(merr.KV{Key: "partition", Value: name})
	}
	return nil
}

// ignoresGrowing reads ignore_growing.
func ignoresGrowing(params []*commonpb.KeyValuePair) (bool, error) {
	text, ok := lookup(params, "ignore_growing")
	if !ok {
		return false, nil
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		return false, merr.ParameterInvalid.Msg("parse ignore growing field failed")
	}
	return on, nil
}

// lookup returns the first value of a key.
func lookup(params []*commonpb.KeyValuePair, key string) (string, bool) {
	for _, kv := range params {
		if kv.GetKey() == key {
			return kv.GetValue(), true
		}
	}
	return "", false
}

// eachShard calls f for every shard of a collection, at the same time if there
// is more than one, and returns the first error.
func eachShard(ctx context.Context, info *role.CollectionInfo, f func(ctx context.Context, i int, shard base.Shard) error) error {
	if info.Shards == 1 {
		return f(ctx, 0, base.Shard{Collection: info.ID})
	}
	g, ctx := errgroup.WithContext(ctx)
	for i, shard := range info.ShardList() {
		g.Go(func() error { return f(ctx, i, shard) })
	}
	return g.Wait()
}

// retrieve asks every shard and merges their rows in key order, without the
// first offset of them. The request's Limit counts from after the offset.
func (s *Server) retrieve(ctx context.Context, info *role.CollectionInfo, r *role.RetrieveRequest, offset int) (*role.RetrieveResult, error) {
	limit := r.Limit
	if limit >= 0 {
		r.Limit += offset
	}
	parts := make([]*role.RetrieveResult, info.Shards)
	err := eachShard(ctx, info, func(ctx context.Context, i int, shard base.Shard) (err error) {
		one := *r
		one.Shard = shard
		parts[i], err = s.Deps.Query.Retrieve(ctx, &one)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(parts) == 1 && offset == 0 {
		return parts[0], nil
	}
	out := &role.RetrieveResult{}
	rows, keys, batches := make([]reduce.Rows, len(parts)), make([]*column.Column, len(parts)), make([]*column.Batch, len(parts))
	for i, p := range parts {
		out.Count += p.Count
		out.At = max(out.At, p.At)
		rows[i].Keys, keys[i], batches[i] = p.Keys, p.Keys, p.Rows
	}
	if r.CountOnly {
		return out, nil
	}
	picks := reduce.Ordered(rows, offset, limit)
	out.Keys = reduce.Gather(keys, picks)
	out.Rows = reduce.GatherBatch(batches, r.Output, picks)
	return out, nil
}

// primary returns the primary key's column of a result, empty if it has none.
func primary(pk *schema.Field, keys *column.Column) *column.Column {
	if keys == nil {
		return column.New(pk)
	}
	return keys
}
