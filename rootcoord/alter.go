package rootcoord

import (
	"context"
	"slices"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
)

func (c *Coord) alterCollection(ctx context.Context, cmd role.AlterCollection) error {
	switch {
	case len(cmd.Set) == 0 && len(cmd.Delete) == 0:
		return merr.ParameterInvalid.Msg("no properties or delete keys provided")
	case len(cmd.Set) > 0 && len(cmd.Delete) > 0:
		return merr.ParameterInvalid.Msg("can not provide properties and deletekeys at the same time")
	case slices.Contains(cmd.Delete, keyDynamic):
		return merr.ParameterInvalid.Msg("cannot delete key %s, dynamic field schema could support set to true/false", keyDynamic)
	}
	coll, unlock, err := c.lockCollection(cmd.CollectionRef)
	if err != nil {
		return err
	}
	defer unlock()
	info := coll.info.Load()
	if value, ok := pairOf(cmd.Set, keyDynamic); ok {
		return c.alterDynamic(ctx, coll, value, len(cmd.Set))
	}
	if err := checkAlter(info, cmd.Set, cmd.Delete); err != nil {
		return err
	}
	description, level := info.Description, info.Consistency
	var set []*commonpb.KeyValuePair
	for _, kv := range cmd.Set {
		switch kv.Key {
		case keyDescription:
			description = kv.Value
		case keyConsistency:
			if level, err = parseConsistency(kv.Value); err != nil {
				return err
			}
		default:
			set = append(set, kv)
		}
	}
	pairs, changed := mergePairs(info.Properties, set, cmd.Delete)
	if !changed && description == info.Description && level == info.Consistency {
		return nil
	}
	err = c.alterSchema(ctx, coll, func(s *schema.Collection) error {
		s.Properties, s.Description, s.Consistency = pairs, description, level
		return nil
	})
	if err != nil {
		return err
	}
	return c.tell(ctx, coll)
}

func checkAlter(info *role.CollectionInfo, set []*commonpb.KeyValuePair, drop []string) error {
	if err := checkCollectionProperties(info.Collection, set); err != nil {
		return err
	}
	if info.Load == nil {
		return nil
	}
	loadedErr := func(format string, args ...any) error {
		return merr.Wrap(merr.CollectionLoaded.With(merr.KV{Key: "collection", Value: info.Name}), format, args...)
	}
	for _, kv := range set {
		if kv.Key == keyMmap {
			return loadedErr("can not alter mmap properties if collection loaded")
		}
		if slices.Contains(warmupKeys, kv.Key) {
			return loadedErr("can not alter warmup properties if collection loaded")
		}
	}
	for _, key := range drop {
		if key == keyMmap {
			return loadedErr("can not delete mmap properties if collection loaded")
		}
		if slices.Contains(warmupKeys, key) {
			return loadedErr("can not delete %s properties if collection loaded", key)
		}
	}
	return nil
}

func parseConsistency(value string) (schema.Consistency, error) {
	if n, ok := commonpb.ConsistencyLevel_value[value]; ok {
		return schema.Consistency(n), nil
	}
	n, err := strconv.ParseInt(value, 10, 32)
	if _, ok := commonpb.ConsistencyLevel_name[int32(n)]; err != nil || !ok {
		return 0, merr.ParameterInvalid.Msg("invalid consistency level: %s", value)
	}
	return schema.Consistency(n), nil
}

func (c *Coord) alterField(ctx context.Context, cmd role.AlterField) error {
	coll, unlock, err := c.lockCollection(cmd.CollectionRef)
	if err != nil {
		return err
	}
	defer unlock()
	info := coll.info.Load()
	old := info.Field(cmd.Field)
	if old == nil {
		return merr.ParameterInvalid.Msg("field %s does not exist in collection %s", cmd.Field, info.Name)
	}
	altered := *old
	if err := alteredField(&altered, info, cmd.Set, cmd.Delete); err != nil {
		return err
	}
	if sameField(old, &altered) {
		return nil
	}
	err = c.alterSchema(ctx, coll, func(s *schema.Collection) error {
		s.Fields = slices.Clone(s.Fields)
		s.Fields[slices.Index(s.Fields, old)] = &altered
		s.Version++
		return nil
	})
	if err != nil {
		return err
	}
	return c.tell(ctx, coll)
}

// alteredField applies parameters to a field, as far as they may change.
func alteredField(f *schema.Field, info *role.CollectionInfo, set []*commonpb.KeyValuePair, drop []string) error {
	loaded := func(text string) error {
		if info.Load == nil {
			return nil
		}
		return merr.Wrap(merr.CollectionLoaded.With(merr.KV{Key: "collection", Value: info.Name}), "%s", text)
	}
	var params []*commonpb.KeyValuePair
	for _, kv := range set {
		key := kv.Key
		if key == "mmap_enabled" {
			key = keyMmap
		}
		var err error
		switch {
		case key == keyMmap:
			err = loaded("can not alter collection field properties if collection loaded")
		case key == keyWarmup:
			if err = loaded("can not alter warmup if collection loaded"); err == nil {
				err = checkWarmup(kv.Value)
			}
		case key == keyMaxLength:
			err = alterMaxLength(f, kv)
		case key == keyMaxCapacity:
			err = alterMaxCapacity(f, kv)
		case key == keyFieldDescription:
			f.Description = kv.Value
			continue
		case !slices.Contains(warmupKeys, key):
			err = merr.ParameterInvalid.Msg("%s does not allow update in collection field param", key)
		}
		if err != nil {
			return err
		}
		params = append(params, &commonpb.KeyValuePair{Key: key, Value: kv.Value})
	}
	var keys []string
	for _, key := range drop {
		given := key
		if key == "mmap_enabled" {
			key = keyMmap
		}
		if key != keyMmap && key != keyWarmup && !slices.Contains(warmupKeys, key) {
			return merr.ParameterInvalid.Msg("%s is not allowed to drop in collection field param", given)
		}
		if err := loaded("can not drop collection field properties if collection loaded"); err != nil {
			return err
		}
		keys = append(keys, key)
	}
	f.Params, _ = mergePairs(f.Params, params, keys)
	return nil
}

func alterMaxLength(f *schema.Field, kv *commonpb.KeyValuePair) error {
	if f.Type != schema.VarChar && (f.Type != schema.Array || f.Element != schema.VarChar) {
		return merr.ParameterInvalid.Msg("%s can not modify the maxlength for non-string types", f.Name)
	}
	n, err := strconv.Atoi(kv.Value)
	if err != nil {
		return merr.ParameterInvalid.Msg("%s should be an integer, but got %T", kv.Key, kv.Value)
	}
	if n > maxVarCharLength {
		return merr.ParameterInvalid.Msg("%s exceeds the maximum allowed value %d", kv.Value, maxVarCharLength)
	}
	if n <= 0 {
		return merr.ParameterInvalid.Msg("the maximum length specified for the field(%s) should be in (0, %d], but got %d instead", f.Name, maxVarCharLength, n)
	}
	f.MaxLength = n
	return nil
}

func alterMaxCapacity(f *schema.Field, kv *commonpb.KeyValuePair) error {
	if f.Type != schema.Array {
		return merr.ParameterInvalid.Msg("%s can not modify the maxcapacity for non-array types", f.Name)
	}
	n, err := strconv.Atoi(kv.Value)
	if err != nil {
		return merr.ParameterInvalid.Msg("the value for %s of field %s must be an integer", keyMaxCapacity, f.Name)
	}
	if n <= 0 || n > maxArrayCapacity {
		return merr.ParameterInvalid.Msg("the maximum capacity specified for a Array should be in (0, %d]", maxArrayCapacity)
	}
	f.MaxCapacity = n
	return nil
}
