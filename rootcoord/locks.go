package rootcoord

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redkite-db/redkite/internal/base"
)

// keyLocks serialises commands by what they name: databases, names in a
// database, collections. Keys are taken in ascending order, all at once, so
// commands cannot wait for each other in a circle; "c:" keys sort before
// "d:" and "n:" but are taken alone or after names were resolved, see
// lockCollection.
type keyLocks struct {
	mu struct {
		sync.Mutex
		held map[string]*keyLock
	}
}

type keyLock struct {
	sync.RWMutex
	users int // that hold it or wait for it
}

// lockKey is one key to take.
type lockKey struct {
	key    string
	shared bool
}

func databasesKey() lockKey                      { return lockKey{key: "d"} }
func databaseKey(db string, shared bool) lockKey { return lockKey{"d:" + db, shared} }
func nameKey(db, name string) lockKey            { return lockKey{key: "n:" + db + "/" + name} }
func collectionKey(id base.ID) lockKey           { return lockKey{key: "c:" + strconv.FormatInt(id, 10)} }

// acquire takes keys and returns the function that gives them back.
func (l *keyLocks) acquire(keys ...lockKey) func() {
	slices.SortFunc(keys, func(a, b lockKey) int {
		if n := strings.Compare(a.key, b.key); n != 0 {
			return n
		}
		if a.shared == b.shared {
			return 0
		}
		if b.shared { // the exclusive one first: it is the one that stays
			return -1
		}
		return 1
	})
	keys = slices.CompactFunc(keys, func(a, b lockKey) bool { return a.key == b.key })
	locks := make([]*keyLock, len(keys))
	l.mu.Lock()
	if l.mu.held == nil {
		l.mu.held = map[string]*keyLock{}
	}
	for i, k := range keys {
		if l.mu.held[k.key] == nil {
			l.mu.held[k.key] = &keyLock{}
		}
		locks[i] = l.mu.held[k.key]
		locks[i].users++
	}
	l.mu.Unlock()
	for i, k := range keys {
		if k.shared {
			locks[i].RLock()
		} else {
			locks[i].Lock()
		}
	}
	return func() { l.release(keys, locks) }
}

func (l *keyLocks) release(keys []lockKey, locks []*keyLock) {
	for i, k := range keys {
		if k.shared {
			locks[i].RUnlock()
		} else {
			locks[i].Unlock()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, k := range keys {
		if locks[i].users--; locks[i].users == 0 {
			delete(l.mu.held, k.key)
		}
	}
}
