// Package binlog holds the formats of a segment's objects and the names they
// are stored under: columns, delta logs, statistics and the manifest that
// names them all. docs/formats/object.md and its neighbours have the bytes.
//
// All objects share one frame: a header, a body in blocks, a checksum of each
// block. Fixed-stride values lie in the body as they lie in memory, aligned,
// so that a mapped object is read where it is.
package binlog

import (
	"errors"
	"fmt"

	"github.com/redkite-db/redkite/internal/base"
)

// Errors of objects; test with errors.Is.
var (
	// ErrCorrupt: an object's bytes are not those that were written. The error
	// is a *Damage.
	ErrCorrupt = errors.New("binlog: object is damaged")
	// ErrVersion: an object was written in a format that this program does not
	// know.
	ErrVersion = errors.New("binlog: unknown format version")
)

// Ids of the columns that belong to no field of the schema.
const (
	TimeField      base.ID = 1 // Int64: a row's or a delete's timestamp
	PartitionField base.ID = 2 // Int64: the partition that a delete is limited to, or 0
)

// Damage says where an object is damaged.
type Damage struct {
	Key    string
	Offset int64 // of the first byte that is known to be wrong, or of the block that has it
	Reason string
}

func (d *Damage) Error() string {
	return fmt.Sprintf("object %s is damaged at byte %d: %s", d.Key, d.Offset, d.Reason)
}

// Unwrap makes errors.Is(err, ErrCorrupt) true.
func (d *Damage) Unwrap() error { return ErrCorrupt }

// Object is one stored object, as the manifest names it.
type Object struct {
	Key  string `json:"key"`
	Size int64  `json:"size"` // bytes
	Sum  uint32 `json:"sum"`  // checksum of the checksums in it: tells whether it is the object that was meant
}
