package rootcoord

import (
	"context"
	"fmt"
	"slices"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/meta"
)

// aliasTarget checks what creating and altering an alias have in common, under
// the alias's name: the database exists, no collection has the alias's name,
// and the collection is named by its own name.
func (c *Coord) aliasTarget(ref role.CollectionRef, alias string) (*schema.Database, *collection, error) {
	db := orDefault(ref.DB)
	d, err := c.database(db)
	if err != nil {
		return nil, nil, err
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if _, taken := c.mu.names[qualified{d.ID, alias}]; taken {
		return nil, nil, merr.AsInput(errAlias(merr.AliasCollision, db, alias))
	}
	coll, ok := c.mu.names[qualified{d.ID, ref.Name}]
	if !ok {
		return nil, nil, errCollectionNotFound(db, ref.Name)
	}
	return d, coll, nil
}

func (c *Coord) createAlias(ctx context.Context, cmd role.CreateAlias) error {
	db := orDefault(cmd.DB)
	defer c.locks.acquire(databaseKey(db, true), nameKey(db, cmd.Alias))()
	d, coll, err := c.aliasTarget(cmd.CollectionRef, cmd.Alias)
	if err != nil {
		return err
	}
	if have, err := c.Alias(ctx, db, cmd.Alias); err == nil {
		if have.Collection == coll.id {
			return nil
		}
		other := fmt.Sprint(have.Collection)
		if info, err := c.CollectionByID(ctx, have.Collection); err == nil {
			other = info.Name
		}
		return merr.AsInput(merr.Wrap(errAlias(merr.AliasExists, db, cmd.Alias), "%s is alias to another collection: %s", cmd.Alias, other))
	}
	return c.pointAlias(ctx, &schema.Alias{DB: d.ID, Name: cmd.Alias, Collection: coll.id}, coll, nil)
}

func (c *Coord) alterAlias(ctx context.Context, cmd role.AlterAlias) error {
	db := orDefault(cmd.DB)
	defer c.locks.acquire(databaseKey(db, true), nameKey(db, cmd.Alias))()
	d, coll, err := c.aliasTarget(cmd.CollectionRef, cmd.Alias)
	if merr.Is(err, merr.CollectionNotFound) { // here Milvus leaves the database out
		return merr.AsInput(merr.CollectionNotFound.With(merr.KV{Key: "collection", Value: cmd.Name}))
	}
	if err != nil {
		return err
	}
	have, err := c.Alias(ctx, db, cmd.Alias)
	if err != nil {
		return err
	}
	if have.Collection == coll.id {
		return nil
	}
	old, err := c.byID(have.Collection)
	if err != nil {
		return err
	}
	return c.pointAlias(ctx, &schema.Alias{DB: d.ID, Name: cmd.Alias, Collection: coll.id}, coll, old)
}

// dropAlias of a missing one is a success.
func (c *Coord) dropAlias(ctx context.Context, cmd role.DropAlias) error {
	db := orDefault(cmd.DB)
	defer c.locks.acquire(databaseKey(db, true), nameKey(db, cmd.Alias))()
	have, err := c.Alias(ctx, db, cmd.Alias)
	if merr.Is(err, merr.AliasNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	old, err := c.byID(have.Collection)
	if err != nil {
		return err
	}
	return c.pointAlias(ctx, have, nil, old)
}

// pointAlias makes an alias stand for another collection than it did; to nil:
// for none, from nil: it is new. The alias's name is locked by the caller.
func (c *Coord) pointAlias(ctx context.Context, a *schema.Alias, to, from *collection) error {
	var keys []lockKey
	for _, coll := range []*collection{to, from} {
		if coll != nil {
			keys = append(keys, collectionKey(coll.id))
		}
	}
	defer c.locks.acquire(keys...)()
	if to != nil && !to.live() { // dropped before its key was ours
		info := to.info.Load()
		return errCollectionNotFound(info.DBName, info.Name)
	}
	var change meta.Change
	if to != nil {
		change.PutAlias(a)
	} else {
		change.DropAlias(a.DB, a.Name)
	}
	if err := c.catalog.Apply(ctx, &change); err != nil {
		return err
	}
	c.mu.Lock()
	if to != nil {
		c.mu.aliases[qualified{a.DB, a.Name}] = a
	} else {
		delete(c.mu.aliases, qualified{a.DB, a.Name})
	}
	c.mu.Unlock()
	for _, coll := range []*collection{to, from} {
		if coll != nil {
			c.listAliases(coll)
		}
	}
	return nil
}

// listAliases publishes the collection's aliases as they are now.
func (c *Coord) listAliases(coll *collection) {
	coll.commit.Lock()
	defer coll.commit.Unlock()
	info := *coll.info.Load()
	info.Aliases = nil
	c.mu.RLock()
	for name, a := range c.mu.aliases {
		if a.Collection == coll.id {
			info.Aliases = append(info.Aliases, name.name)
		}
	}
	c.mu.RUnlock()
	slices.Sort(info.Aliases)
	coll.mu.Lock()
	coll.info.Store(&info)
	coll.mu.snap = nil
	coll.mu.Unlock()
	c.changes.send()
}
