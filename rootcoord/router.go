package rootcoord

import (
	"cmp"
	"context"
	"slices"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
)

// The errors below are the caller's mistake: the names come from clients.

func errDatabaseNotFound(name any) error {
	return merr.AsInput(merr.DatabaseNotFound.With(merr.KV{Key: "database", Value: name}))
}

func errCollectionNotFound(db, name string) error {
	return merr.AsInput(merr.CollectionNotFound.With(merr.KV{Key: "database", Value: db}, merr.KV{Key: "collection", Value: name}))
}

func errCollectionIDNotFound(id base.ID) error {
	return merr.AsInput(merr.CollectionNotFound.With(merr.KV{Key: "collection", Value: id}))
}

func errPartitionNotFound(partition any) error {
	return merr.AsInput(merr.PartitionNotFound.With(merr.KV{Key: "partition", Value: partition}))
}

func errAlias(code merr.Code, db, alias string) error {
	return code.With(merr.KV{Key: "database", Value: db}, merr.KV{Key: "alias", Value: alias})
}

func orDefault(db string) string {
	if db == "" {
		return schema.DefaultDatabase
	}
	return db
}

// Database implements role.Router.
func (c *Coord) Database(_ context.Context, name string) (*schema.Database, error) {
	return c.database(orDefault(name))
}

func (c *Coord) database(name string) (*schema.Database, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	d, ok := c.mu.databases[name]
	if !ok {
		return nil, errDatabaseNotFound(name)
	}
	return d, nil
}

// Databases implements role.Router: ascending by creation.
func (c *Coord) Databases(context.Context) ([]*schema.Database, error) {
	c.mu.RLock()
	out := make([]*schema.Database, 0, len(c.mu.databases))
	for _, d := range c.mu.databases {
		out = append(out, d)
	}
	c.mu.RUnlock()
	slices.SortFunc(out, func(a, b *schema.Database) int {
		return cmp.Or(cmp.Compare(a.CreatedAt, b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

// Collection implements role.Router.
func (c *Coord) Collection(_ context.Context, ref role.CollectionRef) (*role.CollectionInfo, error) {
	coll, _, err := c.find(ref)
	if err != nil {
		return nil, err
	}
	return coll.info.Load(), nil
}

// find returns the collection of a name or alias, and whether it was an alias.
func (c *Coord) find(ref role.CollectionRef) (*collection, bool, error) {
	db := orDefault(ref.DB)
	c.mu.RLock()
	defer c.mu.RUnlock()
	d, ok := c.mu.databases[db]
	if !ok {
		return nil, false, errDatabaseNotFound(db)
	}
	if coll, ok := c.mu.names[qualified{d.ID, ref.Name}]; ok {
		return coll, false, nil
	}
	if a, ok := c.mu.aliases[qualified{d.ID, ref.Name}]; ok {
		if coll, ok := c.mu.collections[a.Collection]; ok {
			return coll, true, nil
		}
	}
	return nil, false, errCollectionNotFound(db, ref.Name)
}

// byID returns a live, published collection.
func (c *Coord) byID(id base.ID) (*collection, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if coll, ok := c.mu.collections[id]; ok {
		info := coll.info.Load()
		if c.mu.names[qualified{info.DB, info.Name}] == coll {
			return coll, nil
		}
	}
	return nil, errCollectionIDNotFound(id)
}

// CollectionByID implements role.Router.
func (c *Coord) CollectionByID(_ context.Context, id base.ID) (*role.CollectionInfo, error) {
	coll, err := c.byID(id)
	if err != nil {
		return nil, err
	}
	return coll.info.Load(), nil
}

// Collections implements role.Router.
func (c *Coord) Collections(_ context.Context, db string) ([]*role.CollectionInfo, error) {
	d, err := c.database(orDefault(db))
	if err != nil {
		return nil, err
	}
	var out []*role.CollectionInfo
	c.mu.RLock()
	for name, coll := range c.mu.names {
		if name.db == d.ID {
			out = append(out, coll.info.Load())
		}
	}
	c.mu.RUnlock()
	slices.SortFunc(out, func(a, b *role.CollectionInfo) int {
		return cmp.Or(cmp.Compare(a.CreatedAt, b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

// Alias implements role.Router.
func (c *Coord) Alias(_ context.Context, db, alias string) (*schema.Alias, error) {
	d, err := c.database(orDefault(db))
	if err != nil {
		return nil, err
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	a, ok := c.mu.aliases[qualified{d.ID, alias}]
	if !ok {
		return nil, merr.AsInput(errAlias(merr.AliasNotFound, d.Name, alias))
	}
	return a, nil
}

// LoadProgress implements role.Router. Errors: CollectionNotFound,
// CollectionNotLoaded, PartitionNotLoaded.
func (c *Coord) LoadProgress(_ context.Context, id base.ID, partitions []base.ID) (int64, error) {
	coll, err := c.byID(id)
	if err != nil {
		return 0, err
	}
	info := coll.info.Load()
	if info.Load == nil {
		return 0, merr.CollectionNotLoaded.With(merr.KV{Key: "collection", Value: info.Name})
	}
	for _, p := range partitions {
		if !loaded(info, p) {
			return 0, merr.PartitionNotLoaded.With(merr.KV{Key: "partition", Value: p})
		}
	}
	return c.loops.Progress(id, partitions), nil
}

// loaded reports whether a partition was asked to be searchable.
func loaded(info *role.CollectionInfo, partition base.ID) bool {
	return info.Load != nil && (info.Load.All || slices.Contains(info.Load.Partitions, partition))
}
