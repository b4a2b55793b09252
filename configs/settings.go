package configs

import (
	"math"
	"strings"
	"time"
)

// Sizes and times in the words of the table below.
const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
	day = 24 * time.Hour
)

// largeInt is the largest value of counts that only the machine bounds; it
// fits an int32, which is what the API carries them in.
const largeInt = math.MaxInt32

// maxMessage bounds one message; protobuf ends at 2 GiB.
const maxMessage = 2047 * mib

// memoryLimitKey is the one key whose default depends on the machine.
const memoryLimitKey = "redkite.memoryLimit"

// section is a part of the table with its title in the documentation.
type section struct {
	title    string
	settings []setting
}

// sections is the table of the honoured keys, each bound to its field of c.
func sections(c *Config) []section {
	return []section{
		{"The process", processSettings(c)},
		{"The public port", proxySettings(&c.Proxy)},
		{"Names and schemas", schemaSettings(&c.Schema)},
		{"Requests", requestSettings(&c.Request)},
		{"Segments", segmentSettings(&c.Segment)},
		{"Compaction", compactionSettings(&c.Compaction)},
		{"Memory", memorySettings(&c.Memory)},
		{"Write-ahead log and catalog", logSettings(&c.Log, &c.Meta)},
		{"Text logs", loggingSettings(&c.Logging)},
	}
}

func processSettings(c *Config) []setting {
	return []setting{
		textSetting("redkite.dataDir", "./redkite-data", "the path of a directory", &c.DataDir, notEmpty,
			"The data directory, one per process. Flag --data."),
		hostsSetting("redkite.listen", "127.0.0.1,::1", &c.Listen,
			"The addresses that the ports are bound on. Flag --listen."),
		sizeSetting(memoryLimitKey, "0", &c.MemoryLimit, 1, 128*mib, math.MaxInt64,
			"The memory that the process plans for. Flag --memory-limit."),
		intSetting("common.MetricsPort", "9091", &c.MetricsPort, 0, 65535,
			"The port of /healthz, /livez and /metrics, 0 for none. Flag --metrics-port, variable METRICS_PORT."),
		choiceSetting("common.simdType", "auto", &c.SIMD, []choice{
			{name: "auto"}, {name: "avx512vnni"}, {name: "avx512"}, {name: "avx2"}, {name: "neondot"}, {name: "neon"},
			{name: "portable"}, {name: "avx", means: "portable"}, {name: "sse4_2", means: "portable"},
		}, "The instruction set that compares vectors; auto is the best that the machine has. neondot and neon are those of arm64. avx and sse4_2 count as portable."),
	}
}

func proxySettings(p *Proxy) []setting {
	return []setting{
		intSetting("proxy.port", "19530", &p.Port, 1, 65535,
			"The port of Milvus's gRPC API. Flag --port."),
		sizeSetting("proxy.grpc.serverMaxRecvSize", "67108864", &p.MaxRecvSize, 1, 64*kib, maxMessage,
			"The largest gRPC message received."),
		sizeSetting("proxy.grpc.serverMaxSendSize", "268435456", &p.MaxSendSize, 1, 64*kib, maxMessage,
			"The largest gRPC message sent."),
		intSetting("proxy.maxTaskNum", "1024", &p.MaxTasks, 1, largeInt,
			"How many requests are worked on at a time; more are refused."),
		durationSetting("proxy.gracefulStopTimeout", "3", &p.DrainTimeout, time.Second, 0, time.Hour,
			"How long a stop waits for requests in flight."),
		durationSetting("common.gracefulTime", "5000", &p.GracefulTime, time.Millisecond, 0, time.Hour,
			"How far a read of Bounded consistency may lag."),
	}
}

func schemaSettings(s *SchemaLimits) []setting {
	return []setting{
		intSetting("proxy.maxNameLength", "255", &s.MaxNameLength, 1, 65535,
			"The longest name of a database, collection, alias, partition, field or index, in bytes."),
		intSetting("proxy.maxCollectionDescriptionLength", "1024", &s.MaxDescriptionLength, 0, mib,
			"The longest description of a collection, in bytes."),
		intSetting("proxy.maxFieldNum", "64", &s.MaxFields, 1, 4096, "The most fields of a collection."),
		intSetting("proxy.maxVectorFieldNum", "10", &s.MaxVectorFields, 1, 4096, "The most vector fields of a collection."),
		intSetting("proxy.maxDimension", "32768", &s.MaxDim, 2, 262144, "The largest dimension of a dense vector."),
		intSetting("proxy.maxShardNum", "16", &s.MaxShards, 1, 256, "The most shards of a collection."),
		narrowSetting("rootCoord.dmlChannelNum", "16", &s.MaxShards, 1, 256, "A second limit on the shards of a collection; the smaller counts."),
		intSetting("proxy.maxVarCharLength", "65535", &s.MaxVarCharLength, 1, 16*mib, "The largest max_length of a VarChar, in bytes."),
		intSetting("proxy.maxArrayCapacity", "4096", &s.MaxArrayCapacity, 1, mib, "The largest max_capacity of an Array."),
		sizeSetting("common.JSONMaxLength", "65536", &s.MaxJSONLength, 1, 2, 16*mib, "The largest JSON value, and the most of dynamic fields in a row."),
		sizeSetting("proxy.maxIndexParamsSize", "102400", &s.MaxIndexParamsSize, 1, 256, 16*mib, "The most of an index's parameters in one request."),
		intSetting("rootCoord.maxPartitionNum", "1024", &s.MaxPartitions, 1, 65536, "The most partitions of a collection."),
		intSetting("rootCoord.maxDatabaseNum", "64", &s.MaxDatabases, 1, 65536, "The most databases, default included."),
		intSetting("quotaAndLimits.limits.maxCollectionNum", "65536", &s.MaxCollections, 1, largeInt, "The most collections."),
		intSetting("quotaAndLimits.limits.maxCollectionNumPerDB", "65536", &s.MaxCollectionsPerDB, 1, largeInt, "The most collections of a database."),
		intSetting("rootCoord.maxGeneralCapacity", "65536", &s.MaxGeneralCapacity, 1, largeInt, "The most of partitions × shards, summed over all collections."),
	}
}

// narrowSetting is a limit that shares its field with an earlier setting of the
// table: after both are parsed the smaller of the two stands.
func narrowSetting(key, def string, p *int, low, high int, help string) setting {
	own := 0
	s := intSetting(key, def, &own, low, high, help)
	parse := s.parse
	s.parse = func(text string) error {
		if err := parse(text); err != nil {
			return err
		}
		*p = min(*p, own)
		return nil
	}
	return s
}

func requestSettings(r *RequestLimits) []setting {
	return []setting{
		intSetting("quotaAndLimits.limits.topK", "16384", &r.MaxTopK, 1, largeInt, "The largest limit of a search."),
		intSetting("quotaAndLimits.limits.nq", "16384", &r.MaxNQ, 1, largeInt, "The most query vectors of a search."),
		intSetting("quotaAndLimits.limits.maxQueryResultWindow", "16384", &r.MaxResultWindow, 1, largeInt,
			"The largest offset + limit of a query or search."),
		sizeSetting("quotaAndLimits.limits.maxOutputSize", "104857600", &r.MaxOutputSize, 1, kib, maxMessage,
			"The largest answer to a query or search."),
		int64Setting("quotaAndLimits.limits.maxInsertSize", "-1", &r.MaxInsertSize, -1, maxMessage,
			"The largest insert or upsert in bytes, -1 for the gRPC message's limit alone."),
	}
}

func segmentSettings(s *Segment) []setting {
	return []setting{
		sizeSetting("dataCoord.segment.maxSize", "1024", &s.MaxSize, mib, mib, 1024*gib, "The size that a segment aims at."),
		shareSetting("dataCoord.segment.sealProportion", "0.12", &s.SealProportion, 1, "The share of maxSize at which a growing segment is sealed."),
		durationSetting("dataCoord.segment.maxLife", "86400", &s.MaxLife, time.Second, time.Second, 365*day,
			"The age at which a growing segment is sealed."),
		durationSetting("dataCoord.segment.maxIdleTime", "600", &s.MaxIdle, time.Second, time.Second, 365*day,
			"How long a growing segment of minSizeFromIdleToSealed gets no row before it is sealed."),
		sizeSetting("dataCoord.segment.minSizeFromIdleToSealed", "16", &s.MinIdleSize, mib, 0, 1024*gib,
			"The least size of a segment that idleness seals."),
		durationSetting("dataNode.segment.syncPeriod", "86400", &s.SyncPeriod, time.Second, time.Second, 365*day,
			"The age of the oldest unflushed row from which its segment is flushed, so that the log can be cut."),
		int64Setting("indexCoord.segment.minSegmentNumRowsToEnableIndex", "1024", &s.MinRowsToIndex, 0, largeInt,
			"The least rows of a sealed segment that gets an index; fewer are searched by scan."),
	}
}

func compactionSettings(c *Compaction) []setting {
	return []setting{
		boolSetting("dataCoord.enableCompaction", "true", &c.Enabled, "Whether segments are merged without a request; enableAutoCompaction must be true too."),
		boolSetting("dataCoord.compaction.enableAutoCompaction", "true", &c.Automatic, "Whether segments are merged without a request."),
	}
}

func memorySettings(m *Memory) []setting {
	return []setting{
		shareSetting("streaming.flush.growingSegmentBytesHwmThreshold", "0.2", &m.SealAbove, 1,
			"The share of the memory limit that growing rows may hold before the largest segments are flushed early."),
		shareSetting("streaming.flush.growingSegmentBytesLwmThreshold", "0.1", &m.SealUntil, 1,
			"The share at which that flushing stops."),
		shareSetting("redkite.memory.stopWrites", "0.4", &m.StopWrites, 1,
			"The share of the memory limit that unflushed rows may hold before writers wait."),
		durationSetting("redkite.memory.maxWriteWait", "10s", &m.MaxWriteWait, time.Second, 0, time.Hour,
			"How long a writer waits for room before Milvus's memory quota error."),
	}
}

func logSettings(w *WAL, m *Meta) []setting {
	const notBuilt = "it is not in this build; natsmq and woodpecker are"
	return []setting{
		choiceSetting("mq.type", NATSMQ, &w.Type, []choice{
			{name: NATSMQ}, {name: WoodpeckerMQ}, {name: "default", means: NATSMQ},
			{name: "rocksmq", refused: notBuilt}, {name: "pulsar", refused: notBuilt}, {name: "kafka", refused: notBuilt},
		}, "The write-ahead log. default is natsmq."),
		intSetting("natsmq.server.port", "0", &w.NATS.Port, 0, 65535,
			"A TCP port on the loopback for NATS clients, 0 for none."),
		sizeSetting("natsmq.server.maxFileStore", "17179869184", &w.NATS.MaxFileStore, 1, 64*mib, math.MaxInt64,
			"The most that the log's files take; a full log refuses writes."),
		sizeSetting("natsmq.server.maxPayload", "8388608", &w.NATS.MaxPayload, 1, 64*kib, 64*mib,
			"The largest message; a larger request is split and stays atomic."),
		sizeSetting("natsmq.server.maxPending", "67108864", &w.NATS.MaxPending, 1, mib, math.MaxInt64,
			"The most that is buffered for one connection."),
		durationSetting("natsmq.server.initializeTimeout", "4000", &w.NATS.InitializeTimeout, time.Millisecond, 100*time.Millisecond, time.Hour,
			"How long the start may take."),
		sizeSetting("woodpecker.client.segmentRollingPolicy.maxSize", "33554432", &w.Woodpecker.SegmentSize, 1, 4*mib, gib,
			"The size of one preallocated log file; the first ones are smaller."),
		sizeSetting("redkite.woodpecker.maxFileStore", "17179869184", &w.Woodpecker.MaxFileStore, 1, 64*mib, math.MaxInt64,
			"The most that the log's files take; a full log refuses writes."),
		textSetting("etcd.rootPath", "by-dev", "a path of letters, digits, and _ - . /", &m.RootPath, isKeyPath,
			"The prefix of the catalog's keys."),
	}
}

func loggingSettings(l *Logging) []setting {
	return []setting{
		choiceSetting("log.level", "info", &l.Level, []choice{
			{name: "debug"}, {name: "info"}, {name: "warn"}, {name: "error"},
			{name: "fatal", means: "error"}, {name: "panic", means: "error"},
		}, "The least level that is written; fatal and panic count as error."),
		choiceSetting("log.format", "text", &l.Format, []choice{{name: "text"}, {name: "json"}}, "The form of a line."),
		boolSetting("log.stdout", "false", &l.Stdout, "Whether lines go to standard output as well as to the file."),
		textSetting("log.file.rootPath", "", "the path of a directory, or nothing for logs/ of the data directory", &l.Dir,
			func(string) error { return nil }, "The folder of the log files."),
		sizeSetting("log.file.maxSize", "8", &l.MaxSize, mib, 64*kib, 16*gib, "The size at which a log file is put aside."),
		intSetting("log.file.maxBackups", "4", &l.MaxBackups, 0, 10000, "How many files put aside are kept."),
		durationSetting("log.file.maxAge", "10", &l.MaxAge, day, time.Hour, 3650*day, "How long files put aside are kept."),
	}
}

func notEmpty(text string) error {
	if strings.TrimSpace(text) == "" {
		return errInvalid
	}
	return nil
}

// isKeyPath checks a prefix of keys.
func isKeyPath(text string) error {
	for _, r := range text {
		if !strings.ContainsRune("_-./", r) && !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9') {
			return errInvalid
		}
	}
	return notEmpty(text)
}
