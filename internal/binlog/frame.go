package binlog

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/redkite-db/redkite/objectstore"
)

// The frame around every object; docs/formats/object.md.
const (
	frameMagic   = "RKOBJECT"
	frameVersion = 1
	headerBytes  = 32
	blockBytes   = 256 << 10 // one checksum each
	align        = 64        // of the body and of the sections in it
)

// kind is the kind of an object, as its header has it.
type kind uint16

const (
	columnsObject  kind = 1
	deltaObject    kind = 2
	statsObject    kind = 3
	manifestObject kind = 4
)

func (k kind) String() string {
	switch k {
	case columnsObject:
		return "columns"
	case deltaObject:
		return "delta log"
	case statsObject:
		return "statistics"
	case manifestObject:
		return "manifest"
	}
	return fmt.Sprintf("kind %d", uint16(k))
}

// maxMeta bounds the header's variable part, in bytes.
const maxMeta = 1 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func alignUp(n int64) int64 { return (n + align - 1) / align * align }

func blocks(body int64) int64 { return (body + blockBytes - 1) / blockBytes }

// frameSize is the length of an object in bytes.
func frameSize(meta, body int64) int64 {
	return alignUp(headerBytes+meta) + body + 4*blocks(body) + 4
}

// appendHeader appends the header, the meta data and the padding before the body.
func appendHeader(dst []byte, k kind, meta []byte, body int64) []byte {
	start := len(dst)
	dst = append(dst, frameMagic...)
	dst = binary.LittleEndian.AppendUint16(dst, frameVersion)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(k))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(meta)))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(body))
	dst = binary.LittleEndian.AppendUint32(dst, blockBytes)
	dst = binary.LittleEndian.AppendUint32(dst, 0) // the checksum's place
	dst = append(dst, meta...)
	dst = append(dst, make([]byte, alignUp(headerBytes+int64(len(meta)))-headerBytes-int64(len(meta)))...)
	head := dst[start:]
	binary.LittleEndian.PutUint32(head[headerBytes-4:], headerSum(head))
	return dst
}

// headerSum is the checksum of a header with its meta data and padding,
// without the field that holds it.
func headerSum(head []byte) uint32 {
	sum := crc32.Checksum(head[:headerBytes-4], castagnoli)
	return crc32.Update(sum, castagnoli, head[headerBytes:])
}

// objectSum is the checksum of an object's checksums.
func objectSum(header, table uint32) uint32 {
	var b [8]byte
	binary.LittleEndian.PutUint32(b[:], header)
	binary.LittleEndian.PutUint32(b[4:], table)
	return crc32.Checksum(b[:], castagnoli)
}

// frameWriter writes an object's body and checksums to w. After the first
// error it does nothing.
type frameWriter struct {
	w      io.Writer
	err    error
	left   int64  // of the body
	at     int64  // offset in the body
	sum    uint32 // of the block begun
	table  []byte
	header uint32
	object uint32 // set by finish
}

func newFrameWriter(w io.Writer, k kind, meta []byte, body int64) *frameWriter {
	head := appendHeader(nil, k, meta, body)
	f := &frameWriter{w: w, left: body, header: binary.LittleEndian.Uint32(head[headerBytes-4:])}
	_, f.err = w.Write(head)
	return f
}

// write adds to the body.
func (f *frameWriter) write(b []byte) {
	if f.err == nil && int64(len(b)) > f.left {
		f.err = fmt.Errorf("body is %d bytes longer than announced", int64(len(b))-f.left)
	}
	f.left -= int64(len(b))
	for len(b) > 0 && f.err == nil {
		n := min(int64(len(b)), blockBytes-f.at%blockBytes)
		f.sum = crc32.Update(f.sum, castagnoli, b[:n])
		_, f.err = f.w.Write(b[:n])
		b, f.at = b[n:], f.at+n
		if f.at%blockBytes == 0 {
			f.endBlock()
		}
	}
}

func (f *frameWriter) endBlock() {
	f.table = binary.LittleEndian.AppendUint32(f.table, f.sum)
	f.sum = 0
}

// pad fills up to the next aligned offset of the body.
func (f *frameWriter) pad() {
	var zeros [align]byte
	f.write(zeros[:alignUp(f.at)-f.at])
}

// finish writes the checksums; the body must be complete.
func (f *frameWriter) finish() error {
	if f.err == nil && f.left != 0 {
		f.err = fmt.Errorf("body is %d bytes shorter than announced", f.left)
	}
	if f.err != nil {
		return f.err
	}
	if f.at%blockBytes != 0 {
		f.endBlock()
	}
	sum := crc32.Checksum(f.table, castagnoli)
	f.object = objectSum(f.header, sum)
	_, f.err = f.w.Write(binary.LittleEndian.AppendUint32(f.table, sum))
	return f.err
}

// putFrame stores an object whose body is what fill writes.
func putFrame(ctx context.Context, store objectstore.Store, key string, k kind, meta []byte, body int64,
	fill func(f *frameWriter) error,
) (Object, error) {
	if len(meta) > maxMeta {
		return Object{}, fmt.Errorf("write %s: %d bytes of meta data, at most %d", key, len(meta), maxMeta)
	}
	o := Object{Key: key, Size: frameSize(int64(len(meta)), body)}
	err := Stream(ctx, store, key, o.Size, func(w io.Writer) error {
		f := newFrameWriter(w, k, meta, body)
		if err := fill(f); err != nil {
			return err
		}
		if err := f.finish(); err != nil {
			return err
		}
		o.Sum = f.object
		return nil
	})
	return o, err
}

// Stream stores an object of exactly size bytes under key while write makes
// them; nothing is visible if it fails.
func Stream(ctx context.Context, store objectstore.Store, key string, size int64, write func(w io.Writer) error) error {
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := write(pw)
		_ = pw.CloseWithError(err) // nil: the end
		done <- err
	}()
	err := store.Put(ctx, key, pr, size)
	_ = pr.Close() // a writer that goes on is stopped with ErrClosedPipe
	if werr := <-done; err == nil {
		err = werr
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return nil
}

// frame is an object that was taken apart. Its slices alias the object.
type frame struct {
	key   string
	meta  []byte
	body  []byte
	start int64 // of the body in the object
	table []byte
	sum   uint32
}

// openFrame checks everything but the body.
func openFrame(key string, b []byte, k kind) (*frame, error) {
	damage := func(at int64, format string, args ...any) (*frame, error) {
		return nil, &Damage{Key: key, Offset: at, Reason: fmt.Sprintf(format, args...)}
	}
	if len(b) < align+4 {
		return damage(int64(len(b)), "%d bytes are too few", len(b))
	}
	if string(b[:8]) != frameMagic {
		return damage(0, "not an object")
	}
	meta := int64(binary.LittleEndian.Uint32(b[12:]))
	start := alignUp(headerBytes + meta)
	if version := binary.LittleEndian.Uint16(b[8:]); version != frameVersion {
		if meta <= maxMeta && start <= int64(len(b)) {
			head := append([]byte(nil), b[:start]...)
			binary.LittleEndian.PutUint16(head[8:], frameVersion)
			if headerSum(head) == binary.LittleEndian.Uint32(b[headerBytes-4:]) {
				return damage(8, "version %d in a header of version %d", version, frameVersion)
			}
		}
		return nil, fmt.Errorf("object %s: %w %d, this program reads %d", key, ErrVersion, version, frameVersion)
	}
	if meta > maxMeta || start > int64(len(b)) {
		return damage(12, "%d bytes of meta data in %d", meta, len(b))
	}
	header := binary.LittleEndian.Uint32(b[headerBytes-4:])
	if headerSum(b[:start]) != header {
		return damage(0, "header checksum mismatch")
	}
	body := int64(binary.LittleEndian.Uint64(b[16:]))
	switch {
	case binary.LittleEndian.Uint32(b[24:]) != blockBytes:
		return damage(24, "blocks of %d bytes, want %d", binary.LittleEndian.Uint32(b[24:]), blockBytes)
	case body < 0 || body > int64(len(b)) || frameSize(meta, body) != int64(len(b)):
		return damage(int64(len(b)), "a body of %d bytes does not make an object of %d", body, len(b))
	case kind(binary.LittleEndian.Uint16(b[10:])) != k:
		return damage(10, "%v, want %v", kind(binary.LittleEndian.Uint16(b[10:])), k)
	}
	f := &frame{key: key, meta: b[headerBytes : headerBytes+meta], body: b[start : start+body : start+body], start: start}
	f.table = b[start+body : len(b)-4]
	sum := crc32.Checksum(f.table, castagnoli)
	if sum != binary.LittleEndian.Uint32(b[len(b)-4:]) {
		return damage(start+body, "checksum table: checksum mismatch")
	}
	f.sum = objectSum(header, sum)
	return f, nil
}

// verify checks every block of the body.
func (f *frame) verify() error {
	for i := int64(0); i < blocks(int64(len(f.body))); i++ {
		block := f.body[i*blockBytes : min((i+1)*blockBytes, int64(len(f.body)))]
		if crc32.Checksum(block, castagnoli) != binary.LittleEndian.Uint32(f.table[4*i:]) {
			return &Damage{Key: f.key, Offset: f.start + i*blockBytes, Reason: fmt.Sprintf("checksum mismatch in block %d", i)}
		}
	}
	return nil
}

// expect checks that the frame is the object that was meant.
func (f *frame) expect(o Object, size int) error {
	if o.Size != int64(size) || o.Sum != f.sum {
		return &Damage{Key: f.key, Reason: fmt.Sprintf("%d bytes with checksum %08x, the manifest wants %d with %08x", size, f.sum, o.Size, o.Sum)}
	}
	return nil
}
