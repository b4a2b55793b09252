package etcdkv

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"github.com/redkite-db/redkite/meta"
)

// dbState is what a sound database says of itself.
type dbState struct {
	index     uint64 // of the last entry of the log that it holds
	compacted int64  // history before this revision may be gone
	history   history
	used      int64 // bytes of the file
}

// readDB reads a database file completely. node is the member's ID.
//
// etcd's schema: each bucket but these two is empty in a store of ours, or
// holds a few names, and nothing that a caller stored.
func readDB(r io.ReaderAt, size int64, node uint64) (*dbState, error) {
	file, err := openBolt(r, size)
	if err != nil {
		return nil, err
	}
	buckets, err := file.buckets()
	if err != nil {
		return nil, err
	}
	db := &dbState{used: file.used()}
	visits := []struct {
		name  string
		visit boltItem
	}{
		{"meta", func(key, value []byte) error { return db.meta(key, value, node) }},
		{"key", func(key, value []byte) error { return db.history.add(key, value, db.compacted) }},
		{"alarm", unexpected},
		{"auth", checkAuth},
		{"authRoles", unexpected},
		{"authUsers", unexpected},
		{"cluster", checkCluster},
		{"lease", unexpected},
		{"members", func(key, value []byte) error { return checkMember(key, value, node) }},
		{"members_removed", unexpected},
	}
	for _, v := range visits {
		if err := file.items(buckets[v.name], v.visit); err != nil {
			return nil, fmt.Errorf("bucket %s: %w", v.name, err)
		}
		delete(buckets, v.name)
	}
	for name := range buckets {
		return nil, fmt.Errorf("unknown bucket %q", name)
	}
	if err := file.checkFree(); err != nil {
		return nil, err
	}
	if db.history.main < db.compacted {
		return nil, fmt.Errorf("compacted to revision %d, the last one is %d", db.compacted, db.history.main)
	}
	return db, db.history.end(0)
}

func unexpected(key, _ []byte) error { return fmt.Errorf("unexpected key %q", key) }

// meta reads a pair of the bucket that describes the rest.
func (db *dbState) meta(key, value []byte, node uint64) error {
	switch string(key) {
	case "consistent_index":
		if len(value) != 8 {
			return fmt.Errorf("index of %d bytes", len(value))
		}
		db.index = binary.BigEndian.Uint64(value)
	case "term":
		if len(value) != 8 {
			return fmt.Errorf("term of %d bytes", len(value))
		}
	case "finishedCompactRev", "scheduledCompactRev":
		rev, ok := parseRevision(value)
		if !ok || rev.deleted {
			return fmt.Errorf("%s is no revision", key)
		}
		db.compacted = max(db.compacted, rev.main)
	case "confState":
		var conf struct {
			Voters                                 []uint64
			Learners, VotersOutgoing, LearnersNext []uint64
		}
		if err := json.Unmarshal(value, &conf); err != nil {
			return err
		}
		if len(conf.Voters) != 1 || conf.Voters[0] != node || len(conf.Learners)+len(conf.VotersOutgoing)+len(conf.LearnersNext) != 0 {
			return fmt.Errorf("voters %v, not %d alone", conf.Voters, node)
		}
	case "storageVersion":
	default:
		return fmt.Errorf("unknown key %q", key)
	}
	return nil
}

func checkAuth(key, value []byte) error {
	switch string(key) {
	case "authEnabled":
		if len(value) != 1 || value[0] != 0 {
			return errors.New("authentication is on")
		}
	case "authRevision":
		if len(value) != 8 {
			return fmt.Errorf("revision of %d bytes", len(value))
		}
	default:
		return fmt.Errorf("unknown key %q", key)
	}
	return nil
}

func checkCluster(key, value []byte) error {
	switch string(key) {
	case "clusterVersion":
		if len(value) == 0 {
			return errors.New("no version")
		}
	case "downgrade":
		if !json.Valid(value) {
			return errors.New("malformed downgrade state")
		}
	default:
		return fmt.Errorf("unknown key %q", key)
	}
	return nil
}

func checkMember(key, value []byte, node uint64) error {
	if string(key) != fmt.Sprintf("%x", node) {
		return fmt.Errorf("member %s, not %x", key, node)
	}
	var m struct {
		ID        uint64   `json:"id"`
		PeerURLs  []string `json:"peerURLs"`
		IsLearner bool     `json:"isLearner"`
	}
	if err := json.Unmarshal(value, &m); err != nil {
		return err
	}
	if m.ID != node || len(m.PeerURLs) != 1 || m.PeerURLs[0] != memberURL || m.IsLearner {
		return fmt.Errorf("member %x at %v", m.ID, m.PeerURLs)
	}
	return nil
}

// revision is a key of etcd's main bucket: the revision of a transaction, the
// number of the change in it, and whether it deletes.
type revision struct {
	main, sub int64
	deleted   bool
}

// parseRevision reads 8 bytes, '_', 8 bytes, and 't' after a deletion.
func parseRevision(key []byte) (revision, bool) {
	if len(key) != 17 && (len(key) != 18 || key[17] != 't') || key[8] != '_' {
		return revision{}, false
	}
	r := revision{
		main:    int64(binary.BigEndian.Uint64(key)),
		sub:     int64(binary.BigEndian.Uint64(key[9:])),
		deleted: len(key) == 18,
	}
	return r, r.main > 0 && r.sub >= 0
}

// history follows the main bucket, which holds every change since the last
// compaction in the order of revisions, and the last one before it of each
// key. Its sum has to agree with the seal of each revision from then on.
type history struct {
	live map[string]liveKey
	sum  uint64
	main int64 // the revision being read
	seal seal  // the last one read
}

// liveKey is the last change of a key.
type liveKey struct {
	sum              uint64
	created, version int64 // as etcd counts; version 0: deleted
}

// add takes the next change.
func (h *history) add(key, value []byte, compacted int64) error {
	rev, ok := parseRevision(key)
	if !ok {
		return fmt.Errorf("%x is no revision", key)
	}
	var kv mvccpb.KeyValue
	if err := proto.Unmarshal(value, &kv); err != nil {
		return fmt.Errorf("revision %d: %w", rev.main, err)
	}
	if rev.main != h.main {
		if err := h.end(compacted); err != nil {
			return err
		}
		h.main = rev.main
	}
	if h.live == nil {
		h.live = map[string]liveKey{}
	}
	name := string(kv.GetKey())
	old, known := h.live[name]
	if name == "" || kv.GetLease() != 0 {
		return fmt.Errorf("revision %d: key %q with lease %d", rev.main, name, kv.GetLease())
	}
	next := liveKey{created: kv.GetCreateRevision(), version: kv.GetVersion()}
	switch {
	case rev.deleted:
		if known && old.version == 0 {
			return fmt.Errorf("revision %d: %q is deleted twice", rev.main, name)
		}
		next = liveKey{}
	case kv.GetModRevision() != rev.main:
		return fmt.Errorf("revision %d: %q says %d", rev.main, name, kv.GetModRevision())
	case !follows(old, known, next, rev.main):
		return fmt.Errorf("revision %d: %q is version %d since %d", rev.main, name, next.version, next.created)
	case name == sealKey:
		s, err := decodeSeal(kv.GetValue())
		if err != nil || s.revision != rev.main {
			return fmt.Errorf("revision %d: seal %x", rev.main, kv.GetValue())
		}
		h.seal = s
	default:
		next.sum = pairSum(meta.Pair{Key: name, Value: kv.GetValue(), Revision: rev.main})
	}
	h.sum += next.sum - old.sum
	h.live[name] = next
	return nil
}

// follows tells whether the version of a key, and the revision that created
// it, fit its last change.
func follows(old liveKey, known bool, next liveKey, main int64) bool {
	switch {
	case known && old.version > 0:
		return next.version == old.version+1 && next.created == old.created
	case known || next.version == 1:
		return next.version == 1 && next.created == main
	}
	return next.version > 1 && next.created > 0 && next.created < main
}

// end compares the sum with the seal of the revision that was read.
func (h *history) end(compacted int64) error {
	if h.main == 0 || h.main < compacted {
		return nil
	}
	if h.seal.revision != h.main || h.seal.sum != h.sum {
		return fmt.Errorf("revision %d has sum %x, its seal (revision %d) %x", h.main, h.sum, h.seal.revision, h.seal.sum)
	}
	return nil
}
