package etcdkv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// logState is what etcd's write-ahead log says.
type logState struct {
	node        uint64 // the member's ID; 0: not read yet
	first, last uint64 // indexes of entries; 0: none
	snapshot    uint64 // index up to which the database holds everything
	seals       []logSeal
	term        uint64
	commit      uint64 // as the log says
	tail        int64  // length of the valid part of the last file
	torn        bool   // what follows in the last file is neither valid nor zero

	crc uint32
}

// logSeal is a seal in an entry.
type logSeal struct {
	index    uint64
	revision int64
}

// readLog reads all files of the log, in order, the last of which may be torn.
func readLog(files []*os.File) (*logState, error) {
	l := &logState{}
	for i, f := range files {
		name := filepath.Base(f.Name())
		off, err := l.file(f)
		if i < len(files)-1 {
			info, serr := f.Stat()
			if serr != nil {
				return nil, serr
			}
			if err == nil && off != info.Size() {
				err = errors.New("bytes after the last record")
			}
			if err != nil {
				return nil, fmt.Errorf("%s at %d: %w", name, off, err)
			}
			continue
		}
		if l.node == 0 {
			return nil, fmt.Errorf("%s at %d: no metadata record: %w", name, off, err)
		}
		l.tail = off
		if err := l.checkTail(f, err); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return l, nil
}

// file reads records until the file or its used part ends. It returns the
// length of what is valid, and the error of the record that is not.
func (l *logState) file(f *os.File) (int64, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	decoder := wal.NewDecoder(fileutil.NewFileReader(f))
	if l.crc != 0 {
		decoder.UpdateCRC(l.crc)
	}
	var rec walpb.Record
	for {
		off := decoder.LastOffset()
		if err := decoder.Decode(&rec); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return off, err
		}
		if rec.GetType() == wal.CrcType {
			if l.crc != 0 && rec.GetCrc() != l.crc {
				return off, wal.ErrCRCMismatch
			}
			decoder.UpdateCRC(rec.GetCrc())
		} else if err := l.record(&rec); err != nil {
			return off, err
		}
		l.crc = decoder.LastCRC()
	}
}

// record takes a record whose checksum is right.
func (l *logState) record(rec *walpb.Record) error {
	switch rec.GetType() {
	case wal.MetadataType:
		var m etcdserverpb.Metadata
		if err := proto.Unmarshal(rec.GetData(), &m); err != nil {
			return err
		}
		if id := m.GetNodeID(); id == 0 || l.node != 0 && l.node != id {
			return fmt.Errorf("member %x, not %x", id, l.node)
		}
		l.node = m.GetNodeID()
	case wal.EntryType:
		var e raftpb.Entry
		if err := proto.Unmarshal(rec.GetData(), &e); err != nil {
			return err
		}
		return l.entry(&e)
	case wal.StateType:
		var s raftpb.HardState
		if err := proto.Unmarshal(rec.GetData(), &s); err != nil {
			return err
		}
		if s.GetCommit() > l.last && l.last > 0 {
			return fmt.Errorf("entry %d is committed, and the last one is %d", s.GetCommit(), l.last)
		}
		l.term, l.commit = s.GetTerm(), max(l.commit, s.GetCommit())
	case wal.SnapshotType:
		var s walpb.Snapshot
		if err := proto.Unmarshal(rec.GetData(), &s); err != nil {
			return err
		}
		l.snapshot = s.GetIndex() // written after the database was
	default:
		return fmt.Errorf("record of type %d", rec.GetType())
	}
	return nil
}

func (l *logState) entry(e *raftpb.Entry) error {
	index := e.GetIndex()
	if index == 0 || l.last > 0 && (index > l.last+1 || index < l.first) {
		return fmt.Errorf("entry %d after %d", index, l.last)
	}
	if l.first == 0 {
		l.first = index
	}
	l.last = index
	if e.GetType() != raftpb.EntryNormal || len(e.GetData()) == 0 {
		return nil
	}
	var req etcdserverpb.InternalRaftRequest
	if err := proto.Unmarshal(e.GetData(), &req); err != nil {
		return fmt.Errorf("entry %d: %w", index, err)
	}
	for _, op := range req.GetTxn().GetSuccess() {
		put := op.GetRequestPut()
		if string(put.GetKey()) != sealKey {
			continue
		}
		s, err := decodeSeal(put.GetValue())
		if err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
		l.seals = append(l.seals, logSeal{index: index, revision: s.revision})
	}
	return nil
}

// checkTail decides what the end of the last file is, where a record fails
// with bad: nothing but zeros; a write that was torn, which nobody was told of;
// or damage. Damage it is if an entry is missing that the log itself calls
// committed further on: such a record is written when the entry is on disk.
func (l *logState) checkTail(f *os.File, bad error) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	rest := make([]byte, info.Size()-l.tail)
	if _, err := f.ReadAt(rest, l.tail); err != nil {
		return err
	}
	l.torn = bad != nil
	for off := 0; off+8 <= len(rest); off += 8 {
		length := binary.LittleEndian.Uint64(rest[off:])
		if length == 0 {
			continue
		}
		l.torn = true
		if s := stateAt(rest[off:]); s != nil && s.GetTerm() >= l.term && s.GetCommit() > max(l.last, l.commit) {
			if bad == nil {
				bad = errors.New("no record")
			}
			return fmt.Errorf("entry %d was committed and cannot be read: at %d: %w", l.last+1, l.tail, bad)
		}
	}
	return nil
}

// frameOf reads the 8 bytes before a record of the log: its length is in the low 7
// bytes, and if the highest bit is set that of its padding in the low bits of the
// last byte.
func frameOf(head uint64) (length, padding int64) {
	if head>>63 == 1 {
		padding = int64(head >> 56 & 7)
	}
	return int64(head &^ (0xff << 56)), padding
}

// stateAt decodes a record with a raft state, nil if there is none.
func stateAt(buf []byte) *raftpb.HardState {
	length, _ := frameOf(binary.LittleEndian.Uint64(buf))
	if length > int64(len(buf)-8) || length > 256 {
		return nil
	}
	var rec walpb.Record
	if err := proto.Unmarshal(buf[8:8+length], &rec); err != nil || rec.GetType() != wal.StateType || rec.Crc == nil {
		return nil
	}
	var s raftpb.HardState
	if err := proto.Unmarshal(rec.GetData(), &s); err != nil || s.Term == nil || s.Commit == nil {
		return nil
	}
	return &s
}
