package rootcoord

import (
	"context"
	"errors"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/meta"
)

// Do implements role.DDL.
func (c *Coord) Do(ctx context.Context, cmd role.Command) error {
	err := c.do(ctx, cmd)
	if errors.Is(err, meta.ErrDeposed) || errors.Is(err, meta.ErrClosed) {
		return merr.Unavailable.Msg("%s", err)
	}
	return err
}

func (c *Coord) do(ctx context.Context, cmd role.Command) error {
	switch cmd := cmd.(type) {
	case role.CreateDatabase:
		return c.createDatabase(ctx, cmd)
	case role.DropDatabase:
		return c.dropDatabase(ctx, cmd)
	case role.AlterDatabase:
		return c.alterDatabase(ctx, cmd)
	case role.CreateCollection:
		return c.createCollection(ctx, cmd)
	case role.DropCollection:
		return c.dropCollection(ctx, cmd)
	case role.RenameCollection:
		return c.renameCollection(ctx, cmd)
	case role.AlterCollection:
		return c.alterCollection(ctx, cmd)
	case role.AlterField:
		return c.alterField(ctx, cmd)
	case role.AddField:
		return c.addField(ctx, cmd)
	case role.Truncate:
		return c.truncate(ctx, cmd)
	case role.CreatePartition:
		return c.createPartition(ctx, cmd)
	case role.DropPartition:
		return c.dropPartition(ctx, cmd)
	case role.CreateAlias:
		return c.createAlias(ctx, cmd)
	case role.AlterAlias:
		return c.alterAlias(ctx, cmd)
	case role.DropAlias:
		return c.dropAlias(ctx, cmd)
	case role.CreateIndex:
		return c.createIndex(ctx, cmd)
	case role.DropIndex:
		return c.dropIndex(ctx, cmd)
	case role.AlterIndex:
		return c.alterIndex(ctx, cmd)
	case role.Load:
		return c.load(ctx, cmd)
	case role.Release:
		return c.release(ctx, cmd)
	}
	return merr.Internal.Text("rootcoord knows no command %T", cmd)
}

// lockCollection finds a collection by name or alias and takes its key. The
// name may come to mean another collection until the key is held: then the
// search begins again.
func (c *Coord) lockCollection(ref role.CollectionRef) (*collection, func(), error) {
	for {
		coll, _, err := c.find(ref)
		if err != nil {
			return nil, nil, err
		}
		unlock := c.locks.acquire(collectionKey(coll.id))
		if again, _, err := c.find(ref); err == nil && again == coll {
			return coll, unlock, nil
		}
		unlock()
	}
}

// mergePairs returns pairs with set put in and the keys of drop taken out, in
// key order, and whether that changed anything.
func mergePairs(pairs, set []*commonpb.KeyValuePair, drop []string) ([]*commonpb.KeyValuePair, bool) {
	m := make(map[string]string, len(pairs)+len(set))
	for _, kv := range pairs {
		m[kv.Key] = kv.Value
	}
	changed := false
	for _, kv := range set {
		if old, ok := m[kv.Key]; !ok || old != kv.Value {
			m[kv.Key] = kv.Value
			changed = true
		}
	}
	for _, key := range drop {
		if _, ok := m[key]; ok {
			delete(m, key)
			changed = true
		}
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	out := make([]*commonpb.KeyValuePair, len(keys))
	for i, k := range keys {
		out[i] = &commonpb.KeyValuePair{Key: k, Value: m[k]}
	}
	return out, changed
}

func samePairs(a, b []*commonpb.KeyValuePair) bool {
	_, changed := mergePairs(a, b, nil)
	return !changed && len(a) == len(b)
}

func pairOf(pairs []*commonpb.KeyValuePair, key string) (string, bool) {
	for _, kv := range pairs {
		if kv.Key == key {
			return kv.Value, true
		}
	}
	return "", false
}
