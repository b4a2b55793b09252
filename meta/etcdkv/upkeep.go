package etcdkv

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
)

const (
	// upkeepEvery is in commits. Upkeep runs between two of them.
	upkeepEvery = 64
	// keepRevisions is how far behind a watch may start: a compaction leaves
	// them, and runs when there are twice as many. A large database keeps few.
	keepRevisions = 1000
	keepFew       = 50
	largeDB       = 16 << 20 // bytes

	snapFiles = 2 // kept
)

// upkeep compacts, defragments and purges where that is due. It runs with
// kv.turn held. Its errors are logged: they concern no transaction.
func (kv *KV) upkeep(ctx context.Context) {
	for _, step := range []struct {
		what string
		run  func(context.Context) error
	}{
		{"compact", kv.compact},
		{"defragment", kv.defragment},
		{"purge", kv.purge},
		{"spare", func(context.Context) error {
			if kv.chain.tight {
				return nil
			}
			return keepSpare(kv.dir)
		}},
	} {
		if err := step.run(ctx); err != nil && ctx.Err() == nil {
			kv.log.Warn("metadata store: upkeep", "step", step.what, "dir", kv.dir, "error", err)
		}
	}
}

// compact drops old revisions. The pages they free are used again.
func (kv *KV) compact(ctx context.Context) error {
	keep := int64(keepRevisions)
	if kv.server.Server.Backend().SizeInUse() > largeDB {
		keep = keepFew
	}
	if s := &kv.chain.space; kv.solid && s.database-kv.server.Server.Backend().Size() < headroom/2 {
		return nil // a compaction needs pages before it frees some
	}
	last := kv.chain.seal.revision
	if last-kv.server.Server.KV().FirstRev() < 2*keep {
		return nil
	}
	_, err := kv.client.Compact(ctx, last-keep)
	return err
}

// defragment rewrites a large database that is mostly free pages. Reads and
// commits wait meanwhile: about a second for 100 MB in use.
func (kv *KV) defragment(context.Context) error {
	backend := kv.server.Server.Backend()
	if size := backend.Size(); size < largeDB || backend.SizeInUse() > size/2 {
		return nil
	}
	if err := kv.room(backend.SizeInUse()); err != nil {
		return nil //nolint:nilerr // later, then
	}
	if err := backend.Defrag(); err != nil {
		return err
	}
	kv.chain.space.database = 0
	// The new file has the name of the old one; the log that the old one
	// needs may be purged next.
	return errors.Join(kv.reserveDatabase(0), syncDir(filepath.Dir(dbPath(kv.dir))))
}

// purge removes the files of the log that etcd has unlocked, which lie before
// the last snapshot, and old snapshots.
func (kv *KV) purge(context.Context) error {
	if kv.life.bare.Load() {
		return nil
	}
	names, err := filepath.Glob(filepath.Join(walDir(kv.dir), "*.wal")) // sorted
	if err != nil {
		return err
	}
	for _, name := range names[:max(0, len(names)-1)] {
		f, err := fileutil.TryLockFile(name, os.O_WRONLY, fileutil.PrivateFileMode)
		if errors.Is(err, fileutil.ErrLocked) {
			break
		}
		if err != nil {
			return err
		}
		_ = f.Close() // etcd never locks it again
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	names, err = filepath.Glob(filepath.Join(filepath.Dir(dbPath(kv.dir)), "*.snap"))
	if err != nil {
		return err
	}
	for _, name := range names[:max(0, len(names)-snapFiles)] {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// syncDir makes the names in a directory durable. Windows has no such call.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return f.Sync()
}
