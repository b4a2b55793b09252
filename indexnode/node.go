// Package indexnode holds the role that builds indexes: a segment's columns
// in, index objects out.
package indexnode

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/redkite-db/redkite/internal/binlog"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/segment"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/objectstore"
)

// Config of an indexnode. Every field is required.
type Config struct {
	Engine  *segment.Engine
	Kinds   []vecindex.Kind
	Store   objectstore.Store
	Files   objectstore.Files
	Budget  *mem.Budget // of indexes being built
	Threads int         // of one build
	Logger  *slog.Logger
}

// Node builds indexes.
type Node struct{ cfg Config }

var _ role.IndexNode = (*Node)(nil)

// New returns a node.
func New(cfg Config) *Node { return &Node{cfg: cfg} }

// Build builds one index over one segment and stores it; see role.IndexNode.
func (n *Node) Build(ctx context.Context, t *role.BuildTask, progress func(percent int)) (*role.BuildResult, error) {
	f := t.Collection.FieldByID(t.Index.Field)
	if f == nil {
		return nil, fmt.Errorf("indexnode: collection %d has no field %d", t.Collection.ID, t.Index.Field)
	}
	result := &role.BuildResult{
		Task: t.Task, Segment: t.Segment.ID, Index: t.Index.ID, File: role.IndexFile{Build: t.Task},
	}
	manifest, err := binlog.ReadManifest(ctx, n.cfg.Files, t.Segment.Manifest)
	if err != nil {
		return nil, fmt.Errorf("indexnode: manifest of segment %d: %w", t.Segment.ID, err)
	}
	if manifest.Column(t.Index.Field) == nil {
		return result, nil // the field is younger than the segment: there is nothing to index
	}
	s, err := segment.OpenSealed(ctx, n.cfg.Engine, n.cfg.Files, t.Segment.Manifest)
	if err != nil {
		return nil, fmt.Errorf("indexnode: open segment %d: %w", t.Segment.ID, err)
	}
	defer s.Close()
	build := n.buildScalar
	if f.IsVector() {
		build = n.buildVector
	}
	index, release, err := build(ctx, s, f, t, progress)
	defer release()
	if err != nil {
		return nil, fmt.Errorf("indexnode: build %s over field %s of segment %d: %w", t.Index.Type, f.Name, t.Segment.ID, err)
	}
	key := binlog.Key{
		Kind: binlog.IndexKey, Task: t.Task, Version: 1, Partition: t.Segment.Partition, Segment: t.Segment.ID, Index: t.Index.ID,
	}.String()
	object, err := binlog.WriteObject(ctx, n.cfg.Store, key, index)
	if err != nil {
		return nil, fmt.Errorf("indexnode: store %s: %w", key, err)
	}
	result.File.Key, result.File.Bytes = key, object.Size
	return result, nil
}

// buildVector builds an index of vectors. Release, never nil, frees it: it is
// opened again from its object.
func (n *Node) buildVector(ctx context.Context, s *segment.Sealed, f *schema.Field, t *role.BuildTask, progress func(percent int)) (x io.WriterTo, release func(), err error) {
	release = func() {}
	kind, err := n.kind(t.Index.Type)
	if err != nil {
		return nil, release, err
	}
	metric, err := vecindex.ParseMetric(t.Index.Metric)
	if err != nil {
		return nil, release, err
	}
	source, err := s.Vectors(f.ID)
	if err != nil {
		return nil, release, err
	}
	options := vecindex.BuildOptions{Threads: n.cfg.Threads, Seed: uint64(t.Task), Budget: n.cfg.Budget}
	if progress != nil {
		options.Progress = func(done, total int) { progress(100 * done / max(total, 1)) }
	}
	index, err := n.make(ctx, &vectorBuild{task: t, segment: s, kind: kind, metric: metric, rows: source, options: options})
	if err != nil {
		return nil, release, err
	}
	return index, func() { _ = index.Close() }, nil
}

// buildScalar is buildVector for scalars; it takes no time that progress would
// be worth telling of.
func (n *Node) buildScalar(ctx context.Context, s *segment.Sealed, f *schema.Field, t *role.BuildTask, _ func(percent int)) (io.WriterTo, func(), error) {
	return s.BuildScalar(ctx, f, t.Index, n.cfg.Budget)
}

func (n *Node) kind(name string) (vecindex.Kind, error) {
	for _, k := range n.cfg.Kinds {
		if k.Name == name {
			return k, nil
		}
	}
	return vecindex.Kind{}, fmt.Errorf("indexnode: no index type %s", name)
}
