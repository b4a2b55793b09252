package vfs

import "sync/atomic"

// OpKind is a kind of operation on a file system.
type OpKind int

// The kinds of operations that a Hook sees.
const (
	OpCreate OpKind = iota
	OpOpen
	OpRename
	OpRemove
	OpMkdir
	OpReadDir
	OpStat
	OpSyncDir
	OpRead
	OpWrite
	OpSync
	OpTruncate
	OpPreallocate
	OpClose
)

var opNames = [...]string{
	"create", "open", "rename", "remove", "mkdir", "readdir", "stat", "syncdir",
	"read", "write", "sync", "truncate", "preallocate", "close",
}

func (k OpKind) String() string { return opNames[k] }

// Changes reports whether operations of the kind change files or names, or
// make changes durable: the steps at which a crash makes a difference.
func (k OpKind) Changes() bool {
	switch k {
	case OpCreate, OpRename, OpRemove, OpMkdir, OpSyncDir, OpWrite, OpSync, OpTruncate, OpPreallocate:
		return true
	case OpOpen, OpReadDir, OpStat, OpRead, OpClose:
	}
	return false
}

// Op is an operation that is about to be done.
type Op struct {
	Kind           OpKind
	Name           string // of a renamed file: the old name
	Offset, Length int64  // of reads and writes; Length also of Truncate and Preallocate
}

// Hook is called before an operation and may fail it. A write that it fails
// may have written a part; a sync that it fails may have stored some sectors
// and forgotten the others.
type Hook func(Op) error

// FailNth returns a hook that fails the n-th operation (from 1) of a kind and
// all others of the kind that follow within count operations.
func FailNth(kind OpKind, n, count int64, err error) Hook {
	var seen atomic.Int64
	return func(op Op) error {
		if op.Kind != kind {
			return nil
		}
		if k := seen.Add(1); k >= n && k < n+count {
			return err
		}
		return nil
	}
}
