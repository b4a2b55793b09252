package schema

import (
	"strconv"
	"strings"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"

	"github.com/redkite-db/redkite/internal/merr"
)

// AllowInsertAutoID is the property of a collection by which rows may name
// their key though it is automatic.
const AllowInsertAutoID = "allow_insert_auto_id"

// Truth reads a boolean as properties write it; clients write True, too.
func Truth(s string) (bool, error) { return strconv.ParseBool(strings.ToLower(s)) }

// CheckProperties refuses by name properties of a collection that ask for
// quotas, rates and replicas, which this version does not have. The rules of
// the others are rootcoord's.
func CheckProperties(kvs []*commonpb.KeyValuePair) error {
	seen := make(map[string]bool, len(kvs))
	for _, kv := range kvs {
		key, value := kv.GetKey(), kv.GetValue()
		if seen[key] {
			return merr.ParameterInvalid.Msg("duplicated property key %q", key)
		}
		seen[key] = true
		quota := strings.HasSuffix(key, "diskProtection.diskQuota.mb")
		for _, rate := range []string{"insertRate", "upsertRate", "deleteRate", "bulkLoadRate", "queryRate", "searchRate"} {
			quota = quota || strings.HasPrefix(key, "collection."+rate+".")
		}
		switch {
		case quota && value != "-1",
			key == "collection.replica.number" && value != "1",
			key == "collection.resource_groups" && value != "__default_resource_group":
			return merr.NotSupported("property %s = %s", key, value)
		}
	}
	return nil
}

// Properties of a database by which its administrator forbids what clients do.
const (
	DenyWriting       = "database.force.deny.writing"
	DenyReading       = "database.force.deny.reading"
	DenyDDL           = "database.force.deny.ddl" // all of the following
	DenyCollectionDDL = "database.force.deny.collectionDDL"
	DenyPartitionDDL  = "database.force.deny.partitionDDL"
	DenyIndex         = "database.force.deny.index"
	DenyFlush         = "database.force.deny.flush"
	DenyCompaction    = "database.force.deny.compaction"
)

// CheckDatabaseProperties refuses by name properties of a database that ask for
// quotas, which this version does not have, and denials that are neither on nor
// off.
func CheckDatabaseProperties(kvs []*commonpb.KeyValuePair) error {
	for _, kv := range kvs {
		switch key, value := kv.GetKey(), kv.GetValue(); key {
		case DenyWriting, DenyReading, DenyDDL, DenyCollectionDDL, DenyPartitionDDL, DenyIndex, DenyFlush, DenyCompaction:
			if _, err := Truth(value); err != nil {
				return merr.ParameterInvalid.Msg("invalid %s value: %s, expected: true, false", key, value)
			}
		case "database.diskQuota.mb":
			if value != "-1" {
				return merr.NotSupported("property %s = %s", key, value)
			}
		}
	}
	return nil
}

// CheckTimezone says whether a name is one of the IANA time zones.
func CheckTimezone(name string) error {
	if name != "" && name != "Local" {
		if _, err := time.LoadLocation(name); err == nil {
			return nil
		}
	}
	return merr.ParameterInvalid.Msg("unknown or invalid IANA Time Zone ID: %s", name)
}
