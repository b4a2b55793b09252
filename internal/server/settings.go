package server

import (
	"github.com/redkite-db/redkite/configs"
	"github.com/redkite-db/redkite/datanode"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/proxy"
	"github.com/redkite-db/redkite/rootcoord"
)

func shareOf(size int64, share float64) int64 { return int64(float64(size) * share) }

// proxyLimits are the limits of requests.
func proxyLimits(c *configs.Config) proxy.Limits {
	l := proxy.DefaultLimits()
	l.Schema = schema.Limits{
		NameLength: c.Schema.MaxNameLength, DescriptionLength: c.Schema.MaxDescriptionLength, Fields: c.Schema.MaxFields,
		VectorFields: c.Schema.MaxVectorFields, Shards: int32(c.Schema.MaxShards), Dimension: c.Schema.MaxDim,
		VarCharLength: c.Schema.MaxVarCharLength, ArrayCapacity: c.Schema.MaxArrayCapacity,
		JSONLength: c.Schema.MaxJSONLength, Partitions: int64(c.Schema.MaxPartitions), KeyedPartitions: l.Schema.KeyedPartitions,
	}
	l.TopK, l.NQ, l.Window = int64(c.Request.MaxTopK), int64(c.Request.MaxNQ), int64(c.Request.MaxResultWindow)
	l.ResultBytes, l.InsertBytes = c.Request.MaxOutputSize, c.Request.MaxInsertSize
	l.ReceiveBytes, l.SendBytes = c.Proxy.MaxRecvSize, c.Proxy.MaxSendSize
	l.IndexParams, l.Tasks = c.Schema.MaxIndexParamsSize, int64(c.Proxy.MaxTasks)
	l.GracefulTime = c.Proxy.GracefulTime
	return l
}

// coordConfig is the coordinator's part.
func coordConfig(c *configs.Config) rootcoord.Config {
	r := rootcoord.Defaults()
	r.Root, r.Channel = c.Meta.RootPath, channel
	r.Limits = rootcoord.Limits{
		Databases: c.Schema.MaxDatabases, Collections: c.Schema.MaxCollections, CollectionsPerDB: c.Schema.MaxCollectionsPerDB,
		Partitions: c.Schema.MaxPartitions, Shards: int32(c.Schema.MaxShards), Capacity: c.Schema.MaxGeneralCapacity,
	}
	r.Sched.MinIndexRows = c.Segment.MinRowsToIndex
	// A merge, and the index over its output, must fit beside all else.
	r.Sched.MaxSegment = min(c.Segment.MaxSize, c.MemoryLimit/4)
	r.Sched.AutoCompaction = c.Compaction.Enabled && c.Compaction.Automatic
	return r
}

// sealPolicy says when growing rows are flushed. The log is kept below a
// quarter of what it may hold, and below a size that replays in seconds.
func sealPolicy(c *configs.Config) datanode.Policy {
	capacity := c.Log.NATS.MaxFileStore
	if c.Log.Type == configs.WoodpeckerMQ {
		capacity = c.Log.Woodpecker.MaxFileStore
	}
	return datanode.Policy{
		SegmentBytes: shareOf(c.Segment.MaxSize, c.Segment.SealProportion),
		MaxAge:       min(c.Segment.MaxLife, c.Segment.SyncPeriod),
		MaxIdle:      c.Segment.MaxIdle, IdleBytes: c.Segment.MinIdleSize,
		CrowdedBytes: shareOf(c.MemoryLimit, c.Memory.SealAbove), RoomyBytes: shareOf(c.MemoryLimit, c.Memory.SealUntil),
		LogBytes: min(capacity/4, 256<<20),
	}
}
