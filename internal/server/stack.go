package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/redkite-db/redkite/configs"
	"github.com/redkite-db/redkite/datanode"
	"github.com/redkite-db/redkite/indexnode"
	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/binlog"
	"github.com/redkite-db/redkite/internal/datadir"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/segment"
	"github.com/redkite-db/redkite/internal/telemetry"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/annoy"
	"github.com/redkite-db/redkite/internal/vecindex/coderhnsw"
	"github.com/redkite-db/redkite/internal/vecindex/diskann"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
	"github.com/redkite-db/redkite/internal/vecindex/ivf"
	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/meta/etcdkv"
	"github.com/redkite-db/redkite/mq/stream"
	"github.com/redkite-db/redkite/objectstore/localfs"
	"github.com/redkite-db/redkite/proxy"
	"github.com/redkite-db/redkite/querynode"
	"github.com/redkite-db/redkite/rootcoord"
	"github.com/redkite-db/redkite/rootcoord/sched"
)

// channel is the one log channel of a single process.
const channel = base.Channel("by-dev-rootcoord-dml_0")

// stack is everything that runs in the process, in the order of its start.
type stack struct {
	cfg      *configs.Config
	dir      *datadir.Dir
	logger   *slog.Logger
	registry *prometheus.Registry
	kernels  vec.Kernels
	api      *proxy.Server

	coord *rootcoord.Coord
	data  *datanode.Node
	query *querynode.Node

	recovered recovered
	closers   []func() error
}

// onClose registers what close calls, last first.
func (s *stack) onClose(f func() error) { s.closers = append(s.closers, f) }

// close ends everything in the opposite order of its start.
func (s *stack) close() error {
	var errs []error
	for _, f := range slices.Backward(s.closers) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// openDirectory takes the data directory and opens the log of texts, so that
// all that comes can be told there.
func (s *stack) openDirectory() (err error) {
	if s.dir, err = datadir.Open(s.cfg.DataDir, configs.Version); err != nil {
		return err
	}
	s.onClose(s.dir.Close)
	options := telemetry.LogOptions{
		Level: s.cfg.Logging.Level, Format: s.cfg.Logging.Format, Dir: s.cfg.Logging.Dir, MaxSize: s.cfg.Logging.MaxSize,
		MaxBackups: s.cfg.Logging.MaxBackups, MaxAge: s.cfg.Logging.MaxAge, Repeats: logRepeats, Now: time.Now,
	}
	if options.Dir == "" {
		options.Dir = s.dir.Logs()
	}
	if s.cfg.Logging.Stdout {
		options.Also = os.Stdout
	}
	logger, closer, err := telemetry.NewLogger(options)
	if err != nil {
		return err
	}
	s.logger = logger
	s.onClose(closer.Close)
	var found bool
	if s.kernels, found = vec.Named(s.cfg.SIMD); !found {
		return fmt.Errorf("common.simdType %s: this machine or build lacks it", s.cfg.SIMD)
	}
	s.registry = telemetry.NewRegistry(configs.Version)
	s.api = proxy.New(proxy.Deps{
		Limits: proxyLimits(s.cfg), Clock: time.Now, Logger: s.logger, Registry: s.registry,
		Kinds: kinds(s.kernels), Version: configs.Version, Random: func(b []byte) { _, _ = rand.Read(b) },
	})
	return nil
}

// logRepeats is how many equal messages a minute are written.
const logRepeats = 20

// kinds are the index types of this build.
func kinds(kernels vec.Kernels) []vecindex.Kind {
	all := []vecindex.Kind{vecindex.Flat(kernels, runtime.GOMAXPROCS(0))}
	for _, k := range hnsw.Kinds(kernels) {
		if k.Name == "HNSW" {
			k = coderhnsw.Kind(kernels, k)
		}
		all = append(all, k)
	}
	all = append(all, diskann.Kind(kernels), annoy.Kind(kernels))
	return append(all, ivf.Kinds(kernels)...)
}

// start opens the stores, recovers, and hands the roles to the API.
func (s *stack) start(ctx context.Context) error {
	kv, err := etcdkv.Open(ctx, etcdkv.Config{Dir: s.dir.Meta(), Logger: s.logger, Free: func() (int64, error) {
		return vfs.OS().FreeSpace(filepath.Dir(s.dir.Meta()))
	}})
	if err != nil {
		return err
	}
	s.onClose(kv.Close)
	s.api.SetProgress(20)
	s.coord, err = rootcoord.New(ctx, coordConfig(s.cfg), kv, time.Now, s.logger)
	if err != nil {
		return fmt.Errorf("catalog: %w", err)
	}
	s.api.SetProgress(40)
	log, err := s.openLog()
	if err != nil {
		return fmt.Errorf("write-ahead log: %w", err)
	}
	s.onClose(log.Close)
	maps := mem.NewResidency(s.cfg.MemoryLimit)
	store, err := localfs.Open(vfs.OS(), s.dir.Objects(), func(name string) (*mem.Map, error) {
		// A search reads a few rows of a column, all over, and much of an index.
		rel, err := filepath.Rel(s.dir.Objects(), name)
		return maps.Open(name, err == nil && strings.HasPrefix(filepath.ToSlash(rel), binlog.IndexRoot))
	})
	if err != nil {
		return err
	}
	growing := mem.NewBudget(0)
	engine := segment.NewEngine(segment.EngineOptions{
		Kernels: s.kernels, Kinds: s.api.Kinds, Threads: runtime.GOMAXPROCS(0), Growing: growing,
		Reading: maps.Check,
	})
	live := segment.NewLive(engine)
	s.data, err = datanode.Open(ctx, datanode.Config{
		Channel: channel, Log: log, Root: s.coord, Store: store, Files: store, Engine: engine, Live: live, Budget: growing,
		Logger: s.logger, Now: time.Now, Policy: sealPolicy(s.cfg), Admit: shareOf(s.cfg.MemoryLimit, s.cfg.Memory.StopWrites),
		AdmitWait: s.cfg.Memory.MaxWriteWait,
	})
	if err != nil {
		return fmt.Errorf("recovery: %w", err)
	}
	s.onClose(s.data.Close)
	s.api.SetProgress(80)
	client := stream.NewClient(s.data)
	s.query = querynode.New(querynode.Config{
		Engine: engine, Live: live, Files: store, Times: client, Logger: s.logger, Threads: runtime.GOMAXPROCS(0),
		Cursors: querynode.DefaultCursorLimits(), Clock: time.Now,
	})
	s.onClose(func() error { s.query.Close(); return nil })
	builder := indexnode.New(indexnode.Config{
		Engine: engine, Kinds: s.api.Kinds, Store: store, Files: store, Budget: mem.NewBudget(0), Threads: runtime.GOMAXPROCS(0),
		Logger: s.logger,
	})
	s.coord.Bind(sched.Workers{Data: s.data, Index: builder, Query: s.query, Store: store})
	if err := s.coord.Start(ctx); err != nil {
		return fmt.Errorf("coordinator: %w", err)
	}
	s.onClose(func() error { s.coord.Stop(); return nil })
	s.api.Bind(s.coord, s.query, s.data, client)
	s.recovered.count(live)
	return nil
}

// components tells how each role does, for the health port.
func (s *stack) components(context.Context) []telemetry.Component {
	state := telemetry.Initializing
	if s.api.Ready() {
		state = telemetry.Healthy
	}
	out := make([]telemetry.Component, 0, 5)
	for _, name := range []string{"proxy", "datanode", "querynode", "indexnode", "rootcoord"} {
		out = append(out, telemetry.Component{Name: name, State: state})
	}
	return out
}
