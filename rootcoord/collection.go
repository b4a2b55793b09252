package rootcoord

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"google.golang.org/protobuf/proto"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
)

// createCollection writes the collection, tells its owner, and publishes it.
// The record alone decides: after a crash the owner learns of the shards when
// it opens the channel.
func (c *Coord) createCollection(ctx context.Context, cmd role.CreateCollection) error {
	db, name := orDefault(cmd.DB), cmd.Collection.Name
	defer c.locks.acquire(databaseKey(db, true), nameKey(db, name))()
	d, err := c.database(db)
	if err != nil {
		return err
	}
	want := prepareCollection(cmd.Collection, d)
	if existing, isAlias, err := c.find(role.CollectionRef{DB: db, Name: name}); err == nil {
		if isAlias {
			return merr.AsInput(merr.Wrap(errAlias(merr.AliasCollision, db, name), "please choose a unique name"))
		}
		if sameCollection(existing.info.Load(), want, cmd.Partitions) {
			return nil
		}
		return merr.ParameterInvalid.Msg("create duplicate collection with different parameters, collection: %s", name)
	}
	if err := checkCollectionProperties(want, want.Properties); err != nil {
		return err
	}
	partitions := append([]string{}, cmd.Partitions...)
	if !want.PartitionKeyed && !slices.Contains(partitions, schema.DefaultPartition) {
		partitions = append([]string{schema.DefaultPartition}, partitions...)
	}
	if err := c.checkCollectionLimits(d, want, len(partitions)); err != nil {
		return err
	}
	info, err := c.number(ctx, want, partitions)
	if err != nil {
		return err
	}
	return c.addCollection(ctx, info)
}

// number gives a new collection and its partitions their ids and times.
func (c *Coord) number(ctx context.Context, want *schema.Collection, partitions []string) (*role.CollectionInfo, error) {
	first, err := c.ids.Next(ctx, 1+len(partitions))
	if err != nil {
		return nil, err
	}
	ts, err := c.oracle.Next(ctx)
	if err != nil {
		return nil, err
	}
	want.ID, want.CreatedAt, want.UpdatedAt = first, ts, ts
	info := &role.CollectionInfo{Collection: want, Channel: c.cfg.Channel}
	for i, p := range partitions {
		info.Partitions = append(info.Partitions,
			&schema.Partition{ID: first + 1 + base.ID(i), Collection: first, Name: p, CreatedAt: ts})
	}
	return info, nil
}

func (c *Coord) addCollection(ctx context.Context, info *role.CollectionInfo) error {
	node, err := c.datanode()
	if err != nil {
		return err
	}
	coll := newCollection(info)
	coll.mu.dropping = true // until update publishes it: it counts for nothing yet
	put := func(dropping bool) error {
		return c.update(ctx, coll, func(t *tx) error {
			t.dropping = dropping
			t.putCollection()
			return nil
		})
	}
	if err := put(false); err != nil {
		return err
	}
	// Before the owner is told, an owner that opens now must find it.
	c.mu.Lock()
	c.mu.collections[info.ID] = coll
	c.mu.Unlock()
	if err := node.CreateShards(ctx, info); err != nil {
		if undo := put(true); undo != nil {
			return fmt.Errorf("%w (and undoing it: %w)", err, undo)
		}
		return err
	}
	c.mu.Lock()
	c.mu.names[qualified{info.DB, info.Name}] = coll
	c.mu.Unlock()
	c.changed(info.ID)
	return nil
}

// prepareCollection completes what the caller described: field ids and the
// properties that Milvus adds.
func prepareCollection(in *schema.Collection, d *schema.Database) *schema.Collection {
	want := *in
	want.DB, want.DBName = d.ID, d.Name
	if want.Shards <= 0 {
		want.Shards = 1
	}
	want.Fields = nil
	want.NextFieldID = schema.FirstFieldID
	for _, f := range in.Fields {
		numbered := *f
		numbered.ID = want.NextFieldID
		want.NextFieldID++
		want.Fields = append(want.Fields, &numbered)
	}
	set := []*commonpb.KeyValuePair{{Key: keyMaxFieldID, Value: strconv.FormatInt(want.NextFieldID-1, 10)}}
	timezone, ok := pairOf(d.Properties, keyTimezone)
	if !ok {
		timezone = "UTC"
	}
	for _, kv := range []*commonpb.KeyValuePair{{Key: keyTimezone, Value: timezone}, {Key: keyNamespaceSharding, Value: "false"}} {
		if _, ok := pairOf(in.Properties, kv.Key); !ok {
			set = append(set, kv)
		}
	}
	want.Properties, _ = mergePairs(in.Properties, set, nil)
	return &want
}

// sameCollection reports whether creating want again changes nothing.
func sameCollection(have *role.CollectionInfo, want *schema.Collection, partitions []string) bool {
	a := have.Collection
	if a.Name != want.Name || a.Description != want.Description || a.DynamicOn != want.DynamicOn ||
		a.Shards != want.Shards || a.Consistency != want.Consistency || a.PartitionKeyed != want.PartitionKeyed ||
		a.NumPartitions != want.NumPartitions || !samePairs(a.Properties, want.Properties) ||
		len(a.Fields) != len(want.Fields) {
		return false
	}
	for i, f := range a.Fields {
		if !sameField(f, want.Fields[i]) {
			return false
		}
	}
	for _, p := range partitions {
		if partition(have, p) == nil {
			return false
		}
	}
	return true
}

func sameField(a, b *schema.Field) bool {
	x, y := *a, *b
	if !samePairs(x.Params, y.Params) || !sameValue(x.Default, y.Default) {
		return false
	}
	x.Params, y.Params, x.Default, y.Default = nil, nil, nil, nil
	return fmt.Sprint(x) == fmt.Sprint(y)
}

func sameValue(a, b proto.Message) bool {
	x, err1 := proto.MarshalOptions{Deterministic: true}.Marshal(a)
	y, err2 := proto.MarshalOptions{Deterministic: true}.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

func (c *Coord) checkCollectionLimits(d *schema.Database, want *schema.Collection, partitions int) error {
	l := c.cfg.Limits
	if want.Shards > l.Shards {
		return merr.ParameterInvalid.Msg("shard num (%d) exceeds system limit (%d)", want.Shards, l.Shards)
	}
	if partitions > l.Partitions {
		return merr.ParameterInvalid.Msg("partition number (%d) exceeds max configuration (%d), collection: %s", partitions, l.Partitions, want.Name)
	}
	perDB := l.CollectionsPerDB
	if v, ok := pairOf(d.Properties, keyMaxCollections); ok {
		n, err := strconv.Atoi(v)
		if err != nil {
			return merr.Internal.Text("parse value of property fail, key:%s, value:%s", keyMaxCollections, v)
		}
		perDB = n
	}
	c.mu.RLock()
	total, inDB, capacity := len(c.mu.names), 0, c.mu.capacity
	for name := range c.mu.names {
		if name.db == d.ID {
			inDB++
		}
	}
	c.mu.RUnlock()
	limit := -1
	if inDB >= perDB {
		limit = perDB
	} else if total >= l.Collections {
		limit = l.Collections
	}
	if limit >= 0 {
		return merr.CollectionLimit.With(merr.KV{Key: "dbName", Value: d.Name}, merr.KV{Key: "limit", Value: limit})
	}
	return c.checkCapacity(capacity + partitions*int(want.Shards))
}

func (c *Coord) checkCapacity(n int) error {
	if n <= c.cfg.Limits.Capacity {
		return nil
	}
	return merr.Wrap(merr.GeneralCapacity.With(
		merr.KV{Key: "newGeneralSize", Value: n}, merr.KV{Key: "generalCapacity", Value: c.cfg.Limits.Capacity},
	), "failed checking constraint: sum_collections(parition*shard) exceeding the max general capacity:")
}

// dropCollection: once the record says dropping, the collection does not exist
// for anybody. The owner is told, and the loops remove the rest.
func (c *Coord) dropCollection(ctx context.Context, cmd role.DropCollection) error {
	db := orDefault(cmd.DB)
	defer c.locks.acquire(databaseKey(db, true), nameKey(db, cmd.Name))()
	coll, isAlias, err := c.find(cmd.CollectionRef)
	if merr.Is(err, merr.CollectionNotFound) || merr.Is(err, merr.DatabaseNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if isAlias {
		return merr.ParameterInvalid.Msg("cannot drop the collection via alias = %s", cmd.Name)
	}
	defer c.locks.acquire(collectionKey(coll.id))()
	info := coll.info.Load()
	if len(info.Aliases) > 0 {
		return merr.ParameterInvalid.Msg("unable to drop the collection [%s] because it has associated aliases %v, please remove all aliases before dropping the collection",
			cmd.Name, info.Aliases)
	}
	err = c.update(ctx, coll, func(t *tx) error {
		t.dropping = true
		t.putCollection()
		t.setLoad(nil)
		return nil
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	delete(c.mu.names, qualified{info.DB, info.Name})
	c.mu.Unlock()
	// Told once here so that its rows are refused and freed at once; the loop
	// that removes the objects makes sure.
	if node, err := c.datanode(); err == nil {
		if err := node.DropShards(ctx, info); err != nil {
			c.logger.Warn("the owner could not be told of a dropped collection yet", "collection", info.ID, "err", err)
		}
	}
	c.changed(coll.id)
	return nil
}

func (c *Coord) renameCollection(ctx context.Context, cmd role.RenameCollection) error {
	db := orDefault(cmd.DB)
	newDB := cmd.NewDB
	if newDB == "" {
		newDB = db
	}
	switch {
	case cmd.NewName == "":
		return merr.ParameterInvalid.Msg("new collection name should not be empty")
	case cmd.Name == "":
		return merr.ParameterInvalid.Msg("old collection name should not be empty")
	case db == newDB && cmd.Name == cmd.NewName:
		return merr.ParameterInvalid.Msg("collection name or database name should be different")
	}
	defer c.locks.acquire(databaseKey(db, true), databaseKey(newDB, true), nameKey(db, cmd.Name), nameKey(newDB, cmd.NewName))()
	target, err := c.database(newDB)
	if err != nil {
		return err
	}
	coll, isAlias, err := c.find(cmd.CollectionRef)
	if isAlias {
		return merr.ParameterInvalid.Msg("unsupported use an alias to rename collection, alias:%s", cmd.Name)
	}
	if _, takenByAlias, err := c.find(role.CollectionRef{DB: newDB, Name: cmd.NewName}); err == nil {
		if takenByAlias {
			return merr.AsInput(errAlias(merr.AliasCollision, newDB, cmd.NewName))
		}
		return merr.ParameterInvalid.Msg("duplicated new collection name %s:%s with other collection name or alias", newDB, cmd.NewName)
	}
	if err != nil {
		return err
	}
	defer c.locks.acquire(collectionKey(coll.id))()
	return c.rename(ctx, coll, target, cmd.NewName)
}

func (c *Coord) rename(ctx context.Context, coll *collection, target *schema.Database, name string) error {
	old := coll.info.Load()
	if len(old.Aliases) > 0 && old.DB != target.ID {
		return merr.ParameterInvalid.Msg("fail to rename db name, must drop all aliases of this collection before rename")
	}
	if old.DB != target.ID {
		if err := c.checkCollectionLimits(target, &schema.Collection{Name: name}, 0); err != nil {
			return err
		}
	}
	err := c.alterSchema(ctx, coll, func(s *schema.Collection) error {
		s.Name, s.DB, s.DBName = name, target.ID, target.Name
		return nil
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	delete(c.mu.names, qualified{old.DB, old.Name})
	c.mu.names[qualified{target.ID, name}] = coll
	c.mu.Unlock()
	return c.tell(ctx, coll)
}

// alterSchema publishes a new version of the collection's description.
func (c *Coord) alterSchema(ctx context.Context, coll *collection, f func(*schema.Collection) error) error {
	ts, err := c.oracle.Next(ctx)
	if err != nil {
		return err
	}
	return c.update(ctx, coll, func(t *tx) error {
		s := *t.info.Collection
		s.UpdatedAt = ts
		if err := f(&s); err != nil {
			return err
		}
		t.info.Collection = &s
		t.putCollection()
		return nil
	})
}

// tell hands the collection's newest snapshot to its owner. What was changed
// is durable and published: an owner that opens later has it anyway. This one
// must learn of it, for it refuses rows of another schema, so the caller's
// cancellation does not count, and an error is met by another try.
func (c *Coord) tell(ctx context.Context, coll *collection) error {
	node, err := c.datanode()
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	pause := ownerPause
	for try := 1; ; try++ {
		err := node.UpdateShards(ctx, coll.info.Load())
		if err == nil || try == ownerTries {
			return err
		}
		c.logger.Warn("the owner was not told of a change, trying again", "collection", coll.id, "try", try, "err", err)
		time.Sleep(pause)
		pause *= 2
	}
}
