package rootcoord

import (
	"context"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
)

func (c *Coord) addField(ctx context.Context, cmd role.AddField) error {
	coll, unlock, err := c.lockCollection(cmd.CollectionRef)
	if err != nil {
		return err
	}
	defer unlock()
	if info := coll.info.Load(); info.ID != cmd.Checked.ID || info.Version != cmd.Checked.Version {
		return merr.SchemaMismatch.With(merr.KV{Key: "collection", Value: info.Name},
			merr.KV{Key: "expected", Value: info.Version}, merr.KV{Key: "actual", Value: cmd.Checked.Version})
	}
	return c.extend(ctx, coll, cmd.Field)
}

// extend adds a field to a collection that may have rows. The record alone
// decides: what is read of rows that lack the field follows from the schema,
// and an owner that opens later learns of it from the catalog. The owner takes
// rows of the new version from the moment it is told, and only these.
func (c *Coord) extend(ctx context.Context, coll *collection, f *schema.Field) error {
	err := c.alterSchema(ctx, coll, func(s *schema.Collection) error {
		*s = *s.Extended(f)
		last := &commonpb.KeyValuePair{Key: keyMaxFieldID, Value: strconv.FormatInt(s.NextFieldID-1, 10)}
		s.Properties, _ = mergePairs(s.Properties, []*commonpb.KeyValuePair{last}, nil)
		return nil
	})
	if err != nil {
		return err
	}
	return c.tell(ctx, coll)
}

// alterDynamic switches the dynamic field on, or, which is refused, off.
func (c *Coord) alterDynamic(ctx context.Context, coll *collection, value string, keys int) error {
	on, err := schema.Truth(value)
	switch {
	case err != nil:
		return merr.ParameterInvalid.Msg("invalid dynamic schema property value: %s", value)
	case keys != 1:
		return merr.ParameterInvalid.Msg("cannot alter dynamic schema with other properties at the same time")
	case on == coll.info.Load().DynamicOn:
		return nil
	case !on:
		return refused(&commonpb.KeyValuePair{Key: keyDynamic, Value: value})
	}
	return c.extend(ctx, coll, schema.NewDynamicField())
}
