package rootcoord

import (
	"context"
	"slices"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
)

func (c *Coord) createPartition(ctx context.Context, cmd role.CreatePartition) error {
	coll, unlock, err := c.lockCollection(cmd.CollectionRef)
	if err != nil {
		return err
	}
	defer unlock()
	info := coll.info.Load()
	if partition(info, cmd.Partition) != nil {
		return nil
	}
	if n := len(info.Partitions); n >= c.cfg.Limits.Partitions {
		return merr.ParameterInvalid.Msg("partition number (%d) exceeds max configuration (%d), collection: %s",
			n, c.cfg.Limits.Partitions, info.Name)
	}
	c.mu.RLock()
	capacity := c.mu.capacity
	c.mu.RUnlock()
	if err := c.checkCapacity(capacity + int(info.Shards)); err != nil {
		return err
	}
	id, err := c.ids.Next(ctx, 1)
	if err != nil {
		return err
	}
	ts, err := c.oracle.Next(ctx)
	if err != nil {
		return err
	}
	p := &schema.Partition{ID: id, Collection: coll.id, Name: cmd.Partition, CreatedAt: ts}
	err = c.update(ctx, coll, func(t *tx) error {
		t.info.Partitions = append(slices.Clone(t.info.Partitions), p)
		t.later[p.ID] = true
		t.PutPartition(p)
		return nil
	})
	if err != nil {
		return err
	}
	if err := c.tell(ctx, coll); err != nil {
		// Not told: take it back, so that nobody is sent to an owner that refuses.
		if undo := c.removePartition(ctx, coll, p); undo != nil {
			c.logger.Warn("a partition could not be taken back", "collection", coll.id, "partition", p.ID, "err", undo)
		}
		return err
	}
	return nil
}

// removePartition takes a partition out of the catalog and marks its segments dropped.
func (c *Coord) removePartition(ctx context.Context, coll *collection, p *schema.Partition) error {
	return c.update(ctx, coll, func(t *tx) error {
		t.info.Partitions = slices.DeleteFunc(slices.Clone(t.info.Partitions), func(q *schema.Partition) bool { return q.ID == p.ID })
		if t.later[p.ID] {
			delete(t.later, p.ID)
			t.DropPartition(coll.id, p.ID)
		} else {
			t.putCollection()
		}
		t.dropSegments(func(s *role.Segment) bool { return s.Partition == p.ID })
		return nil
	})
}

func (c *Coord) dropPartition(ctx context.Context, cmd role.DropPartition) error {
	if cmd.Partition == schema.DefaultPartition {
		return merr.ParameterInvalid.Msg("default partition cannot be deleted")
	}
	coll, unlock, err := c.lockCollection(cmd.CollectionRef)
	if err != nil {
		return err
	}
	defer unlock()
	info := coll.info.Load()
	p := partition(info, cmd.Partition)
	if p == nil {
		return nil
	}
	if loaded(info, p.ID) {
		return merr.ParameterInvalid.Msg("partition cannot be dropped, partition is loaded, please release it first")
	}
	if err := c.removePartition(ctx, coll, p); err != nil {
		return err
	}
	node, err := c.datanode()
	if err != nil {
		return err
	}
	// The partition is gone from the catalog whatever happens now: its id is
	// never used again and an owner that opens later does not know it.
	return node.DropPartition(ctx, coll.info.Load(), p.ID)
}

// load records what shall be searchable; the loop brings it about.
func (c *Coord) load(ctx context.Context, cmd role.Load) error {
	coll, unlock, err := c.lockCollection(cmd.CollectionRef)
	if err != nil {
		return err
	}
	defer unlock()
	info := coll.info.Load()
	if err := checkIndexed(info); err != nil {
		return err
	}
	replicas := max(cmd.Replicas, 1)
	if info.Load != nil && info.Load.Replicas != replicas && len(cmd.Partitions) > 0 {
		return merr.InvalidParameter(info.Load.Replicas, replicas, "can't change the replica number for loaded partitions")
	}
	if replicas > 1 {
		return merr.Wrap(merr.ResourceInsufficient.With(
			merr.KV{Key: "currentStreamingNode", Value: 1}, merr.KV{Key: "expectedStreamingNode", Value: replicas},
		), "when load %d replica count", replicas)
	}
	want := role.LoadInfo{All: len(cmd.Partitions) == 0, Replicas: replicas}
	if !want.All {
		if want.Partitions, err = partitionIDs(info, cmd.Partitions); err != nil {
			return err
		}
		if info.Load != nil {
			want.All = info.Load.All
			want.Partitions = append(want.Partitions, info.Load.Partitions...)
		}
		slices.Sort(want.Partitions)
		want.Partitions = slices.Compact(want.Partitions)
	}
	if want.All {
		want.Partitions = nil
	}
	return c.setLoad(ctx, coll, &want)
}

func partitionIDs(info *role.CollectionInfo, names []string) ([]base.ID, error) {
	var ids []base.ID
	for _, name := range names {
		p := partition(info, name)
		if p == nil {
			return nil, errPartitionNotFound(name)
		}
		ids = append(ids, p.ID)
	}
	return ids, nil
}

// checkIndexed: every vector field needs an index before it can be searched.
func checkIndexed(info *role.CollectionInfo) error {
	if len(info.Indexes) == 0 {
		return merr.AsInput(merr.IndexNotFound.With(merr.KV{Key: "collection", Value: info.Name}))
	}
	var missing []string
	for _, f := range info.VectorFields() {
		if !slices.ContainsFunc(info.Indexes, func(x *schema.Index) bool { return x.Field == f.ID }) {
			missing = append(missing, f.Name)
		}
	}
	if len(missing) > 0 {
		return merr.ParameterInvalid.Msg("there is no vector index on field: %v, please create index firstly", missing)
	}
	return nil
}

func (c *Coord) setLoad(ctx context.Context, coll *collection, l *role.LoadInfo) error {
	return c.update(ctx, coll, func(t *tx) error {
		if sameLoad(t.info.Load, l) {
			return nil
		}
		t.setLoad(l)
		return nil
	})
}

func sameLoad(a, b *role.LoadInfo) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.All == b.All && a.Replicas == b.Replicas && slices.Equal(a.Partitions, b.Partitions)
}

// release takes back a load; releasing what is not loaded is a success.
// Partitions of a collection that was loaded whole leave the others loaded,
// named one by one from then on.
func (c *Coord) release(ctx context.Context, cmd role.Release) error {
	coll, unlock, err := c.lockCollection(cmd.CollectionRef)
	if err != nil {
		return err
	}
	defer unlock()
	info := coll.info.Load()
	ids, err := partitionIDs(info, cmd.Partitions)
	if err != nil {
		return err
	}
	if info.Load == nil {
		return nil
	}
	if len(cmd.Partitions) == 0 {
		return c.setLoad(ctx, coll, nil)
	}
	var rest []base.ID
	for _, p := range info.Partitions {
		if loaded(info, p.ID) && !slices.Contains(ids, p.ID) {
			rest = append(rest, p.ID)
		}
	}
	if len(rest) == 0 {
		return c.setLoad(ctx, coll, nil)
	}
	slices.Sort(rest)
	if info.Load.All && len(rest) == len(info.Partitions) {
		return nil
	}
	return c.setLoad(ctx, coll, &role.LoadInfo{Partitions: rest, Replicas: info.Load.Replicas})
}
