package binlog

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/redkite-db/redkite/internal/base"
)

// KeyKind is what an object's key says that it is.
type KeyKind int

// The kinds of keys.
const (
	ColumnKey   KeyKind = iota + 1 // insert_log/<collection>/<partition>/<segment>/<field>/<log>
	ManifestKey                    // insert_log/<collection>/<partition>/<segment>/manifest.<log>
	StatsKey                       // stats_log/<collection>/<partition>/<segment>/<field>/<log>
	DeltaKey                       // delta_log/<collection>/-1/<shard>/<log>
	IndexKey                       // index_files/<task>/<version>/<partition>/<segment>/<index>
)

// Key is the parts of an object's key. <log> is "<task>-<ordinal>": task is
// the task that wrote the object, whose id is never used again, so no two
// attempts write the same key.
type Key struct {
	Kind       KeyKind
	Task       base.ID // for an index: the build
	Ordinal    int64   // among the objects of one task and folder
	Collection base.ID // 0 for an index
	Partition  base.ID // AllPartitions for a delta log
	Segment    base.ID // 0 for a delta log
	Shard      int32   // of a delta log
	Field      base.ID // of a column or of statistics: the primary key's
	Index      base.ID // of an index
	Version    int64   // of an index: counts its rebuilds
}

// AllPartitions stands for the partition in a delta log's key.
const AllPartitions base.ID = -1

// The roots of the keys. What GC lists.
const (
	InsertRoot = "insert_log/"
	StatsRoot  = "stats_log/"
	DeltaRoot  = "delta_log/"
	IndexRoot  = "index_files/"
)

const manifestPrefix = "manifest."

// String returns the key under which the object is stored.
func (k Key) String() string {
	switch k.Kind {
	case ColumnKey:
		return fmt.Sprintf("%s%d/%d/%d/%d/%d-%d", InsertRoot, k.Collection, k.Partition, k.Segment, k.Field, k.Task, k.Ordinal)
	case ManifestKey:
		return fmt.Sprintf("%s%d/%d/%d/%s%d-%d", InsertRoot, k.Collection, k.Partition, k.Segment, manifestPrefix, k.Task, k.Ordinal)
	case StatsKey:
		return fmt.Sprintf("%s%d/%d/%d/%d/%d-%d", StatsRoot, k.Collection, k.Partition, k.Segment, k.Field, k.Task, k.Ordinal)
	case DeltaKey:
		return fmt.Sprintf("%s%d/%d/%d/%d-%d", DeltaRoot, k.Collection, AllPartitions, k.Shard, k.Task, k.Ordinal)
	case IndexKey:
		return fmt.Sprintf("%s%d/%d/%d/%d/%d", IndexRoot, k.Task, k.Version, k.Partition, k.Segment, k.Index)
	}
	return ""
}

// ParseKey takes a key apart; false if it is not one that String makes.
func ParseKey(key string) (Key, bool) {
	parts := strings.Split(key, "/")
	var k Key
	ok := false
	switch {
	case len(parts) == 6 && parts[0]+"/" == InsertRoot:
		k.Kind = ColumnKey
		ok = numbers(parts[1:5], &k.Collection, &k.Partition, &k.Segment, &k.Field) && k.log(parts[5])
	case len(parts) == 5 && parts[0]+"/" == InsertRoot && strings.HasPrefix(parts[4], manifestPrefix):
		k.Kind = ManifestKey
		ok = numbers(parts[1:4], &k.Collection, &k.Partition, &k.Segment) && k.log(parts[4][len(manifestPrefix):])
	case len(parts) == 6 && parts[0]+"/" == StatsRoot:
		k.Kind = StatsKey
		ok = numbers(parts[1:5], &k.Collection, &k.Partition, &k.Segment, &k.Field) && k.log(parts[5])
	case len(parts) == 5 && parts[0]+"/" == DeltaRoot:
		k.Kind = DeltaKey
		var shard int64
		ok = numbers(parts[1:4], &k.Collection, &k.Partition, &shard) && k.log(parts[4])
		k.Shard = int32(shard)
	case len(parts) == 6 && parts[0]+"/" == IndexRoot:
		k.Kind = IndexKey
		ok = numbers(parts[1:6], &k.Task, &k.Version, &k.Partition, &k.Segment, &k.Index)
	}
	if !ok || k.String() != key { // one object, one spelling
		return Key{}, false
	}
	return k, true
}

func (k *Key) log(s string) bool {
	task, ordinal, ok := strings.Cut(s, "-")
	return ok && numbers([]string{task, ordinal}, &k.Task, &k.Ordinal)
}

func numbers(parts []string, into ...*int64) bool {
	for i, p := range parts {
		v, err := strconv.ParseInt(p, 10, 64)
		if err != nil {
			return false
		}
		*into[i] = v
	}
	return true
}
