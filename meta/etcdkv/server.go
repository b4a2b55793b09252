package etcdkv

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime/debug"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/redkite-db/redkite/meta"
)

const (
	memberName = "redkite"
	// memberURL is what the member calls itself. Nothing listens there.
	memberURL = "http://127.0.0.1:2380"

	segmentSize  = 4 << 20 // bytes of one file of etcd's log
	quota        = 4 << 30 // bytes of the database at which etcd refuses writes
	maxCompares  = 4096    // of a transaction
	maxOps       = maxCompares + meta.MaxOps + 1
	requestLimit = meta.MaxBytes + 1<<20 // bytes, with what is around keys and values

	// A tick costs a few wake-ups, and one member needs no heartbeats. etcd
	// derives from it how long a transaction may take: 5 s and two elections.
	tick     = time.Second
	election = 10 * tick
	// A member that has to be left alone until it campaigns, see alone, waits
	// for up to twice its shortest election.
	aloneTick     = 250 * time.Millisecond
	aloneElection = 5 * aloneTick

	// Entries of the log between two snapshots, which let old files go, and
	// entries that are kept in memory. Once etcd has applied 100 entries
	// without a snapshot it drops the first, and raft panics if it is asked to
	// campaign while it looks for one that was dropped. A snapshot before the
	// 100th, and memory for more than lie between two, exclude that. See lead.
	snapshotEvery = 90
	catchUp       = 200
	firstDrop     = 100

	// batchInterval is how often etcd writes the database, which is behind the
	// log: a timer that always runs, and what a restart applies again.
	batchInterval = time.Second

	// compactBatch is how many revisions a compaction looks at between two
	// writes of the database: each may change a page.
	compactBatch = 100

	// campaignEvery: how often a new server is asked to lead, see lead.
	campaignEvery = time.Millisecond
)

// alone tells whether a log, nil if there was none, holds so many entries
// without a snapshot that etcd drops one while it starts.
func (l *logState) alone() bool {
	return l != nil && (l.snapshot == 0 && l.last >= firstDrop || l.last > l.snapshot+catchUp)
}

// embedConfig switches off what a lone member does not need: listeners,
// checks against other members, timers. Files are purged in upkeep.
func (kv *KV) embedConfig(log *logState) (*embed.Config, error) {
	u, err := url.Parse(memberURL)
	if err != nil {
		return nil, err
	}
	e := embed.NewConfig()
	e.Name = memberName
	e.Dir = kv.dir
	e.ListenPeerUrls, e.ListenClientUrls = nil, nil
	e.AdvertisePeerUrls, e.AdvertiseClientUrls = []url.URL{*u}, []url.URL{*u}
	e.InitialCluster = memberName + "=" + memberURL
	e.InitialClusterToken = memberName
	e.TickMs, e.ElectionMs = uint(tick.Milliseconds()), uint(election.Milliseconds())
	if log.alone() {
		e.TickMs, e.ElectionMs = uint(aloneTick.Milliseconds()), uint(aloneElection.Milliseconds())
	}
	e.PreVote = false
	e.SnapshotCount = snapshotEvery
	e.SnapshotCatchUpEntries = catchUp
	e.MaxSnapFiles, e.MaxWalFiles = 0, 0
	e.BackendBatchInterval = batchInterval
	e.QuotaBackendBytes = quota
	e.MaxRequestBytes = requestLimit
	e.MaxTxnOps = maxOps
	e.EnableGRPCGateway = false
	e.DowngradeCheckTime = 0
	e.CorruptCheckTime = 0
	e.CompactHashCheckTime = 24 * time.Hour
	e.CompactionBatchLimit = compactBatch
	e.WarningApplyDuration = 5 * time.Second
	e.WarningUnaryRequestDuration = 5 * time.Second
	e.ZapLoggerBuilder = embed.NewZapLoggerBuilder(newZapCore(kv.log, kv.life.giveUp).logger())
	return e, nil
}

// start starts the server. etcd reports some errors by Panic or Fatal of its
// logger, which end the goroutine that calls them, see zapCore: StartEtcd, or
// one that it waits for. What those hold is lost until the process ends. log
// is what the log was before.
func (kv *KV) start(log *logState) error {
	econf, err := kv.embedConfig(log)
	if err != nil {
		return err
	}
	wal.SegmentSizeBytes = segmentSize
	started := make(chan error, 1)
	go func() {
		err := errors.New("etcd did not start")
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("%v\n%s", p, debug.Stack())
			}
			started <- err
		}()
		kv.server, err = embed.StartEtcd(econf)
	}()
	select {
	case err = <-started:
		if failed := kv.life.failed(); failed != nil {
			return failed
		}
		return err
	case <-kv.life.gone:
		return kv.life.failed()
	}
}

// lead returns when the member leads, and has applied all that its log holds.
// It asks the member to campaign until it does: left alone it would wait
// for up to an election timeout. The message is the one with which a leader
// hands over. It is ignored until the member has seen its own configuration.
//
// log is what the log was before the start.
func (kv *KV) lead(ctx context.Context, log *logState) error {
	timer := time.NewTicker(campaignEvery)
	defer timer.Stop()
	s := kv.server.Server
	self := uint64(s.MemberID())
	for s.Leader() != s.MemberID() {
		if !log.alone() {
			m := &raftpb.Message{Type: raftpb.MsgTimeoutNow.Enum(), To: &self, From: &self}
			if err := s.Process(ctx, m); err != nil {
				return fmt.Errorf("campaign: %w", err)
			}
		}
		if err := wait(ctx, kv, timer.C); err != nil {
			return err
		}
	}
	// A single member answers a read before it has applied what its log held
	// at the start. The entry with which it publishes itself follows on that.
	return wait(ctx, kv, s.ReadyNotify())
}

// wait returns when a channel yields or is closed, or the server ends.
func wait[T any](ctx context.Context, kv *KV, c <-chan T) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-kv.server.Server.StopNotify():
		return errors.New("the server stopped")
	case <-kv.life.gone:
		return kv.life.failed()
	}
}
