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

	// Entries of the log between two snapshots, which let old files go, and
	// entries that are kept in memory. Once etcd has applied 100 entries
	// without a snapshot it drops the first, and raft panics if it is asked to
	// campaign while it looks for one that was dropped. A snapshot before the
	// 100th, and memory for more than lie between two, exclude that. See lead.
	snapshotEvery = 90
	catchUp       = 200
	firstDrop     = 100

	// campaignEvery: how often a new server is asked to lead, see lead.
	campaignEvery = time.Millisecond
)

// embedConfig switches off what a lone member does not need: listeners,
// checks against other members, timers. Files are purged in upkeep.
func embedConfig(dir string, logs *zapCore) (*embed.Config, error) {
	u, err := url.Parse(memberURL)
	if err != nil {
		return nil, err
	}
	e := embed.NewConfig()
	e.Name = memberName
	e.Dir = dir
	e.ListenPeerUrls, e.ListenClientUrls = nil, nil
	e.AdvertisePeerUrls, e.AdvertiseClientUrls = []url.URL{*u}, []url.URL{*u}
	e.InitialCluster = memberName + "=" + memberURL
	e.InitialClusterToken = memberName
	e.TickMs = uint(tick.Milliseconds())
	e.ElectionMs = uint(election.Milliseconds())
	e.PreVote = false
	e.SnapshotCount = snapshotEvery
	e.SnapshotCatchUpEntries = catchUp
	e.MaxSnapFiles, e.MaxWalFiles = 0, 0
	e.QuotaBackendBytes = quota
	e.MaxRequestBytes = requestLimit
	e.MaxTxnOps = maxOps
	e.EnableGRPCGateway = false
	e.DowngradeCheckTime = 0
	e.CorruptCheckTime = 0
	e.CompactHashCheckTime = 24 * time.Hour
	e.WarningApplyDuration = 5 * time.Second
	e.WarningUnaryRequestDuration = 5 * time.Second
	e.ZapLoggerBuilder = embed.NewZapLoggerBuilder(logs.logger())
	return e, nil
}

// start starts the server. etcd reports some errors by Panic or Fatal of its
// logger, which end the goroutine that calls them, see zapCore: StartEtcd, or
// one that it waits for. What those hold is lost until the process ends.
func (kv *KV) start() error {
	econf, err := embedConfig(kv.dir, newZapCore(kv.log, kv.giveUp))
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
		return err
	case <-kv.gone:
		kv.mu.Lock()
		defer kv.mu.Unlock()
		return kv.mu.failed
	}
}

// lead asks the member to campaign until it leads: left alone it would wait
// for up to an election timeout. The message is the one with which a leader
// hands over. It is ignored until the member has seen its own configuration.
//
// log is what the log was before the start. If it holds so much that etcd
// drops entries that raft may look for, the member is left alone.
func (kv *KV) lead(ctx context.Context, log *logState) error {
	alone := log != nil && log.snapshot == 0 && log.last >= firstDrop
	timer := time.NewTicker(campaignEvery)
	defer timer.Stop()
	s := kv.server.Server
	self := uint64(s.MemberID())
	for s.Leader() != s.MemberID() {
		m := &raftpb.Message{Type: raftpb.MsgTimeoutNow.Enum(), To: &self, From: &self}
		if !alone {
			if err := s.Process(ctx, m); err != nil {
				return fmt.Errorf("campaign: %w", err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.StopNotify():
			return errors.New("the server stopped")
		case <-kv.gone:
			return errors.New("the server failed")
		case <-timer.C:
		}
	}
	return nil
}
