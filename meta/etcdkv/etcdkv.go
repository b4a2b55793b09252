// Package etcdkv holds the metadata store on an etcd server that runs inside
// this process: one member, no listener, its files in one directory.
//
// One process owns a directory. All errors name it. Before etcd reads its
// files they are read here, completely: etcd ends the process on damage that
// it sees, and its database has no checksums (see seal).
//
// Open sets one variable of another package, wal.SegmentSizeBytes: etcd has no
// setting for it, and its 64 MB make two preallocated files of 128 MB where
// 8 MB do. Nothing else in this process uses that package.
package etcdkv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"

	"github.com/redkite-db/redkite/meta"
)

// Config says where a store lives.
type Config struct {
	// Dir is made if it is missing. The files in it are etcd's, and a spare.
	Dir string
	// Logger takes etcd's warnings and errors; nil: nobody does.
	Logger *slog.Logger
	// Free returns the bytes that Dir's file system has left. With less than
	// 32 MB a start uses the spare, and where blocks cannot be reserved nothing
	// is written: etcd cannot go on once a write of its own failed. Nil: there
	// is always enough.
	Free func() (int64, error)
}

// KV implements meta.KV.
type KV struct {
	dir   string
	log   *slog.Logger
	free  func() (int64, error)
	solid bool          // blocks can be reserved
	turn  chan struct{} // held by the commit that runs; before gate
	chain chain         // owned by the holder of turn
	// gate is held shared by whoever uses server and client, and exclusively
	// by restart, which replaces them. It is taken before mu. They are nil
	// after a restart that failed, until one succeeds.
	gate   sync.RWMutex
	server *embed.Etcd
	client *clientv3.Client
	down   error // why they are nil
	life   *life // of the server
	mu     struct {
		sync.Mutex
		closing bool
		failed  error // etcd gave up; see giveUp
		calls   map[*call]struct{}
		term    uint64 // of the election; each start has a higher one
		leases  int64  // granted since Open
		held    map[*lease]struct{}
	}
	running sync.WaitGroup // the calls; added to under mu, while not closing
	done    chan struct{}  // closed when Close has ended
}

// call is a call that runs, or a watch.
type call struct {
	cancel context.CancelFunc
	watch  bool
}

var _ meta.KV = (*KV)(nil)

// Open starts the server and returns when it accepts transactions. ctx bounds
// the start only. Files that cannot be trusted are ErrDamaged, those of
// another process ErrLocked.
func Open(ctx context.Context, cfg Config) (*KV, error) {
	kv := &KV{
		dir: cfg.Dir, log: cfg.Logger, free: cfg.Free, solid: reservable,
		turn: make(chan struct{}, 1), done: make(chan struct{}),
	}
	if kv.log == nil {
		kv.log = slog.New(slog.DiscardHandler)
	}
	kv.mu.calls, kv.mu.held = map[*call]struct{}{}, map[*lease]struct{}{}
	if err := kv.open(ctx); err != nil {
		return nil, fmt.Errorf("etcdkv: open %s: %w", cfg.Dir, err)
	}
	return kv, nil
}

// open starts the server on what is in the directory.
func (kv *KV) open(ctx context.Context) error {
	kv.chain = chain{tight: kv.room(0) != nil}
	log, err := inspect(kv.dir, kv.chain.tight)
	if err != nil {
		return err
	}
	kv.life = newLife(kv)
	if err := kv.start(log); err != nil {
		return err
	}
	kv.client = v3client.New(kv.server.Server)
	err = kv.solidTail(ctx)
	if err == nil {
		err = kv.lead(ctx, log)
	}
	if err == nil {
		err = kv.loadSeal(ctx)
	}
	if err == nil {
		err = kv.life.adopt(kv.server.Server.Term())
	}
	if err != nil {
		return errors.Join(kv.fail(ctx, "start", err), kv.stop())
	}
	if err := kv.reserveDatabase(0); err != nil { // it is met again
		kv.log.Warn("metadata store: started with little space", "dir", kv.dir, "error", err)
	}
	kv.upkeep(ctx)
	return nil
}

// stop ends the server, unless it gave up: its goroutines wait for the one
// that did.
func (kv *KV) stop() error {
	if kv.client == nil {
		return nil
	}
	err := kv.client.Close()
	server := kv.server
	kv.client, kv.server = nil, nil
	if failed := kv.life.failed(); failed != nil {
		return failed
	}
	server.Close()
	if serr := keepSpare(kv.dir); serr != nil {
		kv.log.Warn("metadata store: no spare", "dir", kv.dir, "error", serr)
	}
	if errors.Is(err, context.Canceled) { // of the client's own context
		return nil
	}
	return err
}

// restart replaces the server. It runs with kv.turn held. If it fails, the
// next commit tries again.
func (kv *KV) restart(ctx context.Context) error {
	kv.gate.Lock()
	defer kv.gate.Unlock()
	if err := kv.stop(); err != nil {
		kv.log.Warn("metadata store: stopping etcd", "dir", kv.dir, "error", err)
	}
	if kv.down != nil {
		// A goroutine of etcd's that ended in the middle of a start left
		// files open, and locked. They are closed when they are collected.
		runtime.GC()
	}
	kv.down = nil
	if err := kv.open(context.WithoutCancel(ctx)); err != nil {
		kv.client, kv.server = nil, nil
		kv.down = fmt.Errorf("restart: %w", err)
	}
	return kv.down
}

// Close waits for the calls that run, ends all watches and leases, and stops
// the server. It may be called more than once.
func (kv *KV) Close() error {
	kv.mu.Lock()
	first := !kv.mu.closing
	kv.mu.closing = true
	for c := range kv.mu.calls {
		if c.watch {
			c.cancel()
		}
	}
	kv.mu.Unlock()
	if !first {
		<-kv.done
		return nil
	}
	defer close(kv.done)
	kv.running.Wait()
	kv.mu.Lock()
	kv.endLeasesLocked()
	kv.mu.Unlock()
	if err := kv.stop(); err != nil {
		return fmt.Errorf("etcdkv: close %s: %w", kv.dir, err)
	}
	return nil
}

// giveUpLocked ends all calls, watches and leases: etcd met an error of the
// disk after which it does not go on.
func (kv *KV) giveUpLocked(err error) {
	if kv.mu.failed != nil {
		return
	}
	kv.mu.failed = err
	for c := range kv.mu.calls {
		c.cancel()
	}
	kv.endLeasesLocked()
}

// enter registers a call, which Close waits for. The context that it returns
// also ends when etcd gives up, and that of a watch when the store is closed.
func (kv *KV) enter(ctx context.Context, watch bool) (context.Context, func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	kv.mu.Lock()
	defer kv.mu.Unlock()
	if kv.mu.closing {
		return nil, nil, meta.ErrClosed
	}
	if kv.mu.failed != nil {
		return nil, nil, kv.failedLocked()
	}
	c := &call{watch: watch}
	ctx, c.cancel = context.WithCancel(ctx)
	kv.mu.calls[c] = struct{}{}
	kv.running.Add(1)
	return ctx, func() {
		kv.mu.Lock()
		defer kv.mu.Unlock()
		c.cancel()
		delete(kv.mu.calls, c)
		kv.running.Done()
	}, nil
}

func (kv *KV) failedLocked() error {
	return fmt.Errorf("%w: etcd in %s gave up: %w", meta.ErrClosed, kv.dir, kv.mu.failed)
}

// fail puts an error of etcd into the port's words. ctx is the caller's.
func (kv *KV) fail(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	kv.mu.Lock()
	defer kv.mu.Unlock()
	if kv.mu.failed != nil {
		return kv.failedLocked()
	}
	if errors.Is(err, meta.ErrConflict) || errors.Is(err, meta.ErrTooLarge) {
		return err
	}
	return fmt.Errorf("etcdkv: %s in %s: %w", what, kv.dir, err)
}
