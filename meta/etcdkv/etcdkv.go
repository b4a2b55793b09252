// Package etcdkv holds the metadata store on an etcd server that runs inside
// this process: one member, no listener, its files in one directory.
//
// One process owns a directory (etcd locks it). All errors of a damaged store
// name the directory.
//
// Open sets one variable of another package, wal.SegmentSizeBytes: etcd has no
// setting for it, and its 64 MB make two preallocated files of 128 MB where
// 8 MB do. Nothing else of this process uses that package.
package etcdkv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"

	"github.com/redkite-db/redkite/meta"
)

// Config says where a store lives.
type Config struct {
	// Dir is made if it is missing. All files in it are etcd's.
	Dir string
	// Logger takes etcd's warnings and errors.
	Logger *slog.Logger
}

// KV implements meta.KV.
type KV struct {
	dir    string
	server *embed.Etcd
	client *clientv3.Client
	closed context.Context //nolint:containedctx // ends the calls that run when the store is closed
	close  context.CancelFunc
	mu     struct {
		sync.Mutex
		closing bool
		leases  int64
		held    map[*lease]struct{}
	}
	calls sync.WaitGroup // added to under mu, while not closing
	done  chan struct{}  // closed when Close has ended
}

var _ meta.KV = (*KV)(nil)

// Open starts the server and returns when it accepts transactions. ctx bounds
// the start only. A store that cannot be read is an error that names its
// directory.
func Open(ctx context.Context, cfg Config) (*KV, error) {
	server, err := start(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("etcdkv: open %s: %w", cfg.Dir, err)
	}
	kv := &KV{dir: cfg.Dir, server: server, client: v3client.New(server.Server), done: make(chan struct{})}
	kv.closed, kv.close = context.WithCancel(context.Background())
	kv.mu.held = map[*lease]struct{}{}
	// The first read that goes through raft returns after all that the log
	// holds is applied: from here on, reads of the local state are current.
	if _, err := kv.client.Get(ctx, "barrier"); err != nil {
		kv.Close()
		return nil, fmt.Errorf("etcdkv: open %s: %w", cfg.Dir, err)
	}
	return kv, nil
}

// Close waits for the calls that run, ends all watches and leases, and stops
// the server. It may be called more than once.
func (kv *KV) Close() error {
	kv.mu.Lock()
	first := !kv.mu.closing
	kv.mu.closing = true
	kv.mu.Unlock()
	if !first {
		<-kv.done
		return nil
	}
	defer close(kv.done)
	kv.close()
	kv.calls.Wait()
	kv.endLeases()
	err := kv.client.Close()
	kv.server.Close()
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("etcdkv: close %s: %w", kv.dir, err)
	}
	return nil
}

// enter counts a call, which Close waits for.
func (kv *KV) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	kv.mu.Lock()
	defer kv.mu.Unlock()
	if kv.mu.closing {
		return meta.ErrClosed
	}
	kv.calls.Add(1)
	return nil
}
