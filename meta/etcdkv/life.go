package etcdkv

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// life is that of one server. What etcd cannot go on from is an error of the
// start before the life is adopted, and the end of the store after that.
type life struct {
	kv   *KV
	gone chan struct{} // closed when mu.err is set
	mu   struct {
		sync.Mutex // taken before kv.mu
		err        error
		adopted    bool
	}
	// bare: a snapshot could not be written, and etcd takes files of the log
	// for superfluous that are not. A new server knows better.
	bare atomic.Bool
}

func newLife(kv *KV) *life { return &life{kv: kv, gone: make(chan struct{})} }

// adopt ends the start, and fails if etcd gave up in it.
func (l *life) adopt(term uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.err != nil {
		return l.mu.err
	}
	l.mu.adopted = true
	l.kv.mu.Lock()
	defer l.kv.mu.Unlock()
	l.kv.mu.term = term
	return nil
}

// failed returns what etcd gave up for.
func (l *life) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.err
}

// giveUp takes what etcd would end the process for, on the goroutine that met
// it, and tells whether etcd may go on. It may without a snapshot that found
// no space, for which nothing can be reserved: etcd makes a new file, removes
// it when it failed, and has changed nothing but the snapshot in memory. Then
// nothing of the log may be purged.
func (l *life) giveUp(err error) bool {
	var where *fs.PathError
	if errors.As(err, &where) && strings.HasSuffix(where.Path, ".snap") && noSpace(err) {
		l.bare.Store(true)
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.err != nil {
		return false
	}
	l.mu.err = err
	close(l.gone)
	if l.mu.adopted {
		l.kv.mu.Lock()
		defer l.kv.mu.Unlock()
		l.kv.giveUpLocked(err)
	}
	return false
}

func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
