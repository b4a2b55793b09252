package rootcoord

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/porttest/kvtest"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
)

// step is one command of a script, and what it does to the model.
type step struct {
	name string
	run  func(l *life) error
	// apply changes the model; sure is false if the step may or may not have
	// taken place.
	apply func(m model, sure bool)
}

// model is what a client knows: the rows of each collection.
type model map[string]*modelCollection

type modelCollection struct {
	maybe     bool           // whether it exists is not known
	rows      map[int64]bool // false: may be there or not
	parts     map[int64]string
	allOrNone []int64 // rows that are all there or none of them
	fields    []field // that were added, in order
}

// field is one that was added; sure is false if it may be there or not.
type field struct {
	name string
	sure bool
}

func create(name string) step {
	return step{"create " + name, func(l *life) error {
		return l.do(role.CreateCollection{Collection: vectors(name)})
	}, func(m model, sure bool) {
		if m[name] == nil {
			m[name] = &modelCollection{maybe: !sure, rows: map[int64]bool{}, parts: map[int64]string{}}
		}
	}}
}

func drop(name string) step {
	return step{"drop " + name, func(l *life) error {
		return l.do(role.DropCollection{CollectionRef: ref(name)})
	}, func(m model, sure bool) {
		if sure {
			delete(m, name)
		} else if m[name] != nil {
			m[name].maybe = true
		}
	}}
}

func rename(from, to string) step {
	return step{"rename " + from, func(l *life) error {
		return l.do(role.RenameCollection{CollectionRef: ref(from), NewName: to})
	}, func(m model, sure bool) {
		if sure {
			m[to] = m[from]
			delete(m, from)
			return
		}
		m[from].maybe = true
		other := *m[from]
		m[to] = &other
	}}
}

func insert(name, part string, rows ...int64) step {
	return step{fmt.Sprint("insert ", name, rows), func(l *life) error {
		return l.insert(name, part, rows...)
	}, func(m model, sure bool) {
		for _, r := range rows {
			m[name].rows[r] = sure
			m[name].parts[r] = part
		}
	}}
}

func remove(name string, rows ...int64) step {
	return step{fmt.Sprint("delete ", name, rows), func(l *life) error {
		return l.remove(name, rows...)
	}, func(m model, sure bool) {
		for _, r := range rows {
			if sure {
				delete(m[name].rows, r)
			} else if _, ok := m[name].rows[r]; ok {
				m[name].rows[r] = false
			}
		}
	}}
}

func flush(name string) step {
	return step{"flush " + name, func(l *life) error { return l.flush(name) }, func(model, bool) {}}
}

func command(cmd role.Command) step {
	return step{fmt.Sprintf("%T", cmd), func(l *life) error { return l.do(cmd) }, func(model, bool) {}}
}

// gone makes rows vanish, all or none of them if it is not sure.
func (c *modelCollection) gone(sure bool, match func(r int64) bool) {
	for r := range c.rows {
		if !match(r) {
			continue
		}
		if sure {
			delete(c.rows, r)
		} else {
			c.rows[r] = false
			c.allOrNone = append(c.allOrNone, r)
		}
	}
}

func addField(name, added string) step {
	return step{"add field " + added + " to " + name, func(l *life) error {
		info, err := l.c.Collection(context.Background(), ref(name))
		if err != nil {
			return err
		}
		if info.Field(added) != nil { // what the proxy would find
			return merr.ParameterInvalid.Msg("duplicated field name %s", added)
		}
		f := &schema.Field{Name: added, Type: schema.Int64, Nullable: true}
		return l.do(role.AddField{CollectionRef: ref(name), Field: f, Checked: info.Collection})
	}, func(m model, sure bool) {
		m[name].fields = append(m[name].fields, field{added, sure})
	}}
}

func truncate(name string) step {
	return step{"truncate " + name, func(l *life) error {
		return l.do(role.Truncate{CollectionRef: ref(name)})
	}, func(m model, sure bool) { m[name].gone(sure, func(int64) bool { return true }) }}
}

func dropPart(name, part string) step {
	return step{"drop partition", func(l *life) error {
		return l.do(role.DropPartition{CollectionRef: ref(name), Partition: part})
	}, func(m model, sure bool) {
		m[name].gone(sure, func(r int64) bool { return m[name].parts[r] == part })
	}}
}

func script() []step {
	load := command(role.Load{CollectionRef: ref("a")})
	index := command(role.CreateIndex{CollectionRef: ref("a"), Field: "vec", Index: hnsw()})
	part := command(role.CreatePartition{CollectionRef: ref("a"), Partition: "p"})
	steps := []step{
		create("a"), insert("a", "_default", numbers(0, 5)...), index, load, flush("a"),
		part, insert("a", "p", numbers(10, 6)...), insert("a", "_default", 6), flush("a"),
		remove("a", 0, 10), flush("a"), create("b"), insert("b", "_default", 1, 2, 3),
		addField("a", "f"), insert("a", "_default", 18), addField("b", "g"), addField("a", "h"),
		insert("a", "_default", numbers(20, 5)...), flush("a"), flush("b"), rename("b", "c"),
		insert("a", "_default", numbers(30, 5)...), flush("a"), truncate("c"), insert("c", "_default", 9),
		command(role.Release{CollectionRef: ref("a")}), dropPart("a", "p"),
		command(role.CreateAlias{CollectionRef: ref("a"), Alias: "x"}), flush("c"), truncate("a"),
		insert("a", "_default", numbers(40, 3)...), flush("a"), command(role.DropAlias{Alias: "x"}),
		command(role.DropIndex{CollectionRef: ref("a"), Index: "vec"}), drop("c"), create("c"),
		insert("c", "_default", 77), flush("c"), remove("a", 40, 41, 42), flush("a"), drop("a"),
	}
	return steps
}

// TestCrashAtEachCommit runs a script and ends the process at each of its
// commits, before and after it is durable. What the next process finds is what
// the clients were told; the script goes on there and nothing is left over at
// its end.
func TestCrashAtEachCommit(t *testing.T) {
	steps := script()
	total := int64(0)
	for at := int64(0); at <= total || at == 0; at++ {
		for _, after := range []bool{false, true} {
			for _, calm := range []bool{false, true} {
				total = max(total, crashRun(t, steps, at, after, calm))
			}
		}
	}
	t.Logf("%d commits", total)
}

// crashRun returns how many commits the first process made.
func crashRun(t *testing.T, steps []step, at int64, after, calm bool) int64 {
	t.Helper()
	w := newWorld(t)
	m := model{}
	kv := kvtest.NewCrash(w.kv, at, after)
	what := fmt.Sprintf("crash at %d after=%v calm=%v", at, after, calm)
	done := 0
	if l, err := w.begin(kv, testConfig()); err == nil {
		for _, st := range steps {
			err := st.run(l)
			if err != nil {
				require.True(t, dead(kv), "%s: %s: %v", what, st.name, err)
				st.apply(m, false)
				break
			}
			st.apply(m, true)
			done++
			if calm && !dead(kv) {
				l.calm(kv)
			}
		}
		require.Empty(t, l.faults(), what)
		l.end()
	}
	w.kv = w.kv.Reopen()
	l, err := w.begin(w.kv, testConfig())
	require.NoError(t, err, what)
	m.check(t, l, what)
	l.idle()
	m.check(t, l, what+", settled")
	if done < len(steps) {
		l.finish(t, steps[done:], m, what)
	}
	for name := range m {
		require.NoError(t, l.do(role.DropCollection{CollectionRef: ref(name)}), what)
	}
	l.idle()
	require.Empty(t, l.keys(), "%s: objects are left", what)
	require.Empty(t, l.faults(), what)
	l.end()
	return kv.Commits()
}

func dead(kv *kvtest.Crash) bool {
	select {
	case <-kv.Dead():
		return true
	default:
		return false
	}
}

// calm waits until the loops are idle or the process is dead.
func (l *life) calm(kv *kvtest.Crash) {
	for !dead(kv) && !l.c.loops.Idle() {
		pauseTick()
	}
}

// finish repeats the step that was cut off and runs the rest. Rows that are
// inserted once more are there twice, so what there is is not compared.
func (l *life) finish(t *testing.T, steps []step, m model, what string) {
	t.Helper()
	for i, st := range steps {
		err := st.run(l)
		if err != nil {
			// The first step may have taken place before the crash.
			require.Zero(t, i, "%s: %s again: %v", what, st.name, err)
			require.True(t, merr.Is(err, merr.CollectionNotFound) || merr.Is(err, merr.ParameterInvalid), "%s: %s again: %v", what, st.name, err)
			continue
		}
		st.apply(m, true)
	}
}

// check compares what is there with the model, and makes the model certain.
func (m model) check(t *testing.T, l *life, what string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(m)) {
		c := m[name]
		got, err := l.rows(name)
		if merr.Is(err, merr.CollectionNotFound) && c.maybe {
			delete(m, name)
			continue
		}
		require.NoError(t, err, "%s: %s", what, name)
		c.maybe = false
		seen := map[int64]bool{}
		for _, r := range got {
			_, known := c.rows[r]
			require.True(t, known, "%s: %s has row %d", what, name, r)
			require.False(t, seen[r], "%s: %s has row %d twice", what, name, r)
			seen[r] = true
		}
		for r, sure := range c.rows {
			require.True(t, !sure || seen[r], "%s: %s lost row %d", what, name, r)
		}
		there := 0
		for _, r := range c.allOrNone {
			there += b2i(seen[r])
		}
		c.checkFields(t, l, name, what)
		require.True(t, there == 0 || there == len(c.allOrNone), "%s: %s has %d of %d rows", what, name, there, len(c.allOrNone))
		c.allOrNone = nil
		c.rows = map[int64]bool{}
		for r := range seen {
			c.rows[r] = true
		}
	}
	m.checkCatalog(t, l, what)
}

// checkFields: the fields that were added are there, in order, and the owner
// takes rows that have them.
func (c *modelCollection) checkFields(t *testing.T, l *life, name, what string) {
	t.Helper()
	info, err := l.c.Collection(t.Context(), ref(name))
	require.NoError(t, err)
	have := info.Fields[len(vectors(name).Fields):]
	c.fields = slices.DeleteFunc(c.fields, func(f field) bool { return !f.sure && info.Field(f.name) == nil })
	require.Len(t, have, len(c.fields), what)
	for i := range have {
		require.Equal(t, c.fields[i].name, have[i].Name, what)
		require.Equal(t, schema.FirstFieldID+base.ID(len(info.Fields)-len(have)+i), have[i].ID, what)
		c.fields[i].sure = true
	}
	require.Equal(t, int64(len(have)), info.Version, what)
	l.mu.Lock()
	defer l.mu.Unlock()
	require.Equal(t, info.Version, l.shards[base.Shard{Collection: info.ID}].info.Version, "%s: the owner has another schema than the catalog", what)
}

// checkCatalog: there is no collection that the model does not know, and the
// records agree with each other.
func (m model) checkCatalog(t *testing.T, l *life, what string) {
	t.Helper()
	list, err := l.c.Collections(t.Context(), "")
	require.NoError(t, err)
	for _, info := range list {
		require.Contains(t, m, info.Name, what)
		seen := map[base.ID]bool{}
		for _, p := range info.Partitions {
			require.False(t, seen[p.ID])
			seen[p.ID] = true
		}
		coll, err := l.c.byID(info.ID)
		require.NoError(t, err)
		for _, s := range coll.segments() {
			require.True(t, s.Dropped || seen[s.Partition], "%s: segment %d lies in partition %d, which does not exist", what, s.ID, s.Partition)
		}
	}
}
