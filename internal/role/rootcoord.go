// Package role holds the interfaces at which the roles meet, and the types
// that cross them: a function call in one process, a message between two.
package role

import (
	"context"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/schema"
)

// RootCoord is everything that rootcoord offers.
type RootCoord interface {
	Clock
	DDL
	Router
	Segments
}

// Clock is the one source of time, ids and terms.
type Clock interface {
	// Now gives a timestamp later than every one given before. It fails with
	// mq.ErrFenced if a higher term of the channel was allotted.
	Now(ctx context.Context, ch base.Channel, term int64) (base.Timestamp, error)
	// Timestamp gives a timestamp for a client; it is no promise of any channel.
	Timestamp(ctx context.Context) (base.Timestamp, error)
	// IDs allots n ids, never given before, and returns the first of them.
	IDs(ctx context.Context, n int) (base.ID, error)
	// Term allots the next term of a channel, durably.
	Term(ctx context.Context, ch base.Channel) (int64, error)
	// Past makes every later timestamp later than ts: what a log holds.
	Past(ctx context.Context, ts base.Timestamp) error
}

// DDL changes the catalog. A command that returned nil is durable and visible
// to every later request.
type DDL interface {
	Do(ctx context.Context, cmd Command) error
}

// Command is one of the structs below.
type Command interface{ isCommand() }

// CollectionRef names a collection by database and name or alias.
type CollectionRef struct {
	DB   string // "": default
	Name string
}

// The commands. Names are as the client gave them; rootcoord checks them
// against the catalog, the proxy has checked their form.
type (
	CreateDatabase struct {
		Name       string
		Properties []*commonpb.KeyValuePair
	}
	DropDatabase  struct{ Name string }
	AlterDatabase struct {
		Name   string
		Set    []*commonpb.KeyValuePair
		Delete []string
	}
	// CreateCollection: Collection has no ids yet. An identical one is a success.
	CreateCollection struct {
		DB         string
		Collection *schema.Collection
		Partitions []string // beside _default; in partition-key mode the hidden ones
	}
	DropCollection   struct{ CollectionRef } // a missing one is a success
	RenameCollection struct {
		CollectionRef
		NewDB, NewName string
	}
	AlterCollection struct {
		CollectionRef
		Set    []*commonpb.KeyValuePair
		Delete []string
	}
	AlterField struct {
		CollectionRef
		Field  string
		Set    []*commonpb.KeyValuePair
		Delete []string
	}
	// AddField adds a field that was checked against Checked. It fails with code
	// 109 (schema mismatch) if the collection is another one by now.
	AddField struct {
		CollectionRef
		Field   *schema.Field // without an id
		Checked *schema.Collection
	}
	// Truncate removes every row written before it; schema, indexes and load stay.
	Truncate        struct{ CollectionRef }
	CreatePartition struct {
		CollectionRef
		Partition string
	}
	DropPartition struct {
		CollectionRef
		Partition string
	}
	CreateAlias struct {
		CollectionRef
		Alias string
	}
	AlterAlias struct {
		CollectionRef
		Alias string
	}
	DropAlias struct{ DB, Alias string }
	// CreateIndex: Index has no ids yet; an identical one is a success. Field is
	// a field's name, the dynamic one's for its keys.
	CreateIndex struct {
		CollectionRef
		Field string
		Index *schema.Index
	}
	DropIndex struct {
		CollectionRef
		Index string // index name, or field name
	}
	AlterIndex struct {
		CollectionRef
		Index  string
		Set    []*commonpb.KeyValuePair
		Delete []string
	}
	// Load asks for partitions (none: all, those of later too) to be searchable.
	Load struct {
		CollectionRef
		Partitions []string
		Replicas   int32
	}
	Release struct {
		CollectionRef
		Partitions []string
	}
)

func (CreateDatabase) isCommand()   {}
func (DropDatabase) isCommand()     {}
func (AlterDatabase) isCommand()    {}
func (CreateCollection) isCommand() {}
func (DropCollection) isCommand()   {}
func (RenameCollection) isCommand() {}
func (AlterCollection) isCommand()  {}
func (AlterField) isCommand()       {}
func (AddField) isCommand()         {}
func (Truncate) isCommand()         {}
func (CreatePartition) isCommand()  {}
func (DropPartition) isCommand()    {}
func (CreateAlias) isCommand()      {}
func (AlterAlias) isCommand()       {}
func (DropAlias) isCommand()        {}
func (CreateIndex) isCommand()      {}
func (DropIndex) isCommand()        {}
func (AlterIndex) isCommand()       {}
func (Load) isCommand()             {}
func (Release) isCommand()          {}

// CollectionInfo is one immutable snapshot of all that is known of a collection.
type CollectionInfo struct {
	*schema.Collection
	Channel     base.Channel
	Aliases     []string            // ascending
	Partitions  []*schema.Partition // _default first, then by creation
	Indexes     []*schema.Index
	Load        *LoadInfo      // nil: not loaded
	TruncatedAt base.Timestamp // rows stamped at or before it do not exist
}

// LoadInfo is what was asked for by Load.
type LoadInfo struct {
	All        bool // every partition, those of later too
	Partitions []base.ID
	Replicas   int32
}

// Router reads the catalog. Snapshots are shared: callers do not change them.
type Router interface {
	Database(ctx context.Context, name string) (*schema.Database, error)
	Databases(ctx context.Context) ([]*schema.Database, error)
	// Collection finds by name or alias.
	Collection(ctx context.Context, ref CollectionRef) (*CollectionInfo, error)
	CollectionByID(ctx context.Context, id base.ID) (*CollectionInfo, error)
	// Collections lists a database, ascending by creation.
	Collections(ctx context.Context, db string) ([]*CollectionInfo, error)
	// Alias returns the collection that an alias stands for.
	Alias(ctx context.Context, db, alias string) (*schema.Alias, error)
	// LoadProgress tells percent loaded of the partitions (none: all asked for).
	LoadProgress(ctx context.Context, collection base.ID, partitions []base.ID) (int64, error)
}

// Segment is one version of a sealed segment in the catalog.
type Segment struct {
	ID             base.ID
	Shard          base.Shard
	Partition      base.ID
	Rows           int64
	Bytes          int64
	Manifest       string         // object key
	Task           base.ID        // that wrote it
	Start, End     base.Position  // first and last record of its rows in the log; zero for compacted segments
	MinTime        base.Timestamp // of its rows
	MaxTime        base.Timestamp
	DeletesApplied base.Timestamp        // deletes up to here are folded in
	Level          int32                 // 1: flushed, 2: compacted
	Dropped        bool                  // kept only until the log's cut is past End
	Indexes        map[base.ID]IndexFile // by index id
}

// IndexFile is a built index of a segment.
type IndexFile struct {
	Build base.ID
	Key   string // "": there is nothing to index, the segment has no column of the field
	Bytes int64
}

// DeltaLog is one object of deletes of a shard, stamped in (From, To].
type DeltaLog struct {
	ID       base.ID
	Shard    base.Shard
	Key      string
	Rows     int64
	From, To base.Timestamp
}

// Checkpoint of a shard: every row before Position is in a committed segment,
// every delete stamped at or before Deletes in a delta log.
//
// Version counts the shard's flushes: each CommitFlush raises it by one, and
// fails unless it is one more than the version in the catalog. A load target
// carries the version that it was made from, so that a querynode can tell
// whether the target has all that left the growing segments.
type Checkpoint struct {
	Version  int64
	Position base.Position
	// Time is such that every row stamped at or before it is in a committed
	// segment; zero: not known. A delta log is kept while a row that it may
	// concern is not committed.
	Time    base.Timestamp
	Deletes base.Timestamp
}

// ShardState is what a channel's owner needs to know of a shard when it opens.
type ShardState struct {
	Collection *CollectionInfo
	Shard      base.Shard
	Checkpoint Checkpoint
	Segments   []*Segment // Dropped ones too
	Deltas     []*DeltaLog
}

// FlushResult is reported by a datanode. All of it becomes visible at once.
type FlushResult struct {
	Shard      base.Shard
	Task       base.ID
	Term       int64
	Segments   []*Segment
	Delta      *DeltaLog // nil: no deletes since the last checkpoint
	Checkpoint Checkpoint
}

// CompactionTask asks for Inputs to be merged into one segment, with every
// delete of Deltas that concerns them folded in. Without inputs it asks for
// Deltas to be merged into one delta log.
type CompactionTask struct {
	Task       base.ID
	Collection *CollectionInfo
	Inputs     []*Segment
	Deltas     []*DeltaLog // of the shard
}

// CompactionResult replaces inputs by Output (nil: every row was deleted), or
// the task's delta logs by Delta.
type CompactionResult struct {
	Task   base.ID
	Shard  base.Shard
	Inputs []base.ID
	Output *Segment
	Delta  *DeltaLog // of a task without inputs
}

// BuildTask asks for an index of one segment.
type BuildTask struct {
	Task       base.ID // the build id
	Collection *schema.Collection
	Index      *schema.Index
	Segment    *Segment
	// Inputs are what a compaction made Segment of, as long as it is not committed;
	// else none. An index may be made of theirs. Their objects may go meanwhile.
	Inputs []*Segment
}

// BuildResult is a finished index.
type BuildResult struct {
	Task    base.ID
	Segment base.ID
	Index   base.ID
	File    IndexFile
}

// IndexState is what DescribeIndex tells of progress.
type IndexState struct {
	Total, Indexed, Pending int64  // rows
	Failed                  string // reason, if a build failed for good
}

// CompactionState is what GetCompactionState tells.
type CompactionState struct {
	Executing, Completed, Failed int64 // plans
	Done                         bool
}

// Segments is where the other roles report data to the catalog.
type Segments interface {
	// Shards lists the shards of a channel for its owner.
	Shards(ctx context.Context, ch base.Channel) ([]*ShardState, error)
	// Begin records a task that may write objects, until it is ended by a commit or by End.
	Begin(ctx context.Context, kind string) (base.ID, error)
	End(ctx context.Context, task base.ID) error
	CommitFlush(ctx context.Context, r *FlushResult) error
	// Cut tells how far the channel's log was truncated, so that dropped segment records may go.
	Cut(ctx context.Context, ch base.Channel, at base.Position) error
	List(ctx context.Context, collection base.ID) ([]*Segment, error)
	IndexState(ctx context.Context, collection, index base.ID) (IndexState, error)
	// Compact begins a manual compaction and returns its id and number of plans.
	Compact(ctx context.Context, collection base.ID, major bool) (base.ID, int, error)
	CompactionState(ctx context.Context, id base.ID) (CompactionState, error)
	// WaitChange returns when the catalog's data changed after the call began or the wait is over.
	WaitChange(ctx context.Context, wait time.Duration) error
}
