package etcdkv

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
)

// Errors of Open; test with errors.Is.
var (
	// ErrDamaged: the files contradict each other, or themselves. Nothing was
	// changed.
	ErrDamaged = errors.New("metadata store is damaged")
	// ErrLocked: another store has the directory.
	ErrLocked = errors.New("metadata store is in use")
)

// freshDB bounds the database of a first start that ended before it had a log.
const freshDB = 64 << 10

func walDir(dir string) string { return filepath.Join(dir, "member", "wal") }
func dbPath(dir string) string { return filepath.Join(dir, "member", "snap", "db") }

// inspect reads everything that etcd will, before etcd does: etcd ends the
// process on most damage, and does not see some of it. It cuts a torn end of
// the log, and unused ends. full: there is no space on disk. No files are no error, and nil.
func inspect(dir string, full bool) (*logState, error) {
	names, err := filepath.Glob(filepath.Join(walDir(dir), "*.wal")) // sorted
	if err != nil {
		return nil, err
	}
	db, err := os.OpenFile(dbPath(dir), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		if len(names) > 0 {
			return nil, fmt.Errorf("%w: the database is missing, the log is not", ErrDamaged)
		}
		return nil, nil //nolint:nilnil // there is no log
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	info, err := db.Stat()
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		if info.Size() > freshDB || holdsKeys(db, info.Size()) {
			return nil, fmt.Errorf("%w: the log is missing, the database is not", ErrDamaged)
		}
		return nil, os.Remove(dbPath(dir))
	}
	files, err := openLog(names)
	if err != nil {
		return nil, err
	}
	defer closeAll(files)
	if err := sweep(dir, full); err != nil {
		return nil, err
	}
	log, err := readLog(files)
	if err != nil {
		return nil, fmt.Errorf("%w: log: %w", ErrDamaged, err)
	}
	state, err := readDB(db, info.Size(), log.node)
	if err != nil {
		return nil, fmt.Errorf("%w: database: %w", ErrDamaged, err)
	}
	if err := compare(log, state); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if log.torn {
		if err := cut(files[len(files)-1], log.tail); err != nil {
			return nil, fmt.Errorf("cut the log: %w", err)
		}
	}
	// etcd maps and touches the whole file, and the database grows it in
	// steps of 16 MB.
	if err := shorten(db, state.used); err != nil {
		return nil, err
	}
	// What etcd applies again, and what a start writes.
	if err := preallocate(dbPath(dir), state.used+scarce/2); err != nil {
		return nil, err
	}
	if full {
		if err := hold(dir, files[len(files)-1], log.tail); err != nil {
			return nil, err
		}
	}
	if preallocate(dbPath(dir), state.used+headroom) != nil {
		_ = preallocate(dbPath(dir), state.used+scarce) // what there is will do
	}
	return log, nil
}

// hold keeps the blocks that the log needs behind its records in the spare
// until solidTail: a server that starts gives them back and takes them again,
// and takes those of the next file meanwhile.
func hold(dir string, last *os.File, end int64) error {
	if err := last.Truncate(end); err != nil { // and what it has beyond its length
		return err
	}
	if end < segmentSize && makeSpare(dir, segmentSize-end) == nil || makeSpare(dir, scarce) == nil {
		return nil
	}
	return makeSpare(dir, slip/2)
}

// sweep removes files of the log that an earlier server had prepared, which
// etcd makes anew, and on a full disk the spare.
func sweep(dir string, full bool) error {
	names, err := filepath.Glob(filepath.Join(walDir(dir), "*.tmp"))
	if err != nil {
		return err
	}
	if full {
		names = append(names, sparePath(dir))
	}
	return removeAll(names...)
}

// removeAll removes files, of which some may not be there.
func removeAll(names ...string) error {
	for _, name := range names {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// holdsKeys tells whether a database was ever committed to.
func holdsKeys(r io.ReaderAt, size int64) bool {
	file, err := openBolt(r, size)
	if err != nil {
		return false
	}
	buckets, err := file.buckets()
	if err != nil {
		return true
	}
	err = file.items(buckets["key"], func([]byte, []byte) error { return io.EOF })
	return err != nil
}

// openLog opens the files of the log, and locks the last one as etcd does.
func openLog(names []string) ([]*os.File, error) {
	var files []*os.File
	for i, name := range names {
		var f *os.File
		var err error
		if i == len(names)-1 {
			var locked *fileutil.LockedFile
			locked, err = fileutil.TryLockFile(name, os.O_RDWR, fileutil.PrivateFileMode)
			if errors.Is(err, fileutil.ErrLocked) {
				err = ErrLocked
			}
			if locked != nil {
				f = locked.File
			}
		} else {
			f, err = os.Open(name)
		}
		if err != nil {
			closeAll(files)
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// compare fails if database and log do not fit together.
func compare(log *logState, db *dbState) error {
	if db.index > log.last {
		return fmt.Errorf("the database is at entry %d, the log ends at %d", db.index, log.last)
	}
	if log.first > db.index+1 {
		return fmt.Errorf("the database is at entry %d, the log begins at %d", db.index, log.first)
	}
	if log.snapshot > db.index {
		return fmt.Errorf("the database is at entry %d, the log has a snapshot of entry %d", db.index, log.snapshot)
	}
	for _, s := range log.seals {
		if s.index <= db.index && s.revision > db.history.seal.revision {
			return fmt.Errorf("the database is at entry %d and lacks revision %d of entry %d", db.index, s.revision, s.index)
		}
	}
	return nil
}

// shorten cuts a file that is longer than size.
func shorten(f *os.File, size int64) error {
	info, err := f.Stat()
	if err == nil && info.Size() > size {
		err = f.Truncate(size)
	}
	return err
}

// cut fills a file with zeros from an offset on.
func cut(f *os.File, from int64) error {
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return err
	}
	if err := fileutil.ZeroToEnd(f); err != nil {
		return err
	}
	return f.Sync()
}
