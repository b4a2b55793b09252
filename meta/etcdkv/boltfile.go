package etcdkv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// The file format of bbolt 1.x, version 2: pages of one size, the first two
// of them meta pages, of which the valid one with the higher transaction
// counts. A page is a header (id, flags, count, overflow) and elements. Only
// meta pages have a checksum, and bbolt follows what pages say without a
// look at it: on a damaged file it panics, in goroutines of its own, or reads
// outside of its mapping. So that file is read here before bbolt opens it.
const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	boltHeader  = 16 // bytes of a page's header, of an element, of a bucket
	boltMetaLen = 64

	boltBranch   = 0x01
	boltLeaf     = 0x02
	boltFreelist = 0x10

	boltBucket     = 0x01 // flag of a leaf element
	boltNoFreelist = ^uint64(0)

	boltMaxDepth = 64
)

// boltFile is a database file under examination. All errors mean damage,
// apart from those of the reader.
type boltFile struct {
	r        io.ReaderAt
	size     int64
	pageSize int64
	root     uint64
	freelist uint64
	pages    uint64 // those at and after it are unused
	seen     []bool // by page
}

// boltItem visits one key and value, which are valid during the call.
type boltItem func(key, value []byte) error

// openBolt reads the meta pages of a file of size bytes.
func openBolt(r io.ReaderAt, size int64) (*boltFile, error) {
	b := &boltFile{r: r, size: size}
	txid, found := uint64(0), false
	// Where the second meta page lies depends on the page size, which a
	// damaged first one does not tell.
	offsets := []int64{0}
	for shift := range 16 {
		offsets = append(offsets, 1024<<shift)
	}
	for i, off := range offsets {
		page := make([]byte, boltHeader+boltMetaLen)
		if off+int64(len(page)) > size {
			break
		}
		if _, err := r.ReadAt(page, off); err != nil {
			return nil, err
		}
		m := page[boltHeader:]
		if !validMeta(m) {
			continue
		}
		pageSize := int64(binary.LittleEndian.Uint32(m[8:]))
		if i > 0 && off != pageSize {
			continue
		}
		if id := binary.LittleEndian.Uint64(m[48:]); found && id < txid {
			continue
		}
		found, txid = true, binary.LittleEndian.Uint64(m[48:])
		b.pageSize = pageSize
		b.root = binary.LittleEndian.Uint64(m[16:])
		b.freelist = binary.LittleEndian.Uint64(m[32:])
		b.pages = binary.LittleEndian.Uint64(m[40:])
	}
	if !found {
		return nil, errors.New("no valid meta page")
	}
	if b.pageSize < 1024 || b.pages < 4 || b.pages > uint64(size/b.pageSize) {
		return nil, fmt.Errorf("%d pages of %d bytes in a file of %d", b.pages, b.pageSize, size)
	}
	b.seen = make([]bool, b.pages)
	return b, nil
}

func validMeta(m []byte) bool {
	sum := fnv.New64a()
	sum.Write(m[:56])
	return binary.LittleEndian.Uint32(m) == boltMagic &&
		binary.LittleEndian.Uint32(m[4:]) == boltVersion &&
		binary.LittleEndian.Uint64(m[56:]) == sum.Sum64()
}

// used is the length of the file without its unused end.
func (b *boltFile) used() int64 { return int64(b.pages) * b.pageSize }

// buckets returns the roots of all buckets, by name.
func (b *boltFile) buckets() (map[string][]byte, error) {
	out := map[string][]byte{}
	err := b.walk(b.root, nil, nil, 0, func(flags uint32, key, value []byte) error {
		if flags != boltBucket || len(value) < boltHeader {
			return fmt.Errorf("%q is no bucket", key)
		}
		out[string(key)] = bytes.Clone(value)
		return nil
	})
	return out, err
}

// items visits what a bucket holds, in key order. A small bucket is one page
// inside its root. No root: nothing.
func (b *boltFile) items(root []byte, visit boltItem) error {
	if root == nil {
		return nil
	}
	leaf := func(flags uint32, key, value []byte) error {
		if flags != 0 {
			return fmt.Errorf("%q has flags %#x", key, flags)
		}
		return visit(key, value)
	}
	if id := binary.LittleEndian.Uint64(root); id != 0 {
		return b.walk(id, nil, nil, 0, leaf)
	}
	page := root[boltHeader:]
	if len(page) < boltHeader {
		return errors.New("short bucket")
	}
	if flags := binary.LittleEndian.Uint16(page[8:]); flags != boltLeaf {
		return fmt.Errorf("bucket has a page of type %#x", flags)
	}
	return leafItems(page, nil, nil, leaf)
}

// page reads a page with its overflow, each page once.
func (b *boltFile) page(id uint64) ([]byte, error) {
	if id < 2 || id >= b.pages {
		return nil, fmt.Errorf("page %d of %d", id, b.pages)
	}
	buf := make([]byte, b.pageSize)
	if _, err := b.r.ReadAt(buf, int64(id)*b.pageSize); err != nil {
		return nil, err
	}
	if got := binary.LittleEndian.Uint64(buf); got != id {
		return nil, fmt.Errorf("page %d says that it is %d", id, got)
	}
	more := uint64(binary.LittleEndian.Uint32(buf[12:]))
	if id+more >= b.pages {
		return nil, fmt.Errorf("page %d has %d more of %d", id, more, b.pages)
	}
	for i := id; i <= id+more; i++ {
		if b.seen[i] {
			return nil, fmt.Errorf("page %d is used twice", i)
		}
		b.seen[i] = true
	}
	if more == 0 {
		return buf, nil
	}
	buf = make([]byte, int64(more+1)*b.pageSize)
	_, err := b.r.ReadAt(buf, int64(id)*b.pageSize)
	return buf, err
}

// walk visits the leaves under a page. Their keys ascend, from low and below
// high; nil: no bound.
func (b *boltFile) walk(id uint64, low, high []byte, depth int, leaf func(flags uint32, key, value []byte) error) error {
	page, err := b.page(id)
	if err != nil {
		return err
	}
	switch flags := binary.LittleEndian.Uint16(page[8:]); flags {
	case boltLeaf:
		if err := leafItems(page, low, high, leaf); err != nil {
			return fmt.Errorf("page %d: %w", id, err)
		}
		return nil
	case boltBranch:
	default:
		return fmt.Errorf("page %d has type %#x", id, flags)
	}
	count := int(binary.LittleEndian.Uint16(page[10:]))
	if count == 0 || depth == boltMaxDepth || boltHeader*(count+1) > len(page) {
		return fmt.Errorf("page %d has %d children at depth %d", id, count, depth)
	}
	keys, ids := make([][]byte, count), make([]uint64, count)
	for i := range count {
		at := boltHeader * (i + 1)
		element := page[at : at+boltHeader]
		ids[i] = binary.LittleEndian.Uint64(element[8:])
		keys[i], _, err = slot(page, at, binary.LittleEndian.Uint32(element), binary.LittleEndian.Uint32(element[4:]), 0)
		if err != nil {
			return fmt.Errorf("page %d: %w", id, err)
		}
		if i > 0 && bytes.Compare(keys[i-1], keys[i]) >= 0 || !between(keys[i], low, high) {
			return fmt.Errorf("page %d: keys out of order", id)
		}
	}
	for i := range count {
		end := high
		if i+1 < count {
			end = keys[i+1]
		}
		if err := b.walk(ids[i], keys[i], end, depth+1, leaf); err != nil {
			return err
		}
	}
	return nil
}

// leafItems visits the elements of a leaf page.
func leafItems(page, low, high []byte, leaf func(flags uint32, key, value []byte) error) error {
	count := int(binary.LittleEndian.Uint16(page[10:]))
	if boltHeader*(count+1) > len(page) {
		return fmt.Errorf("%d elements in %d bytes", count, len(page))
	}
	var last []byte
	for i := range count {
		at := boltHeader * (i + 1)
		e := page[at : at+boltHeader]
		key, value, err := slot(page, at, binary.LittleEndian.Uint32(e[4:]), binary.LittleEndian.Uint32(e[8:]), binary.LittleEndian.Uint32(e[12:]))
		if err != nil {
			return err
		}
		if i > 0 && bytes.Compare(last, key) >= 0 || !between(key, low, high) {
			return errors.New("keys out of order")
		}
		last = key
		if err := leaf(binary.LittleEndian.Uint32(e), key, value); err != nil {
			return err
		}
	}
	return nil
}

// slot returns key and value of the element at an offset of the page; pos
// counts from there.
func slot(page []byte, at int, pos, ksize, vsize uint32) (key, value []byte, err error) {
	from := uint64(at) + uint64(pos)
	end := from + uint64(ksize) + uint64(vsize)
	if pos < boltHeader || end > uint64(len(page)) {
		return nil, nil, fmt.Errorf("element at %d to %d of %d bytes", from, end, len(page))
	}
	mid := from + uint64(ksize)
	return page[from:mid:mid], page[mid:end:end], nil
}

func between(key, low, high []byte) bool {
	return bytes.Compare(low, key) <= 0 && (high == nil || bytes.Compare(key, high) < 0)
}

// checkFree fails if the stored list of free pages, which not every platform
// writes, names one that was read. It is called after everything was.
func (b *boltFile) checkFree() error {
	if b.freelist == boltNoFreelist {
		return nil
	}
	page, err := b.page(b.freelist)
	if err != nil {
		return fmt.Errorf("free list: %w", err)
	}
	if flags := binary.LittleEndian.Uint16(page[8:]); flags != boltFreelist {
		return fmt.Errorf("free list has type %#x", flags)
	}
	count, ids := uint64(binary.LittleEndian.Uint16(page[10:])), page[boltHeader:]
	if count == 0xFFFF && len(ids) >= 8 { // the list is too long for the header
		count, ids = binary.LittleEndian.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids)/8) {
		return fmt.Errorf("free list of %d in %d bytes", count, len(ids))
	}
	for i := range count {
		id := binary.LittleEndian.Uint64(ids[8*i:])
		if id < 2 || id >= b.pages || b.seen[id] {
			return fmt.Errorf("page %d is in use and free", id)
		}
	}
	return nil
}
