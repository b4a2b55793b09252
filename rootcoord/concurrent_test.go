package rootcoord

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Commands from many sides on the same few names: each fails only for a reason
// that a client can bring about, the names stay consistent, and memory is what
// a restart reads.
func TestConcurrentCommands(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	l := start(t)
	l.must(role.CreateDatabase{Name: "db"})
	var wg sync.WaitGroup
	for w := range uint64(6) {
		rnd := rand.New(rand.NewPCG(seed, w))
		wg.Go(func() {
			for range 120 {
				cmd := randomCommand(rnd)
				if err := l.do(cmd); err != nil && merr.NumberOf(err) == 65535 {
					t.Errorf("%T %+v: %v", cmd, cmd, err)
				}
				checkNames(t, l.c)
			}
		})
	}
	wg.Wait()
	before := catalogText(t, l.c)
	l = l.restart()
	require.Equal(t, before, catalogText(t, l.c))
}

func randomCommand(rnd *rand.Rand) role.Command {
	pick := func(list ...string) string { return list[rnd.IntN(len(list))] }
	r := role.CollectionRef{DB: pick("", "", "db"), Name: pick("a", "b", "x")}
	switch rnd.IntN(14) {
	case 0, 1, 2:
		return role.CreateCollection{DB: r.DB, Collection: vectors(r.Name)}
	case 3:
		return role.DropCollection{CollectionRef: r}
	case 4:
		return role.RenameCollection{CollectionRef: r, NewName: pick("a", "b", "x"), NewDB: pick("", "db")}
	case 5, 6:
		return role.CreateAlias{CollectionRef: r, Alias: pick("x", "y")}
	case 7:
		return role.AlterAlias{CollectionRef: r, Alias: pick("x", "y")}
	case 8:
		return role.DropAlias{DB: r.DB, Alias: pick("x", "y")}
	case 9:
		return role.CreatePartition{CollectionRef: r, Partition: pick("p", "q")}
	case 10:
		return role.DropPartition{CollectionRef: r, Partition: pick("p", "q")}
	case 11:
		return role.CreateIndex{CollectionRef: r, Field: "vec", Index: hnsw()}
	case 12:
		return role.Load{CollectionRef: r}
	}
	return role.Release{CollectionRef: r}
}

// checkNames: a name means one thing, and what it means knows its name.
func checkNames(t *testing.T, c *Coord) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for name, coll := range c.mu.names {
		if _, taken := c.mu.aliases[name]; taken {
			t.Errorf("%s is a collection and an alias", name.name)
		}
		if c.mu.collections[coll.id] != coll {
			t.Errorf("%s means collection %d, which is not recorded", name.name, coll.id)
		}
	}
}

func catalogText(t *testing.T, c *Coord) string {
	t.Helper()
	out := ""
	for _, db := range []string{"default", "db"} {
		list, err := c.Collections(context.Background(), db)
		require.NoError(t, err)
		for _, info := range list {
			out += fmt.Sprintln(info.ID, describe(info), info.CreatedAt, info.UpdatedAt)
		}
	}
	return out
}

func TestKeyLocks(t *testing.T) {
	var l keyLocks
	var held [8]int // guarded by the locks
	var wg sync.WaitGroup
	for w := range uint64(8) {
		rnd := rand.New(rand.NewPCG(w, 1))
		wg.Go(func() {
			for range 500 {
				a, b := rnd.IntN(8), rnd.IntN(8)
				unlock := l.acquire(nameKey("", fmt.Sprint(a)), databaseKey("d", true), nameKey("", fmt.Sprint(b)), databaseKey("d", w == 0))
				held[a]++
				if a != b {
					held[b]++
				}
				unlock()
			}
		})
	}
	wg.Wait()
	require.Empty(t, l.mu.held)
}

func BenchmarkRouter(b *testing.B) {
	l := start(b)
	l.must(role.CreateCollection{Collection: vectors("c")})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := l.c.Collection(context.Background(), ref("c")); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkCreateDrop(b *testing.B) {
	l := start(b)
	for b.Loop() {
		l.must(role.CreateCollection{Collection: vectors("c")}, role.DropCollection{CollectionRef: ref("c")})
	}
	l.idle()
}
