package binlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/redkite-db/redkite/objectstore"
)

// ranger reads objects; most Files are Stores too.
type ranger interface {
	GetRange(ctx context.Context, key string, off, n int64) (io.ReadCloser, error)
}

// Verify reads an object and checks all of it: that it is the one that was
// meant, and every block. Where files is a Store too, it reads a block at a
// time, so that no page of a map is touched.
func Verify(ctx context.Context, files objectstore.Files, o Object) error {
	if s, ok := files.(ranger); ok {
		r, err := s.GetRange(ctx, o.Key, 0, -1)
		if err != nil {
			return err
		}
		return errors.Join(verifyStream(ctx, r, o), r.Close())
	}
	m, err := files.Pin(ctx, o.Key)
	if err != nil {
		return err
	}
	return errors.Join(verifyStream(ctx, bytes.NewReader(m.Bytes()), o), m.Unpin())
}

// verifyStream checks an object as it is read.
func verifyStream(ctx context.Context, r io.Reader, o Object) error {
	v := &verifier{r: r, key: o.Key}
	head := v.read(make([]byte, headerBytes))
	var start, body int64
	if v.err == nil {
		start, body = v.layout(head, o)
	}
	head = append(head, v.read(make([]byte, max(0, start-headerBytes)))...)
	if v.err != nil {
		return v.err
	}
	header := binary.LittleEndian.Uint32(head[headerBytes-4:])
	if headerSum(head) != header {
		return &Damage{Key: o.Key, Reason: "header checksum mismatch"}
	}
	sums := make([]byte, 0, 4*blocks(body))
	buf := make([]byte, min(blockBytes, body))
	for left := body; left > 0 && v.err == nil; left -= blockBytes {
		if err := ctx.Err(); err != nil {
			return err
		}
		sums = binary.LittleEndian.AppendUint32(sums, crc32.Checksum(v.read(buf[:min(left, blockBytes)]), castagnoli))
	}
	table := v.read(make([]byte, len(sums)))
	last := v.read(make([]byte, 4))
	if v.err != nil {
		return v.err
	}
	sum := crc32.Checksum(table, castagnoli)
	if sum != binary.LittleEndian.Uint32(last) {
		return &Damage{Key: o.Key, Offset: start + body, Reason: "checksum table: checksum mismatch"}
	}
	for i := 0; i < len(sums); i += 4 {
		if !bytes.Equal(sums[i:i+4], table[i:i+4]) {
			return &Damage{Key: o.Key, Offset: start + int64(i/4)*blockBytes, Reason: fmt.Sprintf("checksum mismatch in block %d", i/4)}
		}
	}
	if got := objectSum(header, sum); got != o.Sum {
		return &Damage{Key: o.Key, Reason: fmt.Sprintf("checksum %08x, the manifest wants %08x", got, o.Sum)}
	}
	return v.end()
}

// verifier reads an object; after the first error it reads nothing.
type verifier struct {
	r   io.Reader
	key string
	at  int64
	err error
}

func (v *verifier) read(b []byte) []byte {
	if v.err != nil {
		return b
	}
	n, err := io.ReadFull(v.r, b)
	v.at += int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = &Damage{Key: v.key, Offset: v.at, Reason: "it ends early"}
	}
	v.err = err
	return b
}

func (v *verifier) end() error {
	if n, err := io.ReadFull(v.r, make([]byte, 1)); n > 0 {
		return &Damage{Key: v.key, Offset: v.at, Reason: "bytes after its end"}
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// layout reads from the header where the body begins and how long it is; what
// it says must make the size that is known.
func (v *verifier) layout(head []byte, o Object) (start, body int64) {
	meta, length := int64(binary.LittleEndian.Uint32(head[12:])), int64(binary.LittleEndian.Uint64(head[16:]))
	switch version := binary.LittleEndian.Uint16(head[8:]); {
	case string(head[:8]) != frameMagic:
		v.err = &Damage{Key: v.key, Reason: "not an object"}
	case version != frameVersion:
		v.err = fmt.Errorf("object %s: %w %d, this program reads %d", v.key, ErrVersion, version, frameVersion)
	case meta > maxMeta || length < 0 || length > o.Size || frameSize(meta, length) != o.Size:
		v.err = &Damage{Key: v.key, Offset: 12, Reason: fmt.Sprintf("%d bytes of meta data and %d of body do not make %d", meta, length, o.Size)}
	}
	if v.err != nil {
		return 0, 0
	}
	return alignUp(headerBytes + meta), length
}

// WriteObject stores what w writes, as it is: the files of indexes, which have
// checksums of their own. The content is made twice, first to know its size.
func WriteObject(ctx context.Context, store objectstore.Store, key string, w io.WriterTo) (Object, error) {
	n, err := w.WriteTo(io.Discard)
	if err != nil {
		return Object{}, fmt.Errorf("write %s: %w", key, err)
	}
	err = Stream(ctx, store, key, n, func(to io.Writer) error {
		_, err := w.WriteTo(to)
		return err
	})
	return Object{Key: key, Size: n}, err
}
