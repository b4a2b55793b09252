package rootcoord

import (
	"context"
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/binlog"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/role"
)

// The workers of the world: a life is every one of them.

func (l *life) CreateShards(_ context.Context, info *role.CollectionInfo) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range info.ShardList() {
		l.shards[s] = newShardState(info)
	}
	return l.called("CreateShards")
}

func (l *life) called(what string) error {
	if hook := l.hooked.Load(); hook != nil {
		return (*hook)(what)
	}
	return nil
}

func (l *life) hook(f func(what string) error) { l.hooked.Store(&f) }

func (l *life) DropShards(_ context.Context, info *role.CollectionInfo) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range info.ShardList() {
		delete(l.shards, s)
	}
	return l.called("DropShards")
}

func (l *life) UpdateShards(_ context.Context, info *role.CollectionInfo) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.called("UpdateShards"); err != nil {
		return err
	}
	for _, s := range info.ShardList() {
		l.shards[s].info = info
	}
	return nil
}

func (l *life) DropPartition(ctx context.Context, info *role.CollectionInfo, p base.ID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range info.ShardList() {
		l.shards[s].info = info
		if _, err := l.append(ctx, entry{kind: "dropPartition", shard: s, partition: p}); err != nil {
			return err
		}
	}
	return l.called("DropPartition")
}

func (l *life) Truncate(ctx context.Context, info *role.CollectionInfo) (base.Timestamp, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var at base.Timestamp
	for _, s := range info.ShardList() {
		ts, err := l.append(ctx, entry{kind: "truncate", shard: s})
		if err != nil {
			return 0, err
		}
		at = ts
	}
	return at, l.called("Truncate")
}

func (l *life) Seal(context.Context, base.ID) (role.Sealed, error) { return role.Sealed{}, nil }

func (l *life) Flushed(context.Context, base.ID, []base.ID, base.Timestamp) (bool, error) {
	return true, nil
}

func (l *life) Growing(context.Context, base.ID) ([]role.GrowingInfo, error) { return nil, nil }

func (l *life) Compact(ctx context.Context, t *role.CompactionTask) (*role.CompactionResult, error) {
	if err := l.called("Compact"); err != nil {
		return nil, err
	}
	deletes, to, err := l.readDeltas(ctx, t.Deltas)
	if err != nil {
		return nil, err
	}
	if len(t.Inputs) == 0 {
		first, last := t.Deltas[0], t.Deltas[len(t.Deltas)-1]
		k := binlog.Key{Kind: binlog.DeltaKey, Collection: first.Shard.Collection, Task: t.Task}
		d := &role.DeltaLog{ID: t.Task, Shard: first.Shard, Key: k.String(), Rows: int64(len(deletes)), From: first.From, To: max(to, last.To)}
		return &role.CompactionResult{Task: t.Task, Shard: first.Shard, Delta: d}, l.put(ctx, d.Key, deletes)
	}
	r := &role.CompactionResult{Task: t.Task, Shard: t.Inputs[0].Shard}
	var rows []row
	applied := to
	for _, in := range t.Inputs {
		r.Inputs = append(r.Inputs, in.ID)
		list, err := l.get(ctx, in.Manifest)
		if err != nil {
			return nil, err
		}
		rows = append(rows, visible(list, in, deletes, t.Collection.TruncatedAt)...)
		applied = max(applied, in.DeletesApplied)
	}
	if len(rows) == 0 {
		return r, nil
	}
	id, err := l.c.IDs(ctx, 1)
	if err != nil {
		return nil, err
	}
	r.Output = &role.Segment{ID: id, Shard: r.Shard, Partition: t.Inputs[0].Partition, DeletesApplied: applied}
	return r, l.writeRows(ctx, r.Output, rows, t.Task)
}

func (w *world) readDeltas(ctx context.Context, list []*role.DeltaLog) ([]row, base.Timestamp, error) {
	var out []row
	var to base.Timestamp
	for _, d := range list {
		rows, err := w.get(ctx, d.Key)
		if err != nil {
			return nil, 0, err
		}
		out = append(out, rows...)
		to = max(to, d.To)
	}
	return out, to, nil
}

// visible leaves out what deletes and a truncation hide.
func visible(rows []row, s *role.Segment, deletes []row, truncated base.Timestamp) []row {
	return slices.DeleteFunc(slices.Clone(rows), func(r row) bool {
		return r.At <= truncated || slices.ContainsFunc(deletes, func(d row) bool {
			return d.ID == r.ID && r.At < d.At && d.At > s.DeletesApplied
		})
	})
}

func (l *life) Build(ctx context.Context, t *role.BuildTask, _ func(int)) (*role.BuildResult, error) {
	if err := l.called("Build"); err != nil {
		return nil, err
	}
	if building := l.building.Load(); building != nil {
		if err := (*building)(ctx); err != nil {
			return nil, err
		}
	}
	if _, err := l.get(ctx, t.Segment.Manifest); err != nil {
		return nil, err
	}
	if len(t.Inputs) > 0 {
		l.mu.Lock()
		l.merged = append(l.merged, len(t.Inputs))
		l.mu.Unlock()
	}
	k := binlog.Key{Kind: binlog.IndexKey, Task: t.Task, Version: 1, Partition: t.Segment.Partition, Segment: t.Segment.ID, Index: t.Index.ID}
	r := &role.BuildResult{Task: t.Task, Segment: t.Segment.ID, Index: t.Index.ID, File: role.IndexFile{Build: t.Task, Key: k.String(), Bytes: 2}}
	return r, l.put(ctx, r.File.Key, []row{})
}

func (l *life) Apply(ctx context.Context, t *role.LoadTarget) ([]role.BadIndex, error) {
	if err := l.called("Apply"); err != nil {
		return nil, err
	}
	var missing []string
	need := func(key string) {
		if _, err := l.store.Stat(ctx, key); err != nil && ctx.Err() == nil {
			missing = append(missing, key)
		}
	}
	for _, s := range t.Segments {
		need(s.Manifest)
		for _, f := range s.Indexes {
			need(f.Key)
		}
	}
	for _, d := range t.Deltas {
		need(d.Key)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.missing = append(l.missing, missing...)
	if len(missing) > 0 {
		return nil, fmt.Errorf("missing objects: %v", missing)
	}
	l.targets[t.Shard] = t
	var bad []role.BadIndex
	for _, s := range t.Segments {
		for id, f := range s.Indexes {
			if l.damaged[f.Build] {
				bad = append(bad, role.BadIndex{Segment: s.ID, Index: id, Build: f.Build})
			}
		}
	}
	return bad, nil
}

func (l *life) Release(_ context.Context, s base.Shard) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.targets, s)
	return l.called("Release")
}

func (l *life) target(name string) *role.LoadTarget {
	info, err := l.c.Collection(context.Background(), role.CollectionRef{Name: name})
	require.NoError(l.t, err)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.targets[base.Shard{Collection: info.ID}]
}

func (l *life) Search(context.Context, *role.SearchRequest) (*role.SearchResult, error) {
	return &role.SearchResult{Rows: &column.Batch{}}, nil
}

func (l *life) Retrieve(context.Context, *role.RetrieveRequest) (*role.RetrieveResult, error) {
	return &role.RetrieveResult{}, nil
}

func (l *life) LoadedSegments(context.Context, base.ID) ([]*role.Segment, error) { return nil, nil }
