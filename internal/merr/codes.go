package merr

import "github.com/milvus-io/milvus-proto/go-api/v3/commonpb"

// The codes that this server sends. Numbers, messages and flags are Milvus's
// (pkg/util/merr); a blank legacy code means UnexpectedError.
var (
	NotReady             = Code{1, "service not ready", true, false, commonpb.ErrorCode_NotReadyServe}
	Unavailable          = Code{Number: 2, Message: "service unavailable", Retriable: true}
	MemoryLimit          = Code{Number: 3, Message: "memory limit exceeded", Legacy: commonpb.ErrorCode_InsufficientMemoryToLoad}
	TooManyRequests      = Code{Number: 4, Message: "too many concurrent requests, queue is full", Retriable: true}
	Internal             = Code{Number: 5, Message: "service internal error"}
	DiskLimit            = Code{Number: 7, Message: "disk limit exceeded", Legacy: commonpb.ErrorCode_DiskQuotaExhausted}
	RateLimit            = Code{8, "rate limit exceeded", true, false, commonpb.ErrorCode_RateLimit}
	QuotaExceeded        = Code{Number: 9, Message: "quota exceeded", Legacy: commonpb.ErrorCode_ForceDeny}
	Unimplemented        = Code{Number: 10, Message: "service unimplemented"}
	ResourceInsufficient = Code{Number: 12, Message: "service resource insufficient", Retriable: true}

	CollectionNotFound       = Code{Number: 100, Message: "collection not found", Legacy: commonpb.ErrorCode_CollectionNotExists}
	CollectionNotLoaded      = Code{Number: 101, Message: "collection not loaded"}
	CollectionLimit          = Code{Number: 102, Message: "exceeded the limit number of collections", Input: true}
	CollectionNotFullyLoaded = Code{Number: 103, Message: "collection not fully loaded", Retriable: true}
	CollectionLoaded         = Code{Number: 104, Message: "collection already loaded", Input: true}
	IllegalSchema            = Code{Number: 105, Message: "illegal collection schema", Input: true}
	CollectionRecovering     = Code{Number: 106, Message: "collection on recovering", Retriable: true}
	VectorClusteringKey      = Code{Number: 107, Message: "vector clustering key not allowed", Input: true}
	SchemaMismatch           = Code{Number: 109, Message: "collection schema mismatch", Input: true, Legacy: commonpb.ErrorCode_SchemaMismatch}

	PartitionNotFound  = Code{Number: 200, Message: "partition not found", Legacy: commonpb.ErrorCode_MetaFailed}
	PartitionNotLoaded = Code{Number: 201, Message: "partition not loaded"}
	GeneralCapacity    = Code{Number: 250, Message: "general capacity exceeded"}

	ResourceGroupNotFound = Code{Number: 300, Message: "resource group not found"}
	ResourceGroupNodes    = Code{Number: 304, Message: "resource group node not enough"}

	ChannelNotAvailable = Code{Number: 503, Message: "channel not available", Legacy: commonpb.ErrorCode_NoReplicaAvailable}
	SegmentNotFound     = Code{Number: 600, Message: "segment not found", Legacy: commonpb.ErrorCode_SegmentNotFound}

	IndexNotFound     = Code{Number: 700, Message: "index not found", Legacy: commonpb.ErrorCode_IndexNotExist}
	IndexNotSupported = Code{Number: 701, Message: "index type not supported"}
	IndexDuplicate    = Code{Number: 702, Message: "index duplicates", Input: true}

	DatabaseNotFound    = Code{Number: 800, Message: "database not found"}
	DatabaseLimit       = Code{Number: 801, Message: "exceeded the limit number of database", Input: true}
	DatabaseInvalidName = Code{Number: 802, Message: "invalid database name", Input: true}

	IOFailed      = Code{Number: 1001, Message: "IO failed"}
	DataIntegrity = Code{Number: 1009, Message: "data integrity check failed"}

	ParameterInvalid  = Code{Number: 1100, Message: "invalid parameter", Input: true, Legacy: commonpb.ErrorCode_IllegalArgument}
	ParameterMissing  = Code{Number: 1101, Message: "missing parameter", Input: true, Legacy: commonpb.ErrorCode_IllegalArgument}
	ParameterTooLarge = Code{Number: 1102, Message: "parameter too large", Input: true, Legacy: commonpb.ErrorCode_IllegalArgument}

	LogInternal = Code{Number: 1302, Message: "message queue internal error"}

	AliasNotFound  = Code{Number: 1600, Message: "alias not found"}
	AliasCollision = Code{Number: 1601, Message: "alias and collection name conflict"}
	AliasExists    = Code{Number: 1602, Message: "alias already exist"}

	FieldNotFound    = Code{Number: 1700, Message: "field not found"}
	FieldInvalidName = Code{Number: 1701, Message: "field name invalid", Input: true}

	CompactionNotFound = Code{Number: 2300, Message: "compaction plan not found"}

	Canceled         = Code{Number: 10000, Message: "context canceled"}
	DeadlineExceeded = Code{Number: 10001, Message: "deadline exceeded"}
	Unexpected       = Code{Number: 65535, Message: "unexpected error"}
)
