package meta

import (
	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/schema"
)

// Collection is the record of a collection: its schema, the partitions made
// with it, and what a truncation or a drop has done to it.
type Collection struct {
	Schema      *schema.Collection // DBName is not stored
	Channel     base.Channel
	Partitions  []*schema.Partition // made with it and not dropped; later ones have their own records
	TruncatedAt base.Timestamp
	Dropping    bool // it does not exist any more; its data is being removed
}

// Load is the record of what was asked to be searchable.
type Load struct {
	Collection base.ID
	All        bool
	Partitions []base.ID
	Replicas   int32
}

// IndexFile names a built index of a segment.
type IndexFile struct {
	Index base.ID
	Build base.ID
	Key   string
	Bytes int64
}

// Segment is the record of one version of a sealed segment.
type Segment struct {
	ID             base.ID
	Shard          base.Shard
	Partition      base.ID
	Rows           int64
	Bytes          int64
	Manifest       string
	Task           base.ID
	Start, End     base.Position
	MinTime        base.Timestamp
	MaxTime        base.Timestamp
	DeletesApplied base.Timestamp
	Level          int32
	Dropped        bool
	Indexes        []IndexFile // ascending by Index
}

// Delta is the record of one delta log.
type Delta struct {
	ID       base.ID
	Shard    base.Shard
	Key      string
	Task     base.ID
	Rows     int64
	From, To base.Timestamp
}

// Checkpoint is the record of how far a shard is in committed objects.
type Checkpoint struct {
	Shard    base.Shard
	Version  int64
	Position base.Position
	Time     base.Timestamp
	Deletes  base.Timestamp
}

// Task is the record of work that may write objects.
type Task struct {
	ID   base.ID
	Kind string
}

// Intent is the record of a command that has begun and must be finished.
type Intent struct {
	ID         base.ID
	Kind       string
	Collection base.ID
}

// Garbage is the record of objects that were dropped and shall be deleted. Keys
// that end with a slash name everything below them.
type Garbage struct {
	ID         base.ID
	Collection base.ID
	Keys       []string
}

// State is the whole catalog at one revision.
type State struct {
	Databases   []*schema.Database
	Collections []*Collection
	Partitions  []*schema.Partition // later ones
	Aliases     []*schema.Alias
	Indexes     []*schema.Index
	Loads       []*Load
	Segments    []*Segment
	Deltas      []*Delta
	Checkpoints []*Checkpoint
	Terms       map[base.Channel]int64
	Tasks       []*Task
	Intents     []*Intent
	Garbage     []*Garbage
}
