// Package rootcoord holds the coordinator: the one writer of the catalog. It
// carries out DDL, gives out time, ids and terms, answers where things are,
// takes the reports of the other roles, and runs the desired-state loops of
// rootcoord/sched.
package rootcoord

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/meta"
	"github.com/redkite-db/redkite/rootcoord/sched"
	"github.com/redkite-db/redkite/rootcoord/tso"
)

// Config of a coordinator. A limit of 0 forbids everything; use Defaults.
type Config struct {
	Root    string       // of the catalog's keys
	Owner   string       // written into the leader key, for people
	Channel base.Channel // that all shards of this process lie on
	Limits  Limits
	Sched   sched.Config
}

// Limits of what the catalog may hold.
type Limits struct {
	Databases        int // the default one included
	Collections      int
	CollectionsPerDB int // property database.max.collections overrides it
	Partitions       int // of a collection
	Shards           int32
	Capacity         int // sum of partitions x shards over all collections
}

// Defaults returns the configuration of a single process.
func Defaults() Config {
	return Config{
		Root:    "by-dev",
		Owner:   "redkite",
		Channel: "by-dev-rootcoord-dml_0",
		Limits: Limits{
			Databases: 64, Collections: 65536, CollectionsPerDB: 65536,
			Partitions: 1024, Shards: 16, Capacity: 65536,
		},
		Sched: sched.Defaults(),
	}
}

// Coord implements role.RootCoord. New reads the catalog, Bind hands over the
// other roles, Start finishes what a predecessor began and starts the loops.
// Router and Clock work from New on; commands that concern rows wait for Bind.
//
// Lock order: locks (databases and names before collections), then a
// collection's commit, then mu, then a collection's mu. No lock but those of
// locks is held while another role is called; the store is written under
// locks and commit only.
type Coord struct {
	cfg     Config
	logger  *slog.Logger
	catalog *meta.Catalog
	oracle  *tso.Oracle
	ids     *tso.IDs
	locks   keyLocks
	terms   terms
	tasks   tasks
	changes broadcast
	loops   *sched.Scheduler
	workers atomic.Pointer[sched.Workers]
	intents []*meta.Intent // found by New, redone by Start

	mu struct {
		sync.RWMutex
		databases   map[string]*schema.Database
		names       map[qualified]*collection // live collections
		aliases     map[qualified]*schema.Alias
		collections map[base.ID]*collection // all that have records: hidden and dropping ones too
		capacity    int                     // sum of partitions x shards of the live ones
		cuts        map[base.Channel]base.Position
	}
}

var _ role.RootCoord = (*Coord)(nil)

// qualified is a name in a database.
type qualified struct {
	db   base.ID
	name string
}

// New opens the catalog in kv and reads it. now is the clock.
func New(ctx context.Context, cfg Config, kv meta.KV, now func() time.Time, logger *slog.Logger) (*Coord, error) {
	c := &Coord{cfg: cfg, logger: logger}
	var err error
	if c.catalog, err = meta.Open(ctx, kv, cfg.Root, cfg.Owner, logger); err != nil {
		return nil, err
	}
	state, err := c.catalog.Load(ctx)
	if err != nil {
		return nil, err
	}
	if c.oracle, err = tso.New(ctx, c.catalog, now); err != nil {
		return nil, err
	}
	if c.ids, err = tso.NewIDs(ctx, c.catalog, now); err != nil {
		return nil, err
	}
	c.changes.init()
	c.terms.highest = state.Terms
	c.tasks.init(state.Tasks, state.Garbage)
	c.intents = state.Intents
	if err := c.adopt(state); err != nil {
		return nil, err
	}
	if err := c.ensureDefaultDatabase(ctx); err != nil {
		return nil, err
	}
	c.loops = sched.New(cfg.Sched, (*host)(c), logger)
	return c, nil
}

func (c *Coord) ensureDefaultDatabase(ctx context.Context) error {
	if _, ok := c.mu.databases[schema.DefaultDatabase]; ok {
		return nil
	}
	ts, err := c.oracle.Next(ctx)
	if err != nil {
		return err
	}
	d := &schema.Database{ID: schema.DefaultDatabaseID, Name: schema.DefaultDatabase, CreatedAt: ts}
	var change meta.Change
	change.PutDatabase(d)
	if err := c.catalog.Apply(ctx, &change); err != nil {
		return err
	}
	c.mu.databases[d.Name] = d
	return nil
}

// adopt builds the state in memory from the catalog. It runs before anything
// else, so it takes no locks.
func (c *Coord) adopt(s *meta.State) error {
	c.mu.databases = map[string]*schema.Database{}
	c.mu.names = map[qualified]*collection{}
	c.mu.aliases = map[qualified]*schema.Alias{}
	c.mu.collections = map[base.ID]*collection{}
	c.mu.cuts = map[base.Channel]base.Position{}
	names := map[base.ID]string{schema.DefaultDatabaseID: schema.DefaultDatabase}
	for _, d := range s.Databases {
		c.mu.databases[d.Name] = d
		names[d.ID] = d.Name
	}
	for _, r := range s.Collections {
		db, ok := names[r.Schema.DB]
		if !ok && !r.Dropping {
			return fmt.Errorf("rootcoord: collection %d lies in database %d, which does not exist", r.Schema.ID, r.Schema.DB)
		}
		r.Schema.DBName = db
		c.mu.collections[r.Schema.ID] = adoptCollection(r)
	}
	if err := c.adoptParts(s); err != nil {
		return err
	}
	for _, coll := range c.mu.collections {
		if coll.mu.dropping {
			continue
		}
		info := coll.info.Load()
		sortParts(info)
		c.mu.names[qualified{info.DB, info.Name}] = coll
		c.mu.capacity += capacityOf(info)
	}
	return nil
}

// adoptParts hands each record to its collection. Records of a collection that
// is gone are left from a removal that did not end; what they name is gone.
func (c *Coord) adoptParts(s *meta.State) error {
	var errs []error
	of := func(kind string, id base.ID) *collection {
		coll := c.mu.collections[id]
		if coll == nil {
			errs = append(errs, fmt.Errorf("rootcoord: %s belongs to collection %d, which does not exist", kind, id))
		}
		return coll
	}
	for _, p := range s.Partitions {
		if coll := of("partition "+p.Name, p.Collection); coll != nil {
			info := coll.info.Load()
			info.Partitions = append(info.Partitions, p)
			coll.mu.later[p.ID] = true
		}
	}
	for _, a := range s.Aliases {
		if coll := of("alias "+a.Name, a.Collection); coll != nil {
			c.mu.aliases[qualified{a.DB, a.Name}] = a
			info := coll.info.Load()
			info.Aliases = append(info.Aliases, a.Name)
		}
	}
	for _, x := range s.Indexes {
		if coll := of("index "+x.Name, x.Collection); coll != nil {
			info := coll.info.Load()
			info.Indexes = append(info.Indexes, x)
		}
	}
	for _, l := range s.Loads {
		if coll := of("a load", l.Collection); coll != nil {
			coll.info.Load().Load = &role.LoadInfo{All: l.All, Partitions: l.Partitions, Replicas: l.Replicas}
		}
	}
	for _, r := range s.Segments {
		if coll := of("a segment", r.Shard.Collection); coll != nil {
			coll.mu.segments[r.ID] = segmentOf(r)
			coll.mu.dropped += b2i(r.Dropped)
		}
	}
	for _, r := range s.Deltas {
		if coll := of("a delta log", r.Shard.Collection); coll != nil {
			coll.mu.deltas[r.ID] = deltaOf(r)
		}
	}
	for _, r := range s.Checkpoints {
		if coll := of("a checkpoint", r.Shard.Collection); coll != nil {
			coll.mu.checkpoints[r.Shard.Index] = checkpointOf(r)
		}
	}
	return errors.Join(errs...)
}

// Bind hands over the roles that work for the coordinator. It is called once,
// before Start.
func (c *Coord) Bind(w sched.Workers) {
	c.workers.Store(&w)
	c.loops.Bind(w)
}

// Start redoes the commands that a predecessor began, so that nothing they
// concern is written before they ended, and starts the loops. It may be called
// when the datanode accepts commands; reads and writes of clients begin after it.
func (c *Coord) Start(ctx context.Context) error {
	if c.workers.Load() == nil {
		return errors.New("rootcoord: Start before Bind")
	}
	if err := c.redo(ctx); err != nil {
		return err
	}
	c.loops.Start()
	return nil
}

// Stop ends the loops and waits for them. Requests that still come are
// answered as long as the store is open.
func (c *Coord) Stop() {
	c.loops.Stop()
	c.oracle.Close()
}

// WaitLoaded returns when each collection that was loaded before the start is
// served again.
func (c *Coord) WaitLoaded(ctx context.Context) error { return c.loops.WaitLoaded(ctx) }

// datanode returns the datanode, or NotReady before Bind.
func (c *Coord) datanode() (role.DataNode, error) {
	w := c.workers.Load()
	if w == nil || w.Data == nil {
		return nil, merr.NotReady.With(merr.KV{Key: "role", Value: "datanode"})
	}
	return w.Data, nil
}

// broadcast wakes everybody who waits for the next change.
type broadcast struct {
	mu struct {
		sync.Mutex
		next chan struct{}
	}
}

func (b *broadcast) init() { b.mu.next = make(chan struct{}) }

// wait returns a channel that is closed by the next send.
func (b *broadcast) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.next
}

func (b *broadcast) send() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.mu.next)
	b.mu.next = make(chan struct{})
}

// changed tells waiters and loops that a collection's records changed.
func (c *Coord) changed(id base.ID) {
	c.changes.send()
	c.loops.Kick(id)
}
