package rootcoord

import (
	"context"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/meta"
)

func (c *Coord) createDatabase(ctx context.Context, cmd role.CreateDatabase) error {
	// databasesKey: they are counted.
	defer c.locks.acquire(databasesKey(), databaseKey(cmd.Name, false))()
	if _, err := c.database(cmd.Name); err == nil {
		return merr.ParameterInvalid.Msg("database already exist: %s", cmd.Name)
	}
	if err := checkDatabaseProperties(cmd.Properties); err != nil {
		return err
	}
	c.mu.RLock()
	n := len(c.mu.databases)
	c.mu.RUnlock()
	// Milvus counts the databases beside the default one.
	if n > c.cfg.Limits.Databases {
		return merr.DatabaseLimit.With(merr.KV{Key: "limit", Value: c.cfg.Limits.Databases})
	}
	id, err := c.ids.Next(ctx, 1)
	if err != nil {
		return err
	}
	ts, err := c.oracle.Next(ctx)
	if err != nil {
		return err
	}
	return c.putDatabase(ctx, &schema.Database{ID: id, Name: cmd.Name, Properties: cmd.Properties, CreatedAt: ts})
}

func (c *Coord) putDatabase(ctx context.Context, d *schema.Database) error {
	var change meta.Change
	change.PutDatabase(d)
	if err := c.catalog.Apply(ctx, &change); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.databases[d.Name] = d
	return nil
}

func (c *Coord) dropDatabase(ctx context.Context, cmd role.DropDatabase) error {
	if cmd.Name == schema.DefaultDatabase {
		return merr.ParameterInvalid.Msg("can not drop default database")
	}
	defer c.locks.acquire(databaseKey(cmd.Name, false))()
	d, err := c.database(cmd.Name)
	if err != nil {
		return err
	}
	if list, err := c.Collections(ctx, cmd.Name); err != nil {
		return err
	} else if len(list) > 0 {
		return merr.ParameterInvalid.Msg("database:%s not empty, must drop all collections before drop database", cmd.Name)
	}
	var change meta.Change
	change.DropDatabase(d.ID)
	if err := c.catalog.Apply(ctx, &change); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.mu.databases, d.Name)
	return nil
}

func (c *Coord) alterDatabase(ctx context.Context, cmd role.AlterDatabase) error {
	if len(cmd.Set) == 0 && len(cmd.Delete) == 0 {
		return merr.ParameterInvalid.Msg("alter database with empty properties and delete keys, expected to set either properties or delete keys")
	}
	if len(cmd.Set) > 0 && len(cmd.Delete) > 0 {
		return merr.ParameterInvalid.Msg("alter database cannot modify properties and delete keys at the same time")
	}
	if err := checkDatabaseProperties(cmd.Set); err != nil {
		return err
	}
	name := orDefault(cmd.Name)
	defer c.locks.acquire(databaseKey(name, false))()
	d, err := c.database(name)
	if err != nil {
		return err
	}
	pairs, changed := mergePairs(d.Properties, cmd.Set, cmd.Delete)
	if !changed {
		return nil
	}
	altered := *d
	altered.Properties = pairs
	return c.putDatabase(ctx, &altered)
}
