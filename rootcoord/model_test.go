package rootcoord

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/porttest/kvtest"
	"github.com/redkite-db/redkite/internal/role"
)

// TestRandomLives lets random commands, failing workers and restarts, some of
// them in the middle of a commit, happen to a few collections, and compares
// what there is with what clients were told.
func TestRandomLives(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for run := range uint64(12) {
		r := &randomRun{t: t, rnd: rand.New(rand.NewPCG(seed, run)), m: model{}, w: newWorld(t), what: fmt.Sprintf("seed %d run %d", seed, run)}
		r.live()
	}
}

type randomRun struct {
	t    *testing.T
	rnd  *rand.Rand
	w    *world
	m    model
	next int64 // row
	what string
	kv   *kvtest.Crash
}

func (r *randomRun) live() {
	for range 6 {
		crash := int64(0)
		if r.rnd.IntN(2) == 0 {
			crash = 5 + r.rnd.Int64N(60)
		}
		r.kv = kvtest.NewCrash(r.w.kv, crash, r.rnd.IntN(2) == 0)
		l, err := r.w.begin(r.kv, testConfig())
		if err == nil {
			r.m.check(r.t, l, r.what)
			r.failSometimes(l)
			for range 40 {
				if !r.step(l) {
					break
				}
			}
			require.Empty(r.t, l.faults(), r.what)
			l.end()
		}
		r.w.kv = r.w.kv.Reopen()
	}
	l, err := r.w.begin(r.w.kv, testConfig())
	require.NoError(r.t, err, r.what)
	r.m.check(r.t, l, r.what)
	for name := range r.m {
		require.NoError(r.t, l.do(role.DropCollection{CollectionRef: ref(name)}), r.what)
	}
	l.idle()
	require.Empty(r.t, l.keys(), "%s: objects are left", r.what)
	require.Empty(r.t, l.faults(), r.what)
	l.end()
}

// failSometimes makes one call of a worker in ten fail.
func (r *randomRun) failSometimes(l *life) {
	var mu sync.Mutex
	rnd := rand.New(rand.NewPCG(r.rnd.Uint64(), 0))
	l.hook(func(what string) error {
		mu.Lock()
		defer mu.Unlock()
		if rnd.IntN(10) == 0 {
			return errors.New(what + " failed")
		}
		return nil
	})
}

// step runs a random command; false: the process is dead.
func (r *randomRun) step(l *life) bool {
	st := r.choose()
	err := st.run(l)
	if err == nil {
		st.apply(r.m, true)
		if r.rnd.IntN(4) == 0 {
			l.calm(r.kv)
		}
		return true
	}
	if merr.Is(err, merr.ParameterInvalid) {
		return true // a loaded partition, an index on a loaded collection
	}
	st.apply(r.m, false)
	if dead(r.kv) {
		return false
	}
	// A worker failed: what became of it is seen at once.
	for _, c := range r.m {
		c.allOrNone = nil
	}
	l.calm(r.kv)
	if dead(r.kv) {
		return false
	}
	r.m.check(r.t, l, fmt.Sprintf("%s: %s: %v", r.what, st.name, err))
	return !dead(r.kv)
}

func (r *randomRun) choose() step {
	names := slices.Sorted(maps.Keys(r.m))
	if len(names) == 0 || r.rnd.IntN(15) == 0 {
		return create(string(rune('a' + r.rnd.IntN(4))))
	}
	name := names[r.rnd.IntN(len(names))]
	part := []string{"_default", "p", "q"}[r.rnd.IntN(3)]
	switch r.rnd.IntN(17) {
	case 0:
		return drop(name)
	case 1:
		return truncate(name)
	case 2:
		return r.part(name, part)
	case 3:
		return dropPart(name, part)
	case 4:
		return command(role.CreateIndex{CollectionRef: ref(name), Field: "vec", Index: hnsw()})
	case 5:
		return r.loadIfIndexed(name)
	case 6:
		return command(role.Release{CollectionRef: ref(name)})
	case 7:
		return r.removeSome(name)
	case 8, 9:
		return flush(name)
	case 10:
		return step{"flush of " + part, func(l *life) error { return l.flush(name, part) }, func(model, bool) {}}
	case 11:
		return command(role.DropIndex{CollectionRef: ref(name), Index: "vec"})
	case 12:
		r.next++
		return addField(name, fmt.Sprint("f", r.next))
	}
	rows := numbers(r.next, 1+r.rnd.Int64N(8))
	r.next += 10
	return insertIfPart(name, part, rows...)
}

// insertIfPart inserts if the partition exists.
func insertIfPart(name, part string, rows ...int64) step {
	st := insert(name, part, rows...)
	run, apply := st.run, st.apply
	inserted := true
	st.run = func(l *life) error {
		err := run(l)
		if inserted = !merr.Is(err, merr.PartitionNotFound); !inserted {
			return nil
		}
		return err
	}
	st.apply = func(m model, sure bool) {
		if inserted {
			apply(m, sure)
		}
	}
	return st
}

func (r *randomRun) part(name, part string) step {
	return step{"create partition", func(l *life) error {
		return l.do(role.CreatePartition{CollectionRef: ref(name), Partition: part})
	}, func(model, bool) {}}
}

func (r *randomRun) loadIfIndexed(name string) step {
	return step{"load", func(l *life) error {
		err := l.do(role.Load{CollectionRef: ref(name)})
		if merr.Is(err, merr.IndexNotFound) {
			return nil
		}
		return err
	}, func(model, bool) {}}
}

func (r *randomRun) removeSome(name string) step {
	var rows []int64
	for _, id := range slices.Sorted(maps.Keys(r.m[name].rows)) {
		if r.rnd.IntN(3) == 0 {
			rows = append(rows, id)
		}
	}
	return remove(name, rows...)
}
