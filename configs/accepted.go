package configs

import "strings"

// ruling says what an accepted key, or all below a prefix, may be, and why it
// may be nothing else.
type ruling struct {
	// prefix is the key itself, or the start of keys and ends in ".".
	prefix string
	// reason completes "… is refused: ".
	reason string
	// also lists values that describe what Red Kite does, beside Milvus's
	// defaults. only lists all that is accepted, without those.
	also []string
	only []string
}

// rulings is looked through for the longest prefix of a key. The empty prefix
// is the last resort.
func rulings() []ruling {
	return append(processRulings(), append(featureRulings(), engineRulings()...)...)
}

// processRulings are about what a process is made of.
func processRulings() []ruling {
	const (
		oneProcess = "all roles run in one process, which has no ports, sessions or limits between them"
		embedded   = "the catalog is the embedded etcd in meta/ of the data directory"
		localOnly  = "objects are files in the data directory; remote object storage is not in this build"
		dataDir    = "everything is below the one data directory: use redkite.dataDir or --data"
	)
	var r []ruling
	for _, role := range []string{
		"mixCoord.", "rootCoord.", "dataCoord.", "dataNode.", "queryCoord.", "queryNode.",
		"indexCoord.", "indexNode.", "streamingNode.", "grpc.", "common.session.", "msgChannel.",
		"common.chanNamePrefix.", "common.subNamePrefix.", "common.preCreatedTopic.",
	} {
		r = append(r, ruling{prefix: role, reason: oneProcess})
	}
	return append(r,
		ruling{prefix: "dataNode.segment.insertBufSize", reason: "a segment is written out whole when it is sealed"},
		ruling{prefix: "etcd.", reason: embedded},
		ruling{prefix: "etcd.use.embed", reason: embedded + "; an external etcd is not in this build", only: []string{"true"}},
		// Milvus's own script for a standalone in a container sets these two.
		ruling{prefix: "etcd.data.dir", reason: embedded + "; " + dataDir, also: []string{"/var/lib/milvus/etcd"}},
		ruling{prefix: "etcd.config.path", reason: embedded + " and has no configuration file",
			also: []string{"/milvus/configs/embedEtcd.yaml"}},
		ruling{prefix: "metastore.", reason: embedded},
		ruling{prefix: "tikv.", reason: embedded},
		ruling{prefix: "localStorage.path", reason: dataDir, also: []string{"/var/lib/milvus/data"}},
		ruling{prefix: "common.storageType", reason: localOnly, only: []string{"local"}},
		ruling{prefix: "minio.", reason: localOnly},
		ruling{prefix: "pulsar.", reason: "Pulsar is not in this build"},
		ruling{prefix: "kafka.", reason: "Kafka is not in this build"},
		ruling{prefix: "rocksmq.", reason: "RocksMQ is not in this build"},
		ruling{prefix: "mq.", reason: "the log is read by its owner alone, in the same process"},
		ruling{prefix: "natsmq.", reason: "the embedded NATS server has no such setting here"},
		ruling{prefix: "natsmq.server.storeDir", reason: dataDir},
		ruling{prefix: "natsmq.server.retention.", reason: "a record stays until its rows are in flushed segments, and goes then"},
		ruling{prefix: "woodpecker.", reason: "the log is local files with group commit: a write is on disk before it is answered, and waits for no timer"},
		ruling{prefix: "woodpecker.storage.type", reason: localOnly, also: []string{"local", "default"}},
		ruling{prefix: "woodpecker.meta.", reason: embedded},
		ruling{prefix: "woodpecker.logstore.retentionPolicy.", reason: "a record stays until its rows are in flushed segments, and goes then"},
		ruling{prefix: "streaming.", reason: "one owner in this process has each channel"},
		ruling{prefix: "proxy.", reason: "it is not implemented in this version"},
		ruling{prefix: "proxy.ip", reason: "addresses are set by redkite.listen or --listen"},
		ruling{prefix: "proxy.internalPort", reason: oneProcess},
		ruling{prefix: "common.clusterID", reason: "replication between clusters is not implemented in this version"},
	)
}

// featureRulings are about what a client sees.
func featureRulings() []ruling {
	const (
		security = "authorization and TLS are not implemented in this version"
		rest     = "the HTTP API is not implemented in this version"
		rates    = "rate limits are not implemented in this version"
		off      = "false"
	)
	return []ruling{
		{prefix: "common.security.", reason: security},
		{prefix: "tls.", reason: security},
		{prefix: "internaltls.", reason: security},
		{prefix: "proxy.maxUsernameLength", reason: security},
		{prefix: "proxy.minPasswordLength", reason: security},
		{prefix: "proxy.maxPasswordLength", reason: security},
		{prefix: "builtinRoles.", reason: security},
		{prefix: "cipherPlugin.", reason: "encryption at rest is not implemented in this version"},
		{prefix: "proxy.http.", reason: rest},
		{prefix: "proxy.http.enabled", reason: rest, also: []string{off}},
		{prefix: "proxy.http.enablePprof", reason: rest, also: []string{off}},
		{prefix: "proxy.http.enableWebUI", reason: rest, also: []string{off}},
		{prefix: "proxy.accessLog.", reason: "the access log is not implemented in this version"},
		{prefix: "quotaAndLimits.", reason: rates},
		{prefix: "quotaAndLimits.enabled", reason: rates, also: []string{off}},
		{prefix: "quotaAndLimits.flushRate.enabled", reason: rates, also: []string{off}},
		{prefix: "quotaAndLimits.flushRate.collection.max", reason: rates, also: []string{"-1"}},
		{prefix: "quotaAndLimits.limits.", reason: "it is not implemented in this version"},
		{prefix: "quotaAndLimits.limitWriting.", reason: "quotas on writing are not implemented in this version; redkite.memoryLimit bounds memory"},
		{prefix: "trace.", reason: "tracing is not implemented in this version"},
		{prefix: "credential.", reason: "functions that call a model are not implemented in this version"},
		{prefix: "function.", reason: "functions are not implemented in this version"},
		{prefix: "dataCoord.import.", reason: "bulk import is not implemented in this version"},
		{prefix: "dataNode.import.", reason: "bulk import is not implemented in this version"},
		{prefix: "dataCoord.snapshot.", reason: "snapshots are not implemented in this version"},
		{prefix: "log.", reason: "log lines are written as they come"},
	}
}

// engineRulings are about how rows are stored and searched.
func engineRulings() []ruling {
	const (
		own     = "it tunes Milvus's own engine; Red Kite's works differently"
		merging = "Red Kite merges segments by its own rules"
		on      = "true"
	)
	return []ruling{
		{prefix: "", reason: "it is not implemented in this version"},
		{prefix: "common.", reason: own},
		{prefix: "common.usePartitionKeyAsClusteringKey", reason: "clustering is not implemented in this version"},
		{prefix: "common.useVectorAsClusteringKey", reason: "clustering is not implemented in this version"},
		{prefix: "common.enableVectorClusteringKey", reason: "clustering is not implemented in this version"},
		{prefix: "dataCoord.compaction.", reason: merging},
		{prefix: "dataCoord.compaction.clustering.", reason: "clustering is not implemented in this version"},
		{prefix: "dataCoord.compaction.clustering.enable", reason: "clustering is not implemented in this version", also: []string{"false"}},
		{prefix: "dataNode.compaction.", reason: merging},
		{prefix: "dataNode.clusteringCompaction.", reason: "clustering is not implemented in this version"},
		{prefix: "dataCoord.segment.", reason: "Red Kite seals segments by its own rules"},
		{prefix: "dataCoord.sealPolicy.", reason: "Red Kite seals segments by its own rules"},
		{prefix: "dataCoord.gc.", reason: "Red Kite collects garbage by its own rules"},
		{prefix: "dataCoord.index.", reason: own},
		{prefix: "dataNode.memory.", reason: "redkite.memoryLimit and redkite.memory bound what is not flushed"},
		{prefix: "dataNode.segment.", reason: own},
		{prefix: "dataNode.dataSync.", reason: own},
		{prefix: "streaming.flush.", reason: "redkite.memoryLimit and redkite.memory bound what is not flushed"},
		{prefix: "queryNode.segcore.", reason: own},
		{prefix: "queryNode.cache.", reason: own},
		{prefix: "queryNode.scheduler.", reason: own},
		{prefix: "queryNode.grouping.", reason: own},
		{prefix: "queryNode.exprCache.", reason: own},
		{prefix: "queryNode.lazyload.", reason: own},
		{prefix: "queryNode.mmap.", reason: "flushed segments are always memory-mapped, growing ones never"},
		{prefix: "queryNode.mmap.vectorField", reason: "flushed segments are always memory-mapped", also: []string{on}},
		{prefix: "queryNode.mmap.vectorIndex", reason: "flushed segments are always memory-mapped", also: []string{on}},
		{prefix: "queryNode.mmap.scalarField", reason: "flushed segments are always memory-mapped", also: []string{on}},
		{prefix: "queryNode.mmap.scalarIndex", reason: "flushed segments are always memory-mapped", also: []string{on}},
		{prefix: "queryNode.mmap.mmapEnabled", reason: "flushed segments are always memory-mapped", also: []string{on}},
		{prefix: "autoIndex.", reason: "AUTOINDEX is HNSW with Red Kite's own parameters"},
		{prefix: "scalarAutoIndex.", reason: "indexes of scalar fields are not implemented in this version"},
		{prefix: "knowhere.", reason: own},
		{prefix: "gpu.", reason: "there is no index that uses a GPU"},
	}
}

// findRuling returns the ruling with the longest prefix of the key.
func findRuling(all []ruling, key string) ruling {
	var best ruling
	found := false
	key = strings.ToLower(key)
	for _, r := range all {
		prefix := strings.ToLower(r.prefix)
		fits := prefix == "" || prefix == key || strings.HasSuffix(prefix, ".") && strings.HasPrefix(key, prefix)
		if fits && (!found || len(prefix) >= len(best.prefix)) {
			best, found = r, true
		}
	}
	return best
}
