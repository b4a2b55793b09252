package etcdkv

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/cespare/xxhash/v2"

	"github.com/redkite-db/redkite/meta"
)

// sealKey is the key of the seal. It cannot be read or written by callers,
// and is left out of lists and watches.
const sealKey = "\x00seal"

// seal is what each transaction writes beside its own operations: the sum of
// everything that is stored at its revision. etcd's database has no checksums
// of its own; this one finds changed, lost and returned pairs.
//
// The next transaction demands that the seal has the revision at which it was
// read. That makes revisions a chain without gaps: an entry of the log that is
// applied again changes nothing.
type seal struct {
	revision int64
	// sum adds pairSum over all pairs, modulo 2^64: an order-free sum that a
	// transaction updates from the pairs it changes.
	sum uint64
}

const (
	sealVersion = 1
	sealLen     = 1 + 8 + 8 + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errSeal = errors.New("malformed seal")

// encode returns version, revision, sum, and the CRC32C of these.
func (s seal) encode() []byte {
	buf := make([]byte, 0, sealLen)
	buf = append(buf, sealVersion)
	buf = binary.BigEndian.AppendUint64(buf, uint64(s.revision))
	buf = binary.BigEndian.AppendUint64(buf, s.sum)
	return binary.BigEndian.AppendUint32(buf, crc32.Checksum(buf, castagnoli))
}

func decodeSeal(buf []byte) (seal, error) {
	if len(buf) != sealLen || buf[0] != sealVersion ||
		binary.BigEndian.Uint32(buf[17:]) != crc32.Checksum(buf[:17], castagnoli) {
		return seal{}, errSeal
	}
	return seal{
		revision: int64(binary.BigEndian.Uint64(buf[1:])),
		sum:      binary.BigEndian.Uint64(buf[9:]),
	}, nil
}

// pairSum hashes a pair with the revision that wrote it.
func pairSum(p meta.Pair) uint64 {
	head := binary.BigEndian.AppendUint64(nil, uint64(p.Revision))
	head = binary.BigEndian.AppendUint64(head, uint64(len(p.Key)))
	h := xxhash.New()
	h.Write(head)
	h.WriteString(p.Key)
	h.Write(p.Value)
	return h.Sum64()
}
