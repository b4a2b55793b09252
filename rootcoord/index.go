package rootcoord

import (
	"context"
	"maps"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/scalarindex"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/meta"
	"github.com/redkite-db/redkite/rootcoord/sched"
)

// createIndex records the description; the loops build it. The proxy has
// checked the parameters against the kind of index.
func (c *Coord) createIndex(ctx context.Context, cmd role.CreateIndex) error {
	coll, unlock, err := c.lockCollection(cmd.CollectionRef)
	if err != nil {
		return err
	}
	defer unlock()
	info := coll.info.Load()
	f := info.Field(cmd.Field)
	if f == nil {
		return merr.ParameterInvalid.Msg("cannot create index on non-exist field: %s", cmd.Field)
	}
	want := *cmd.Index
	want.Collection, want.Field = coll.id, f.ID
	path := want.Params[scalarindex.PathParam]
	if want.Name == "" {
		want.Name = f.Name + path
		for _, x := range info.Indexes {
			if x.Field == f.ID && x.Params[scalarindex.PathParam] == path {
				want.Name = x.Name
			}
		}
	}
	for _, x := range info.Indexes {
		switch {
		case x.Name == want.Name && x.Field == want.Field && sameIndex(x, &want):
			return nil
		case x.Name == want.Name:
			return merr.ParameterInvalid.Msg("at most one distinct index is allowed per field")
		case x.Field == want.Field && x.Params[scalarindex.PathParam] == path:
			return merr.ParameterInvalid.Msg("CreateIndex failed: creating multiple indexes on same field is not supported")
		}
	}
	if want.ID, err = c.ids.Next(ctx, 1); err != nil {
		return err
	}
	if want.CreatedAt, err = c.oracle.Next(ctx); err != nil {
		return err
	}
	return c.update(ctx, coll, func(t *tx) error {
		t.info.Indexes = append(slices.Clone(t.info.Indexes), &want)
		t.PutIndex(&want)
		return nil
	})
}

// alterableIndexKeys may change without the index being another one.
func alterableIndexKey(key string) bool {
	return key == keyMmap || key == keyOffsetCache || key == keyWarmup
}

func sameIndex(a, b *schema.Index) bool {
	fixed := func(pairs []*commonpb.KeyValuePair) []*commonpb.KeyValuePair {
		return slices.DeleteFunc(slices.Clone(pairs), func(kv *commonpb.KeyValuePair) bool { return alterableIndexKey(kv.Key) })
	}
	return a.Type == b.Type && a.UserType == b.UserType && a.Metric == b.Metric && maps.Equal(a.Params, b.Params) &&
		samePairs(fixed(a.UserParams), fixed(b.UserParams))
}

// indexesNamed returns the indexes of an index name, else of a field name; all
// of them for no name.
func indexesNamed(info *role.CollectionInfo, name string) []*schema.Index {
	if name == "" {
		return info.Indexes
	}
	var out []*schema.Index
	for _, x := range info.Indexes {
		if x.Name == name {
			return []*schema.Index{x}
		}
		if f := info.FieldByID(x.Field); f != nil && f.Name == name {
			out = append(out, x)
		}
	}
	return out
}

// dropIndex of a missing one is a success.
func (c *Coord) dropIndex(ctx context.Context, cmd role.DropIndex) error {
	coll, unlock, err := c.lockCollection(cmd.CollectionRef)
	if err != nil {
		return err
	}
	defer unlock()
	info := coll.info.Load()
	found := indexesNamed(info, cmd.Index)
	if len(found) == 0 {
		return nil
	}
	if info.Load != nil {
		for _, x := range found {
			if f := info.FieldByID(x.Field); f != nil && f.IsVector() {
				return merr.ParameterInvalid.Msg("vector index cannot be dropped on loaded collection: %d", coll.id)
			}
		}
	}
	if len(found) > 1 {
		return merr.Wrap(merr.IndexDuplicate.With(merr.KV{Key: "indexName", Value: cmd.Index}),
			"there are multiple indexes, please specify the index_name")
	}
	return c.update(ctx, coll, func(t *tx) error {
		x := found[0]
		t.info.Indexes = slices.DeleteFunc(slices.Clone(t.info.Indexes), func(y *schema.Index) bool { return y.ID == x.ID })
		t.DropIndex(coll.id, x.ID)
		return c.discardBuilds(ctx, t, t.stripIndex(x.ID))
	})
}

// discardBuilds has the objects of builds deleted.
func (c *Coord) discardBuilds(ctx context.Context, t *tx, builds []base.ID) error {
	for group := range slices.Chunk(builds, garbageKeys) {
		id, err := c.ids.Next(ctx, 1)
		if err != nil {
			return err
		}
		g := &meta.Garbage{ID: id, Collection: t.coll.id}
		for _, build := range group {
			g.Keys = append(g.Keys, sched.BuildPrefix(build))
		}
		t.putGarbage(g)
	}
	return nil
}

// garbageKeys is how many keys one record of garbage holds at most.
const garbageKeys = 1000

// stripIndex takes an index's files out of the segments and returns their builds.
func (t *tx) stripIndex(index base.ID) []base.ID {
	var builds []base.ID
	for _, s := range t.coll.segments() {
		if f, ok := s.Indexes[index]; ok {
			bare := cloneSegment(s)
			delete(bare.Indexes, index)
			t.putSegment(bare)
			builds = append(builds, f.Build)
		}
	}
	return builds
}

func (c *Coord) alterIndex(ctx context.Context, cmd role.AlterIndex) error {
	switch {
	case cmd.Index == "":
		return merr.ParameterInvalid.Msg("index name is empty")
	case len(cmd.Set) > 0 && len(cmd.Delete) > 0:
		return merr.ParameterInvalid.Msg("cannot provide both DeleteKeys and ExtraParams")
	}
	coll, unlock, err := c.lockCollection(cmd.CollectionRef)
	if err != nil {
		return err
	}
	defer unlock()
	info := coll.info.Load()
	found := indexesNamed(info, cmd.Index)
	if len(found) == 0 {
		return merr.AsInput(merr.IndexNotFound.With(merr.KV{Key: "indexName", Value: cmd.Index}))
	}
	for _, key := range append(slices.Clone(cmd.Delete), keysOf(cmd.Set)...) {
		if !alterableIndexKey(key) {
			return merr.ParameterInvalid.Msg("%s is not a configable index property", key)
		}
	}
	if info.Load != nil {
		return merr.Wrap(merr.CollectionLoaded.With(merr.KV{Key: "collection", Value: info.Name}),
			"can't alter index on loaded collection, please release the collection first")
	}
	return c.update(ctx, coll, func(t *tx) error {
		t.info.Indexes = slices.Clone(t.info.Indexes)
		for i, x := range t.info.Indexes {
			if !slices.Contains(found, x) {
				continue
			}
			pairs, changed := mergePairs(x.UserParams, cmd.Set, cmd.Delete)
			if !changed {
				continue
			}
			altered := *x
			altered.UserParams = pairs
			t.info.Indexes[i] = &altered
			t.PutIndex(&altered)
		}
		return nil
	})
}

func keysOf(pairs []*commonpb.KeyValuePair) []string {
	var out []string
	for _, kv := range pairs {
		out = append(out, kv.Key)
	}
	return out
}
