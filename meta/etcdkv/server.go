package etcdkv

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime/debug"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver"
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
	requestLimit = meta.MaxBytes + 4<<20
	txnLimit     = 1 << 14 // operations, and comparisons, of a transaction

	// A tick costs a few wake-ups, and one member needs no heartbeats. etcd
	// derives from it how long a transaction may take: 5 s and two elections.
	tick     = time.Second
	election = 10 * tick

	// Entries of the log between two snapshots, which let old files go. etcd
	// drops the first entry from memory once it has applied 100 without a
	// snapshot, and raft panics if it is asked to campaign while entries that
	// it has not seen applied are dropped. A snapshot before the 100th, and
	// the entries since the last one kept in memory, exclude that: see lead.
	snapshotEvery = 90
	catchUp       = 200

	// campaignEvery: how often a new server is asked to lead, see lead.
	campaignEvery = time.Millisecond
)

// embedConfig switches off what a lone member does not need: listeners,
// checks against other members, timers.
func embedConfig(cfg Config, logs *zapCore) (*embed.Config, error) {
	u, err := url.Parse(memberURL)
	if err != nil {
		return nil, err
	}
	e := embed.NewConfig()
	e.Name = memberName
	e.Dir = cfg.Dir
	e.ListenPeerUrls, e.ListenClientUrls = nil, nil
	e.AdvertisePeerUrls, e.AdvertiseClientUrls = []url.URL{*u}, []url.URL{*u}
	e.InitialCluster = memberName + "=" + memberURL
	e.InitialClusterToken = memberName
	e.TickMs = uint(tick.Milliseconds())
	e.ElectionMs = uint(election.Milliseconds())
	e.PreVote = false
	e.SnapshotCount = snapshotEvery
	e.SnapshotCatchUpEntries = catchUp
	e.MaxSnapFiles, e.MaxWalFiles = 2, 2
	e.QuotaBackendBytes = quota
	e.MaxRequestBytes = requestLimit
	e.MaxTxnOps = txnLimit
	e.EnableGRPCGateway = false
	e.DowngradeCheckTime = 0
	e.CorruptCheckTime = 0
	e.CompactHashCheckTime = 24 * time.Hour
	e.WarningApplyDuration = 5 * time.Second
	e.WarningUnaryRequestDuration = 5 * time.Second
	e.ZapLoggerBuilder = embed.NewZapLoggerBuilder(logs.logger())
	return e, nil
}

// start starts a server and waits until it leads its cluster of one.
func start(ctx context.Context, cfg Config) (server *embed.Etcd, err error) {
	logs := newZapCore(cfg.Logger)
	// etcd reports some damage by Panic or Fatal of its logger; both are a
	// panic here.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
			if logs.last() == "" {
				err = fmt.Errorf("%v\n%s", p, debug.Stack())
			}
		}
	}()
	econf, err := embedConfig(cfg, logs)
	if err != nil {
		return nil, err
	}
	wal.SegmentSizeBytes = segmentSize
	server, err = embed.StartEtcd(econf)
	if err != nil {
		return nil, err
	}
	if err := lead(ctx, server.Server); err != nil {
		server.Close()
		return nil, err
	}
	return server, nil
}

// lead asks the member to campaign until it leads: left alone it would wait
// for up to an election timeout. The message is the one with which a leader
// hands over; it is ignored until the member has seen its own configuration.
func lead(ctx context.Context, s *etcdserver.EtcdServer) error {
	timer := time.NewTicker(campaignEvery)
	defer timer.Stop()
	self := uint64(s.MemberID())
	for s.Leader() != s.MemberID() {
		m := &raftpb.Message{Type: raftpb.MsgTimeoutNow.Enum(), To: &self, From: &self}
		if err := s.Process(ctx, m); err != nil {
			return fmt.Errorf("campaign: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.StopNotify():
			return errors.New("the server stopped")
		case <-timer.C:
		}
	}
	return nil
}
