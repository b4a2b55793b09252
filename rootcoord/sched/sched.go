// Package sched holds the desired-state loops: each compares what the catalog
// asks for with what there is, and asks a worker for the difference. The loops
// wait for changes and never poll; what to do is decided by functions without
// I/O (Missing, planTarget, planCompaction, planGarbage), which take the state
// and return the decision.
//
//	load:    a target for each shard of a loaded collection, to the querynode
//	index:   each flushed segment without an index that it needs, to the indexnode
//	compact: small segments and segments with many deletes, to the datanode
//	gc:      objects that nothing names any more
package sched

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/meta"
	"github.com/redkite-db/redkite/objectstore"
)

// Host is the coordinator that the loops work for. Its methods may be called
// from any goroutine.
type Host interface {
	// Collections lists the collections with records, dropping ones too.
	Collections() []base.ID
	// Snapshot returns all that is known of a collection at one moment, nil if
	// it has no records.
	Snapshot(collection base.ID) *Snapshot

	Begin(ctx context.Context, kind string) (base.ID, error)
	End(ctx context.Context, task base.ID) error
	CommitIndex(ctx context.Context, collection base.ID, r *role.BuildResult) error
	// DropIndexFile forgets and deletes an index's file of a segment, unless it
	// was replaced since.
	DropIndexFile(ctx context.Context, collection base.ID, bad role.BadIndex) error
	// CommitCompaction replaces the task's inputs; it fails if one of them
	// changed since. It ends the builds of the output's indexes too.
	CommitCompaction(ctx context.Context, t *role.CompactionTask, r *role.CompactionResult) error

	// DropDeltas removes delta logs that no row needs.
	DropDeltas(ctx context.Context, collection base.ID, ids []base.ID) error
	// ForgetSegments removes the records of dropped segments whose objects are
	// gone, and takes the object's names out of those that must stay.
	ForgetSegments(ctx context.Context, collection base.ID, remove, bare []base.ID) error
	// ForgetCollection removes every record of a dropped collection.
	ForgetCollection(ctx context.Context, collection base.ID) error
	// Leftovers are the tasks that ended without a commit; ForgetTasks says
	// that nothing of them is left.
	Leftovers() []base.ID
	// Sure reports whether this process knows the catalog. When it does not, a
	// commit that looked failed may have named its objects: nothing is deleted.
	Sure() bool
	// Open reports whether a task may still write and commit.
	Open(task base.ID) bool
	ForgetTasks(ctx context.Context, ids []base.ID) error
	// Garbage is what was dropped and is to be deleted.
	Garbage(collection base.ID) []*meta.Garbage
	ForgetGarbage(ctx context.Context, ids []base.ID) error
}

// Snapshot is all that is known of a collection at one moment. It is shared:
// nobody changes it.
type Snapshot struct {
	Info        *role.CollectionInfo
	Dropping    bool
	Segments    []*role.Segment  // Dropped ones too; ascending by id
	Deltas      []*role.DeltaLog // ascending by time
	Checkpoints map[int32]role.Checkpoint
	Cut         base.Position // of the channel
}

// Workers are the roles that the loops ask.
type Workers struct {
	Data  role.DataNode
	Index role.IndexNode
	Query role.QueryNode
	Store objectstore.Store
}

// Config of the loops.
type Config struct {
	MinIndexRows   int64 // smaller segments are searched without an index
	MaxSegment     int64 // bytes; the most that segments are merged to
	AutoCompaction bool
	Loads          int // targets applied at a time
	Builds         int // indexes built at a time
	Compactions    int // compactions at a time
	FirstPause     time.Duration
	LongestPause   time.Duration
}

// Defaults returns the configuration of a single process.
func Defaults() Config {
	return Config{
		MinIndexRows: 1024, MaxSegment: 1 << 30, AutoCompaction: true,
		Loads: 8, Builds: 1, Compactions: 1, // a build uses every core by itself
		FirstPause: 50 * time.Millisecond, LongestPause: 30 * time.Second,
	}
}

// Scheduler runs the loops.
type Scheduler struct {
	cfg    Config
	host   Host
	logger *slog.Logger
	w      Workers // set by Bind, before Start

	loads       *queue[base.ID]
	builds      *queue[buildKey]
	compactions *queue[base.Shard]
	garbage     *queue[base.ID] // 0: the sweep

	served   served
	failures failures
	rebuilt  rebuilt
	ongoing  ongoing
	manual   manual

	started struct {
		sync.Mutex
		yes bool
	}
}

// New returns a scheduler that does nothing until Start.
func New(cfg Config, host Host, logger *slog.Logger) *Scheduler {
	s := &Scheduler{cfg: cfg, host: host, logger: logger}
	s.loads = newQueue(cfg.FirstPause, cfg.LongestPause, s.load)
	s.builds = newQueue(cfg.FirstPause, cfg.LongestPause, s.build)
	s.compactions = newQueue(cfg.FirstPause, cfg.LongestPause, s.compact)
	s.garbage = newQueue(cfg.FirstPause, cfg.LongestPause, s.collect)
	s.served.init()
	s.failures.init()
	s.ongoing.init()
	s.manual.init()
	return s
}

// Bind hands over the workers, before Start.
func (s *Scheduler) Bind(w Workers) { s.w = w }

// Start begins to work on everything there is.
func (s *Scheduler) Start() {
	s.started.Lock()
	s.started.yes = true
	s.started.Unlock()
	for _, id := range s.host.Collections() {
		s.Kick(id)
	}
	s.KickSweep()
	s.loads.start(s.cfg.Loads)
	s.builds.start(s.cfg.Builds)
	s.compactions.start(s.cfg.Compactions)
	s.garbage.start(1)
}

// Stop cancels what runs and waits for it.
func (s *Scheduler) Stop() {
	s.loads.close()
	s.builds.close()
	s.compactions.close()
	s.garbage.close()
}

// Kick says that a collection's records changed.
func (s *Scheduler) Kick(collection base.ID) {
	s.started.Lock()
	yes := s.started.yes
	s.started.Unlock()
	if !yes {
		return
	}
	s.loads.add(collection)
	s.garbage.add(collection)
	s.cancelUnneeded(collection)
	snap := s.host.Snapshot(collection)
	if snap == nil || snap.Dropping {
		return
	}
	for _, key := range missingBuilds(snap, s.cfg.MinIndexRows) {
		s.builds.add(key)
	}
	for _, shard := range snap.Info.ShardList() {
		s.compactions.add(shard)
	}
}

// KickSweep says that a task ended without a commit.
func (s *Scheduler) KickSweep() {
	if len(s.host.Leftovers()) > 0 {
		s.garbage.add(0)
	}
}

// Idle reports whether nothing is left to do that the loops know of.
func (s *Scheduler) Idle() bool {
	return !s.loads.busy() && !s.builds.busy() && !s.compactions.busy() && !s.garbage.busy()
}
