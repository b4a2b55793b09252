package meta

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/schema"
)

// The keys of the catalog, below its root.
const (
	leaderKey        = "leader"
	databasePrefix   = "db/"
	collectionPrefix = "coll/"
	partitionPrefix  = "part/"
	aliasPrefix      = "alias/"
	indexPrefix      = "index/"
	loadPrefix       = "load/"
	segmentPrefix    = "seg/"
	deltaPrefix      = "delta/"
	checkpointPrefix = "ckpt/"
	termPrefix       = "term/"
	taskPrefix       = "task/"
	intentPrefix     = "intent/"
	garbagePrefix    = "garbage/"
	windowPrefix     = "window/"
	batchPrefix      = "batch/" // a large change that has been decided
	stagePrefix      = "stage/" // its parts
)

func idKey(prefix string, ids ...base.ID) string {
	b := []byte(prefix)
	for i, id := range ids {
		if i > 0 {
			b = append(b, '/')
		}
		b = strconv.AppendInt(b, id, 10)
	}
	return string(b)
}

func aliasKey(db base.ID, name string) string {
	return idKey(aliasPrefix, db) + "/" + url.PathEscape(name)
}

func shardKey(prefix string, s base.Shard, ids ...base.ID) string {
	return idKey(prefix, append([]base.ID{s.Collection, base.ID(s.Index)}, ids...)...)
}

// Change is a set of records to write and to remove that become visible at
// once. The zero Change is empty. A record named twice: the last one counts.
type Change struct {
	ops map[string][]byte // by key below the root; nil: removed
	err error
}

func (c *Change) set(key string, value []byte) {
	if c.ops == nil {
		c.ops = map[string][]byte{}
	}
	c.ops[key] = value
}

func (c *Change) setJSON(key string, v any, err error) {
	var value []byte
	if err == nil {
		value, err = sealJSON(key, v)
	}
	if err != nil {
		c.err = errors.Join(c.err, err)
		return
	}
	c.set(key, value)
}

// Len is the number of records that change.
func (c *Change) Len() int { return len(c.ops) }

// PutDatabase writes a database.
func (c *Change) PutDatabase(d *schema.Database) {
	c.setJSON(idKey(databasePrefix, d.ID),
		databaseRecord{ID: d.ID, Name: d.Name, Properties: toPairs(d.Properties), CreatedAt: d.CreatedAt}, nil)
}

// DropDatabase removes a database.
func (c *Change) DropDatabase(id base.ID) { c.set(idKey(databasePrefix, id), nil) }

// PutCollection writes a collection.
func (c *Change) PutCollection(coll *Collection) {
	r, err := toCollection(coll)
	c.setJSON(idKey(collectionPrefix, r.ID), r, err)
}

// DropCollection removes a collection's own record, none of its parts.
func (c *Change) DropCollection(id base.ID) { c.set(idKey(collectionPrefix, id), nil) }

// PutPartition writes a partition that was made after its collection.
func (c *Change) PutPartition(p *schema.Partition) {
	c.setJSON(idKey(partitionPrefix, p.Collection, p.ID),
		partitionRecord{ID: p.ID, Collection: p.Collection, Name: p.Name, CreatedAt: p.CreatedAt}, nil)
}

// DropPartition removes a partition that was made after its collection.
func (c *Change) DropPartition(collection, id base.ID) {
	c.set(idKey(partitionPrefix, collection, id), nil)
}

// PutAlias writes an alias.
func (c *Change) PutAlias(a *schema.Alias) {
	c.setJSON(aliasKey(a.DB, a.Name), aliasRecord{a.DB, a.Name, a.Collection}, nil)
}

// DropAlias removes an alias.
func (c *Change) DropAlias(db base.ID, name string) { c.set(aliasKey(db, name), nil) }

// PutIndex writes an index description.
func (c *Change) PutIndex(x *schema.Index) {
	c.setJSON(idKey(indexPrefix, x.Collection, x.ID), indexRecord{
		ID: x.ID, Collection: x.Collection, Field: x.Field, Name: x.Name, Type: x.Type, UserType: x.UserType,
		Metric: x.Metric, Params: x.Params, UserParams: toPairs(x.UserParams), CreatedAt: x.CreatedAt,
	}, nil)
}

// DropIndex removes an index description.
func (c *Change) DropIndex(collection, id base.ID) { c.set(idKey(indexPrefix, collection, id), nil) }

// PutLoad writes what shall be searchable of a collection.
func (c *Change) PutLoad(l *Load) {
	c.setJSON(idKey(loadPrefix, l.Collection), loadRecord(*l), nil)
}

// DropLoad removes it.
func (c *Change) DropLoad(collection base.ID) { c.set(idKey(loadPrefix, collection), nil) }

// PutSegment writes a segment version in place of an earlier one.
func (c *Change) PutSegment(s *Segment) {
	key := idKey(segmentPrefix, s.Shard.Collection, s.ID)
	c.set(key, seal(key, appendSegment(nil, s)))
}

// DropSegment removes a segment.
func (c *Change) DropSegment(collection, id base.ID) {
	c.set(idKey(segmentPrefix, collection, id), nil)
}

// PutDelta writes a delta log.
func (c *Change) PutDelta(d *Delta) {
	key := shardKey(deltaPrefix, d.Shard, d.ID)
	c.set(key, seal(key, appendDelta(nil, d)))
}

// DropDelta removes a delta log.
func (c *Change) DropDelta(s base.Shard, id base.ID) { c.set(shardKey(deltaPrefix, s, id), nil) }

// PutCheckpoint writes a shard's checkpoint.
func (c *Change) PutCheckpoint(p *Checkpoint) {
	c.setJSON(shardKey(checkpointPrefix, p.Shard), checkpointRecord{
		Collection: p.Shard.Collection, Shard: p.Shard.Index, Version: p.Version, Generation: p.Position.Generation,
		Offset: []byte(p.Position.Offset), Time: p.Time, Deletes: p.Deletes,
	}, nil)
}

// DropCheckpoint removes a shard's checkpoint.
func (c *Change) DropCheckpoint(s base.Shard) { c.set(shardKey(checkpointPrefix, s), nil) }

// PutTerm writes the highest term of a channel.
func (c *Change) PutTerm(ch base.Channel, term int64) {
	c.setJSON(termPrefix+url.PathEscape(string(ch)), termRecord{ch, term}, nil)
}

// PutTask writes a task.
func (c *Change) PutTask(t *Task) { c.setJSON(idKey(taskPrefix, t.ID), taskRecord(*t), nil) }

// DropTask removes a task.
func (c *Change) DropTask(id base.ID) { c.set(idKey(taskPrefix, id), nil) }

// PutIntent writes an intent.
func (c *Change) PutIntent(i *Intent) { c.setJSON(idKey(intentPrefix, i.ID), intentRecord(*i), nil) }

// DropIntent removes an intent.
func (c *Change) DropIntent(id base.ID) { c.set(idKey(intentPrefix, id), nil) }

// PutGarbage writes what shall be deleted from the object store.
func (c *Change) PutGarbage(g *Garbage) {
	c.setJSON(idKey(garbagePrefix, g.ID), garbageRecord(*g), nil)
}

// DropGarbage removes it.
func (c *Change) DropGarbage(id base.ID) { c.set(idKey(garbagePrefix, id), nil) }

// putWindow writes the end of a window of numbers that may have been given out.
func (c *Change) putWindow(name string, until uint64) {
	c.setJSON(windowPrefix+name, windowRecord{until}, nil)
}

// sorted returns the operations in key order, below root.
func (c *Change) sorted(root string) []Op {
	ops := make([]Op, 0, len(c.ops))
	for key, value := range c.ops {
		ops = append(ops, Op{Key: root + key, Value: value})
	}
	slices.SortFunc(ops, func(a, b Op) int { return strings.Compare(a.Key, b.Key) })
	return ops
}
