package rootcoord

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/binlog"
	"github.com/redkite-db/redkite/internal/porttest/kvtest"
	"github.com/redkite-db/redkite/internal/porttest/storetest"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/meta"
	"github.com/redkite-db/redkite/rootcoord/sched"
)

// world is a small data plane in memory with the behaviour that the
// coordinator relies on: a log that outlives the process, an object store, and
// workers that write and read real objects. Rows are numbers.
type world struct {
	t       testing.TB
	store   *storetest.Memory
	kv      *kvtest.KV
	log     *worldLog
	life    *life
	damaged map[base.ID]bool // builds whose files cannot be used; changed while nothing runs
}

// worldLog is the durable log of the one channel.
type worldLog struct {
	sync.Mutex
	entries []entry
	cut     int // entries before it are gone
}

type entry struct {
	kind      string // insert, delete, dropPartition, truncate
	shard     base.Shard
	partition base.ID
	segment   base.ID
	ts        base.Timestamp
	row       int64
}

func position(i int) base.Position { return base.Position{Offset: fmt.Sprintf("%09d", i)} }

func index(p base.Position) int {
	n, _ := strconv.Atoi(p.Offset)
	return n
}

// life is one process: a coordinator and its workers.
type life struct {
	*world
	c    *Coord
	kv   meta.KV
	term int64
	// hooked, if set, is called by the workers before they return; an error fails the call.
	hooked atomic.Pointer[func(what string) error]
	// building, if set, is what takes long about a build.
	building atomic.Pointer[func(ctx context.Context) error]

	mu      sync.Mutex
	shards  map[base.Shard]*shardState
	targets map[base.Shard]*role.LoadTarget
	missing []string // objects that a target named and that were not there
	merged  []int    // for each index of a compaction's output, the inputs it was told of
}

// shardState is what the owner knows of a shard.
type shardState struct {
	info    *role.CollectionInfo
	at      role.Checkpoint
	known   map[base.ID]bool // segments that are recorded
	growing map[base.ID]*growingSegment
	deletes []row // not in a delta log
	dropped map[base.ID]bool
}

type row struct {
	ID int64
	At base.Timestamp
}

type growingSegment struct {
	partition  base.ID
	rows       []row
	start, end int
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, store: &storetest.Memory{}, kv: kvtest.New(), log: &worldLog{}}
	w.store.Before = func(op, key string) error {
		if op == "delete" {
			w.deleting(key)
		}
		return nil
	}
	return w
}

// deleting: an object of a segment that is being served stays.
func (w *world) deleting(key string) {
	l := w.life
	k, ok := binlog.ParseKey(key)
	if l == nil || !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.targets {
		for _, s := range t.Segments {
			if s.ID == k.Segment && s.Task == k.Task {
				l.missing = append(l.missing, "deleted while served: "+key)
			}
		}
	}
}

func testConfig() Config {
	cfg := Defaults()
	cfg.Sched.MinIndexRows = 4
	cfg.Sched.MaxSegment = 4000
	cfg.Sched.FirstPause = time.Millisecond
	cfg.Sched.LongestPause = 20 * time.Millisecond
	return cfg
}

// begin starts a process over a store that wraps the world's.
func (w *world) begin(kv meta.KV, cfg Config) (*life, error) {
	ctx := context.Background()
	c, err := New(ctx, cfg, kv, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	l := &life{world: w, c: c, kv: kv, shards: map[base.Shard]*shardState{}, targets: map[base.Shard]*role.LoadTarget{}}
	if err := l.open(ctx); err != nil {
		c.Stop()
		return nil, err
	}
	c.Bind(sched.Workers{Data: l, Index: l, Query: l, Store: w.store})
	w.life = l
	if err := c.Start(ctx); err != nil {
		c.Stop()
		return nil, err
	}
	return l, nil
}

func start(t testing.TB) *life {
	t.Helper()
	return startWith(t, testConfig())
}

func startWith(t testing.TB, cfg Config) *life {
	t.Helper()
	w := newWorld(t)
	l, err := w.begin(w.kv, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { w.life.end() })
	return l
}

// end stops the process; what it had in memory is gone.
func (l *life) end() {
	l.kv.Close()
	l.c.Stop()
}

// restart ends the process and starts another one.
func (w *world) restart() *life {
	w.life.end()
	w.kv = w.kv.Reopen()
	l, err := w.begin(w.kv, testConfig())
	require.NoError(w.t, err)
	return l
}

// faults are objects that were missing, or deleted while they were served.
func (l *life) faults() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.missing)
}

// idle waits until the loops have nothing to do.
func (l *life) idle() {
	for !l.c.loops.Idle() {
		time.Sleep(time.Millisecond)
	}
}

// open takes the channel: a new term, the shards, a replay of the log.
func (l *life) open(ctx context.Context) error {
	ch := l.c.cfg.Channel
	var err error
	if l.term, err = l.c.Term(ctx, ch); err != nil {
		return err
	}
	states, err := l.c.Shards(ctx, ch)
	if err != nil {
		return err
	}
	for _, st := range states {
		sh := newShardState(st.Collection)
		sh.at = st.Checkpoint
		for _, s := range st.Segments {
			sh.known[s.ID] = true
		}
		l.shards[st.Shard] = sh
	}
	l.log.Lock()
	defer l.log.Unlock()
	for i := l.log.cut; i < len(l.log.entries); i++ {
		if err := l.c.Past(ctx, l.log.entries[i].ts); err != nil {
			return err
		}
		l.replay(i)
	}
	return nil
}

func newShardState(info *role.CollectionInfo) *shardState {
	return &shardState{info: info, known: map[base.ID]bool{}, growing: map[base.ID]*growingSegment{}, dropped: map[base.ID]bool{}}
}

// replay applies one log entry to the owner's state.
func (l *life) replay(i int) {
	e := l.log.entries[i]
	sh := l.shards[e.shard]
	if sh == nil {
		return
	}
	switch e.kind {
	case "insert":
		if sh.known[e.segment] || e.ts <= sh.info.TruncatedAt || !hasPartition(sh.info, e.partition) || sh.dropped[e.partition] {
			return
		}
		g := sh.growing[e.segment]
		if g == nil {
			g = &growingSegment{partition: e.partition, start: i}
			sh.growing[e.segment] = g
		}
		g.rows = append(g.rows, row{e.row, e.ts})
		g.end = i + 1
	case "delete":
		for _, g := range sh.growing {
			g.rows = slices.DeleteFunc(g.rows, func(r row) bool { return r.ID == e.row && r.At < e.ts })
		}
		if e.ts > sh.at.Deletes {
			sh.deletes = append(sh.deletes, row{e.row, e.ts})
		}
	case "dropPartition":
		sh.dropped[e.partition] = true
		maps.DeleteFunc(sh.growing, func(_ base.ID, g *growingSegment) bool { return g.partition == e.partition })
	case "truncate":
		clear(sh.growing)
		sh.deletes = nil
	}
}

func (l *life) append(ctx context.Context, e entry) (base.Timestamp, error) {
	ts, err := l.c.Now(ctx, l.c.cfg.Channel, l.term)
	if err != nil {
		return 0, err
	}
	e.ts = ts
	l.log.Lock()
	defer l.log.Unlock()
	l.log.entries = append(l.log.entries, e)
	l.replay(len(l.log.entries) - 1)
	return ts, nil
}

// insert writes rows into the partition's growing segment.
func (l *life) insert(name, part string, rows ...int64) error {
	ctx := context.Background()
	info, err := l.c.Collection(ctx, role.CollectionRef{Name: name})
	if err != nil {
		return err
	}
	p := partition(info, part)
	if p == nil {
		return errPartitionNotFound(part)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	shard := base.Shard{Collection: info.ID}
	sh := l.shards[shard]
	if sh == nil {
		return errors.New("the owner does not know the shard")
	}
	if !hasPartition(sh.info, p.ID) {
		return errors.New("the owner does not know the partition")
	}
	segment := base.ID(0)
	for id, g := range sh.growing {
		if g.partition == p.ID {
			segment = id
		}
	}
	if segment == 0 {
		if segment, err = l.c.IDs(ctx, 1); err != nil {
			return err
		}
	}
	for _, r := range rows {
		if _, err := l.append(ctx, entry{kind: "insert", shard: shard, partition: p.ID, segment: segment, row: r}); err != nil {
			return err
		}
	}
	return nil
}

func (l *life) remove(name string, rows ...int64) error {
	ctx := context.Background()
	info, err := l.c.Collection(ctx, role.CollectionRef{Name: name})
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range rows {
		if _, err := l.append(ctx, entry{kind: "delete", shard: base.Shard{Collection: info.ID}, row: r}); err != nil {
			return err
		}
	}
	return nil
}

// flush commits everything of a collection, or of one of its partitions.
func (l *life) flush(name string, parts ...string) error {
	ctx := context.Background()
	info, err := l.c.Collection(ctx, role.CollectionRef{Name: name})
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	shard := base.Shard{Collection: info.ID}
	sh := l.shards[shard]
	if sh == nil || len(sh.growing) == 0 && len(sh.deletes) == 0 {
		return nil
	}
	task, err := l.c.Begin(ctx, "flush")
	if err != nil {
		return err
	}
	mine := func(g *growingSegment) bool {
		for _, name := range parts {
			if p := partition(info, name); p == nil || p.ID != g.partition {
				return false
			}
		}
		return true
	}
	r, err := l.write(ctx, shard, sh, task, mine)
	if err == nil {
		err = l.c.CommitFlush(ctx, r)
	}
	if err != nil {
		return errors.Join(err, l.c.End(ctx, task))
	}
	sh.at = r.Checkpoint
	for id, g := range sh.growing {
		if mine(g) {
			sh.known[id] = true
			delete(sh.growing, id)
		}
	}
	sh.deletes = nil
	return l.cut(ctx)
}

// write puts the growing segments and the deletes into the store.
func (l *life) write(ctx context.Context, shard base.Shard, sh *shardState, task base.ID, mine func(*growingSegment) bool) (*role.FlushResult, error) {
	now, err := l.c.Now(ctx, l.c.cfg.Channel, l.term)
	if err != nil {
		return nil, err
	}
	l.log.Lock()
	end := len(l.log.entries)
	l.log.Unlock()
	r := &role.FlushResult{
		Shard: shard, Task: task, Term: l.term,
		Checkpoint: role.Checkpoint{Version: sh.at.Version + 1, Position: position(end), Time: now, Deletes: now},
	}
	for id, g := range sh.growing {
		if !mine(g) {
			r.Checkpoint.Position = position(min(index(r.Checkpoint.Position), g.start))
			r.Checkpoint.Time = min(r.Checkpoint.Time, l.timeOf(g.start)-1)
			continue
		}
		s := &role.Segment{
			ID: id, Shard: shard, Partition: g.partition, Start: position(g.start), End: position(g.end), DeletesApplied: now,
		}
		if err := l.writeRows(ctx, s, g.rows, task); err != nil {
			return nil, err
		}
		r.Segments = append(r.Segments, s)
	}
	if len(sh.deletes) > 0 {
		k := binlog.Key{Kind: binlog.DeltaKey, Collection: shard.Collection, Task: task}
		r.Delta = &role.DeltaLog{
			ID: task, Shard: shard, Key: k.String(), Rows: int64(len(sh.deletes)), From: sh.deletes[0].At - 1, To: now,
		}
		if err := l.put(ctx, r.Delta.Key, sh.deletes); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (l *life) timeOf(i int) base.Timestamp {
	l.log.Lock()
	defer l.log.Unlock()
	return l.log.entries[i].ts
}

func (l *life) writeRows(ctx context.Context, s *role.Segment, rows []row, task base.ID) error {
	k := binlog.Key{Kind: binlog.ManifestKey, Collection: s.Shard.Collection, Partition: s.Partition, Segment: s.ID, Task: task}
	s.Task, s.Manifest, s.Rows, s.Bytes = task, k.String(), int64(len(rows)), int64(len(rows)*100)
	for i, r := range rows {
		if i == 0 || r.At < s.MinTime {
			s.MinTime = r.At
		}
		s.MaxTime = max(s.MaxTime, r.At)
	}
	col := binlog.Key{Kind: binlog.ColumnKey, Collection: s.Shard.Collection, Partition: s.Partition, Segment: s.ID, Field: 100, Task: task}
	if err := l.put(ctx, col.String(), rows); err != nil {
		return err
	}
	return l.put(ctx, s.Manifest, rows)
}

func (w *world) put(ctx context.Context, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.store.Put(ctx, key, bytes.NewReader(b), int64(len(b)))
}

func (w *world) get(ctx context.Context, key string) ([]row, error) {
	r, err := w.store.GetRange(ctx, key, 0, -1)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	defer r.Close()
	var rows []row
	return rows, json.NewDecoder(r).Decode(&rows)
}

// cut truncates the log before the oldest entry that a shard needs.
func (l *life) cut(ctx context.Context) error {
	l.log.Lock()
	at := len(l.log.entries)
	for _, sh := range l.shards {
		for _, g := range sh.growing {
			at = min(at, g.start)
		}
		if len(sh.deletes) > 0 {
			at = min(at, index(sh.at.Position))
		}
	}
	l.log.cut = max(l.log.cut, at)
	l.log.Unlock()
	return l.c.Cut(ctx, l.c.cfg.Channel, position(at))
}

// rows returns the ids of all rows of a collection that exist, ascending:
// those of committed segments, read from the store, and the growing ones.
func (l *life) rows(name string) ([]int64, error) {
	ctx := context.Background()
	info, err := l.c.Collection(ctx, role.CollectionRef{Name: name})
	if err != nil {
		return nil, err
	}
	coll, err := l.c.byID(info.ID)
	if err != nil {
		return nil, err
	}
	for {
		snap := coll.snapshot()
		out, err := l.rowsOf(ctx, snap)
		if err == nil || snap == coll.snapshot() {
			return out, err
		}
		// An object went while it was read, because a newer snapshot lacks it.
	}
}

func (l *life) rowsOf(ctx context.Context, snap *sched.Snapshot) ([]int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	deletes, _, err := l.readDeltas(ctx, snap.Deltas)
	if err != nil {
		return nil, err
	}
	var out []int64
	sh := l.shards[base.Shard{Collection: snap.Info.ID}]
	for _, s := range snap.Segments {
		if s.Dropped {
			continue
		}
		list, err := l.get(ctx, s.Manifest)
		if err != nil {
			return nil, err
		}
		for _, r := range visible(list, s, slices.Concat(deletes, sh.deletes), snap.Info.TruncatedAt) {
			out = append(out, r.ID)
		}
	}
	for _, g := range sh.growing {
		for _, r := range g.rows {
			out = append(out, r.ID)
		}
	}
	slices.Sort(out)
	return out, nil
}

// keys lists the object store.
func (w *world) keys() []string {
	var out []string
	for info, err := range w.store.List(context.Background(), "") {
		require.NoError(w.t, err)
		out = append(out, info.Key)
	}
	return out
}

func (l *life) do(cmd role.Command) error { return l.c.Do(context.Background(), cmd) }

func (l *life) must(cmds ...role.Command) {
	l.t.Helper()
	for _, cmd := range cmds {
		require.NoError(l.t, l.do(cmd), "%T %+v", cmd, cmd)
	}
}

func ref(name string) role.CollectionRef { return role.CollectionRef{Name: name} }

// vectors describes a collection with a key and a vector field.
func vectors(name string) *schema.Collection {
	return &schema.Collection{
		Name: name, Shards: 1,
		Fields: []*schema.Field{
			{Name: "id", Type: schema.Int64, PrimaryKey: true},
			{Name: "vec", Type: schema.FloatVector, Dim: 4},
		},
	}
}

func hnsw() *schema.Index { return &schema.Index{Type: "HNSW", UserType: "HNSW", Metric: "L2"} }

// searchable makes a collection with an index that is loaded.
func (l *life) searchable(name string) {
	l.t.Helper()
	l.must(
		role.CreateCollection{Collection: vectors(name)},
		role.CreateIndex{CollectionRef: ref(name), Field: "vec", Index: hnsw()},
		role.Load{CollectionRef: ref(name)},
	)
}

func numbers(from, n int64) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = from + int64(i)
	}
	return out
}
