package rootcoord

import (
	"slices"
	"strconv"
	"strings"
	_ "time/tzdata" // names of time zones are checked where the system has none

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/schema"
)

// Keys of properties that something is done with; docs/properties.md tells
// what becomes of each.
const (
	keyTTL               = "collection.ttl.seconds"
	keyTTLField          = "ttl_field"
	keyAutoCompaction    = "collection.autocompaction.enabled"
	keyDescription       = "collection.description"
	keyConsistency       = "consistency_level"
	keyMmap              = "mmap.enabled"
	keyWarmup            = "warmup"
	keyTimezone          = "timezone"
	keyAllowAutoID       = schema.AllowInsertAutoID
	keyIsolation         = "partitionkey.isolation"
	keyDynamic           = "dynamicfield.enabled"
	keyQueryMode         = "query_mode"
	keyMaxFieldID        = "max_field_id"
	keyNamespaceSharding = "namespace.sharding.enabled"
	keyNamespaceMode     = "namespace.mode"
	keyMaxCollections    = "database.max.collections"
	keyMaxLength         = "max_length"
	keyMaxCapacity       = "max_capacity"
	keyFieldDescription  = "field.description"
	keyOffsetCache       = "indexoffsetcache.enabled"
	keyExternalSource    = "external_source"
	keyExternalSpec      = "external_spec"
)

// warmupKeys are the forms of warmup for collections.
var warmupKeys = []string{"warmup.scalarField", "warmup.scalarIndex", "warmup.vectorField", "warmup.vectorIndex"}

const (
	maxTTL               = 3_155_760_000 // seconds
	maxVarCharLength     = 65535
	maxArrayCapacity     = 4096
	maxDescriptionLength = 1024
)

// refused returns the error for a property whose value would have to change
// what this version does.
func refused(kv *commonpb.KeyValuePair) error {
	return merr.NotSupported("property %s = %s", kv.Key, kv.Value)
}

func checkDatabaseProperties(pairs []*commonpb.KeyValuePair) error {
	for _, kv := range pairs {
		switch {
		case kv.Key == keyTimezone:
			if err := schema.CheckTimezone(kv.Value); err != nil {
				return err
			}
		case strings.HasPrefix(kv.Key, "cipher."):
			return refused(kv)
		}
	}
	return nil
}

// checkCollectionProperties checks the properties that are set on a
// collection, at its making or later.
func checkCollectionProperties(coll *schema.Collection, set []*commonpb.KeyValuePair) error {
	_, ttl := pairOf(set, keyTTL)
	_, field := pairOf(set, keyTTLField)
	if ttl && field {
		return merr.ParameterInvalid.Msg("collection TTL and ttl field cannot be set at the same time")
	}
	for _, kv := range set {
		if err := checkCollectionProperty(coll, kv); err != nil {
			return err
		}
	}
	return nil
}

func checkCollectionProperty(coll *schema.Collection, kv *commonpb.KeyValuePair) error {
	switch kv.Key {
	case keyTTL:
		return checkTTL(kv)
	case keyTTLField:
		if coll.Field(kv.Value) == nil {
			return merr.ParameterInvalid.Msg("ttl field name %s not found in schema", kv.Value)
		}
		return merr.ParameterInvalid.Msg("ttl field must be timestamptz, field name = %s", kv.Value)
	case keyTimezone:
		return schema.CheckTimezone(kv.Value)
	case keyQueryMode:
		if kv.Value != "large_topk" {
			return merr.ParameterInvalid.Msg("invalid query_mode value %q, valid values: [large_topk]", kv.Value)
		}
		return refused(kv)
	case keyIsolation, keyNamespaceSharding:
		on, err := schema.Truth(kv.Value)
		if err != nil {
			return merr.ParameterInvalid.Msg("invalid %s value: %s, expected: true, false", kv.Key, kv.Value)
		}
		if on {
			return refused(kv)
		}
	case keyAllowAutoID:
		on, err := schema.Truth(kv.Value)
		if err != nil {
			return merr.ParameterInvalid.Msg("invalid %s value: %s, expected: true, false", kv.Key, kv.Value)
		}
		if pk := coll.Primary(); on && pk != nil && !pk.AutoID {
			return merr.ParameterInvalid.Msg("the value for %s must be false when autoID is false", kv.Key)
		}
	case keyDescription:
		if len(kv.Value) > maxDescriptionLength && kv.Value != coll.Description {
			return merr.ParameterInvalid.Msg("the length of a collection description must not exceed %d bytes", maxDescriptionLength)
		}
	case keyNamespaceMode, keyExternalSource, keyExternalSpec:
		return refused(kv)
	case keyWarmup:
		return merr.ParameterInvalid.Msg("warmup key '%s' is only allowed at field level, use %s at collection level", kv.Key, strings.Join(warmupKeys, "/"))
	default:
		return checkOtherProperty(kv)
	}
	return nil
}

// checkOtherProperty: keys in families, and near misses of keys that matter.
func checkOtherProperty(kv *commonpb.KeyValuePair) error {
	for _, key := range []string{keyQueryMode, keyNamespaceMode, keyNamespaceSharding} {
		if strings.EqualFold(kv.Key, key) {
			return merr.ParameterInvalid.Msg("invalid property key %q, did you mean %q?", kv.Key, key)
		}
	}
	switch {
	case slices.Contains(warmupKeys, kv.Key):
		if err := checkWarmup(kv.Value); err != nil {
			return merr.Wrap(err, "invalid warmup value for key %s", kv.Key)
		}
	case strings.HasPrefix(kv.Key, "cipher."):
		return refused(kv)
	}
	return nil
}

func checkWarmup(value string) error {
	switch value {
	case "disable", "sync", "async":
		return nil
	}
	return merr.ParameterInvalid.Msg("invalid warmup policy: %s, valid values: [disable, sync, async]", value)
}

// checkTTL: rows do not expire in this version, so only values that mean that
// are taken.
func checkTTL(kv *commonpb.KeyValuePair) error {
	n, err := strconv.ParseInt(kv.Value, 10, 64)
	if err != nil {
		return merr.ParameterInvalid.Msg("collection TTL is not an integer: %s", kv.Value)
	}
	if n < -1 || n > maxTTL {
		return merr.ParameterInvalid.Msg("collection TTL is out of range, expect [-1, %d], got %d", int64(maxTTL), n)
	}
	if n > 0 {
		return refused(kv)
	}
	return nil
}
