package configs

import "time"

// Config is what a process runs with. It is a value: whoever needs a part of it
// is handed that part, and nobody changes it. Sizes are in bytes. Each field
// names its key; docs/config.md has them all in one table.
type Config struct {
	// DataDir is the data directory (redkite.dataDir). The default is
	// ./redkite-data.
	DataDir string
	// Listen lists the hosts that the ports are bound on, as net.JoinHostPort
	// takes them; "" is every address (redkite.listen). The default is
	// 127.0.0.1 and ::1.
	Listen []string
	// MemoryLimit is the memory that the process plans for
	// (redkite.memoryLimit). The default is 3/4 of the memory of the machine or
	// of the control group, whichever is less.
	MemoryLimit int64
	// MetricsPort serves health and metrics, 0: nothing does
	// (common.MetricsPort, METRICS_PORT). The default is 9091.
	MetricsPort int
	// SIMD is the instruction set of the distance kernels, as vec.Named takes it
	// (common.simdType). The default is auto.
	SIMD string

	Proxy      Proxy
	Schema     SchemaLimits
	Request    RequestLimits
	Segment    Segment
	Compaction Compaction
	Memory     Memory
	Log        WAL
	Meta       Meta
	Logging    Logging
}

// Proxy is the public gRPC port.
type Proxy struct {
	// Port is the gRPC port (proxy.port). The default is 19530.
	Port int
	// MaxRecvSize and MaxSendSize bound one gRPC message
	// (proxy.grpc.serverMaxRecvSize, serverMaxSendSize). The defaults are 64 MiB
	// and 256 MiB.
	MaxRecvSize int
	MaxSendSize int
	// MaxTasks bounds the requests that are worked on at a time
	// (proxy.maxTaskNum). The default is 1024.
	MaxTasks int
	// DrainTimeout is how long a stop waits for requests in flight
	// (proxy.gracefulStopTimeout). The default is 3 s.
	DrainTimeout time.Duration
	// GracefulTime is how far a read of Bounded consistency may lag
	// (common.gracefulTime). The default is 5 s.
	GracefulTime time.Duration
}

// SchemaLimits bound names, schemas and how many of each there may be.
type SchemaLimits struct {
	// MaxNameLength bounds names, in bytes (proxy.maxNameLength). The default
	// is 255.
	MaxNameLength int
	// MaxDescriptionLength bounds a collection's description, in bytes
	// (proxy.maxCollectionDescriptionLength). The default is 1024.
	MaxDescriptionLength int
	// MaxFields bounds a collection's fields (proxy.maxFieldNum). The default
	// is 64.
	MaxFields int
	// MaxVectorFields bounds a collection's vector fields
	// (proxy.maxVectorFieldNum). The default is 10.
	MaxVectorFields int
	// MaxDim bounds a dense vector's dimension (proxy.maxDimension). The default
	// is 32768.
	MaxDim int
	// MaxShards bounds a collection's shards: the smaller of proxy.maxShardNum
	// and rootCoord.dmlChannelNum. The default is 16.
	MaxShards int
	// MaxVarCharLength bounds a VarChar's max_length, in bytes
	// (proxy.maxVarCharLength). The default is 65535.
	MaxVarCharLength int
	// MaxArrayCapacity bounds an Array's max_capacity (proxy.maxArrayCapacity).
	// The default is 4096.
	MaxArrayCapacity int
	// MaxJSONLength bounds one JSON value and one row's dynamic fields, in bytes
	// (common.JSONMaxLength). The default is 65536.
	MaxJSONLength int
	// MaxIndexParamsSize bounds an index's parameters, in bytes
	// (proxy.maxIndexParamsSize). The default is 100 KiB.
	MaxIndexParamsSize int
	// MaxPartitions bounds a collection's partitions
	// (rootCoord.maxPartitionNum). The default is 1024.
	MaxPartitions int
	// MaxDatabases bounds the databases, default included
	// (rootCoord.maxDatabaseNum). The default is 64.
	MaxDatabases int
	// MaxCollections bounds the collections of all databases
	// (quotaAndLimits.limits.maxCollectionNum). The default is 65536.
	MaxCollections int
	// MaxCollectionsPerDB bounds the collections of one database
	// (quotaAndLimits.limits.maxCollectionNumPerDB). The default is 65536.
	MaxCollectionsPerDB int
	// MaxGeneralCapacity bounds the sum over collections of partitions times
	// shards (rootCoord.maxGeneralCapacity). The default is 65536.
	MaxGeneralCapacity int
}

// RequestLimits bound one request and its answer.
type RequestLimits struct {
	// MaxTopK bounds a search's limit (quotaAndLimits.limits.topK). The default
	// is 16384.
	MaxTopK int
	// MaxNQ bounds a search's query vectors (quotaAndLimits.limits.nq). The
	// default is 16384.
	MaxNQ int
	// MaxResultWindow bounds offset + limit
	// (quotaAndLimits.limits.maxQueryResultWindow). The default is 16384.
	MaxResultWindow int
	// MaxOutputSize bounds the answer to a query or search, in bytes
	// (quotaAndLimits.limits.maxOutputSize). The default is 100 MiB.
	MaxOutputSize int64
	// MaxInsertSize bounds one insert or upsert, in bytes, -1: only by the gRPC
	// message (quotaAndLimits.limits.maxInsertSize). The default is -1.
	MaxInsertSize int64
}

// Segment says when rows are sealed, flushed and indexed.
type Segment struct {
	// MaxSize is the size that a segment aims at (dataCoord.segment.maxSize).
	// The default is 1 GiB.
	MaxSize int64
	// SealProportion of MaxSize seals a growing segment
	// (dataCoord.segment.sealProportion). The default is 0.12.
	SealProportion float64
	// MaxLife seals a growing segment of that age (dataCoord.segment.maxLife).
	// The default is 24 h.
	MaxLife time.Duration
	// MaxIdle seals a growing segment that got no row for so long and holds
	// MinIdleSize (dataCoord.segment.maxIdleTime). The default is 10 min.
	MaxIdle time.Duration
	// MinIdleSize is the least size that idleness seals
	// (dataCoord.segment.minSizeFromIdleToSealed). The default is 16 MiB.
	MinIdleSize int64
	// SyncPeriod is the age of the oldest unflushed row from which the segment
	// that holds the log back is flushed (dataNode.segment.syncPeriod). The
	// default is 24 h: the log is durable, and an idle server writes nothing.
	SyncPeriod time.Duration
	// MinRowsToIndex is the least rows of a sealed segment that gets an index of
	// its own; fewer are searched by scan
	// (indexCoord.segment.minSegmentNumRowsToEnableIndex). The default is 1024.
	MinRowsToIndex int64
}

// Compaction says when segments are merged.
type Compaction struct {
	// Enabled and Automatic together let segments be merged without a request
	// (dataCoord.enableCompaction, dataCoord.compaction.enableAutoCompaction).
	// The defaults are true.
	Enabled   bool
	Automatic bool
}

// Memory bounds rows that are not in objects yet, as shares of MemoryLimit.
type Memory struct {
	// SealAbove: when growing rows hold more than this share, the largest
	// segments are sealed and flushed early, until they hold SealUntil
	// (streaming.flush.growingSegmentBytesHwmThreshold and
	// growingSegmentBytesLwmThreshold). The defaults are 0.2 and 0.1.
	SealAbove float64
	SealUntil float64
	// StopWrites: when unflushed rows hold more than this share, writers wait
	// (redkite.memory.stopWrites). The default is 0.4.
	StopWrites float64
	// MaxWriteWait is how long a writer waits for room before it is refused with
	// Milvus's quota error (redkite.memory.maxWriteWait). The default is 10 s.
	MaxWriteWait time.Duration
}

// WAL is the write-ahead log.
type WAL struct {
	// Type is natsmq or woodpecker (mq.type). The default is natsmq.
	Type       string
	NATS       NATS
	Woodpecker Woodpecker
}

// Types of write-ahead logs.
const (
	NATSMQ       = "natsmq"
	WoodpeckerMQ = "woodpecker"
)

// NATS is the embedded JetStream (natsmq.server).
type NATS struct {
	// Port is a TCP port on the loopback for NATS clients, 0: none
	// (natsmq.server.port). The default is 0.
	Port int
	// MaxFileStore bounds the log's files, in bytes; a full log refuses writes
	// (natsmq.server.maxFileStore). The default is 16 GiB.
	MaxFileStore int64
	// MaxPayload bounds one message, in bytes (natsmq.server.maxPayload). The
	// default is 8 MiB.
	MaxPayload int
	// MaxPending bounds what is buffered for one connection, in bytes
	// (natsmq.server.maxPending). The default is 64 MiB.
	MaxPending int64
	// InitializeTimeout bounds the start (natsmq.server.initializeTimeout). The
	// default is 4 s.
	InitializeTimeout time.Duration
}

// Woodpecker is the project's own segmented log.
type Woodpecker struct {
	// SegmentSize is the size of one preallocated file
	// (woodpecker.client.segmentRollingPolicy.maxSize). The default is 32 MiB.
	SegmentSize int64
	// MaxFileStore bounds the log's files, in bytes; a full log refuses writes
	// (redkite.woodpecker.maxFileStore). The default is 16 GiB.
	MaxFileStore int64
}

// Meta is the catalog.
type Meta struct {
	// RootPath is the prefix of all keys in etcd (etcd.rootPath). The default is
	// by-dev.
	RootPath string
}

// Logging is the text logs.
type Logging struct {
	// Level is debug, info, warn or error (log.level). The default is info.
	Level string
	// Format is text or json (log.format). The default is text.
	Format string
	// Stdout also writes to standard output (log.stdout). The default is false.
	Stdout bool
	// Dir is the folder of the files, "": logs/ of the data directory
	// (log.file.rootPath). The default is "".
	Dir string
	// MaxSize is the size at which a file is put aside (log.file.maxSize). The
	// default is 8 MiB.
	MaxSize int64
	// MaxBackups is how many files put aside are kept (log.file.maxBackups). The
	// default is 4.
	MaxBackups int
	// MaxAge is how long they are kept (log.file.maxAge). The default is 10 days.
	MaxAge time.Duration
}
