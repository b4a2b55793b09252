package vfs

import (
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Mem is a file system in memory that knows which of its contents a power
// loss may take: see CrashClone. It is strict where real systems are lenient:
// an open file can neither be renamed nor removed, and a name is not durable
// before SyncDir even if the file was synced.
type Mem struct {
	mu struct {
		sync.Mutex
		root     *node
		names    []nameOp // not yet durable, oldest first
		rng      *rand.Rand
		used     int64 // bytes of allocated pages
		capacity int64 // 0: unlimited
		hook     Hook
		broken   Breakage
		noNoise  bool
		ticks    int64 // modification times count operations
	}
}

// node is a file or a directory.
type node struct {
	entries map[string]*node // as the process sees it; nil for a file
	durable map[string]*node // as the disk has it
	data    *contents        // nil for a directory
	open    int
	linked  bool
	changed int64
}

// nameOp is a change of names that the disk may not have yet.
type nameOp struct {
	from, to         *node // directories; from is nil for a new name, to for a removal
	fromName, toName string
	target           *node
}

// Breakage names a promise that a Mem does not keep. A crash test that still
// passes over a broken file system tests nothing.
type Breakage int

const (
	// Sound keeps all promises.
	Sound Breakage = iota
	// LyingSync makes File.Sync do nothing and report success.
	LyingSync
	// LyingSyncDir makes SyncDir do nothing and report success.
	LyingSyncDir
)

// NewMem returns an empty file system. The seed decides what failed writes and
// syncs leave behind.
func NewMem(seed uint64) *Mem {
	m := &Mem{}
	m.mu.root = newDir()
	m.mu.rng = rand.New(rand.NewPCG(seed, 0x6d656d))
	return m
}

func newDir() *node {
	return &node{entries: map[string]*node{}, durable: map[string]*node{}, linked: true}
}

// SetHook installs a function that is called before every operation, without
// a lock held, so that it may call CrashClone. nil removes it.
func (m *Mem) SetHook(h Hook) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.hook = h
}

// SetCapacity limits the bytes of all files, counted in pages of 4 KiB;
// 0 lifts the limit. Beyond it writes and Preallocate fail with ENOSPC.
func (m *Mem) SetCapacity(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.capacity = bytes
}

// Break makes the file system stop keeping a promise.
func (m *Mem) Break(b Breakage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.broken = b
}

// SetNoise tells whether a sector that was being written when power failed may
// hold anything, also in the place of bytes that were synced before. It may,
// unless this is called with false: then what a write does not touch stays.
func (m *Mem) SetNoise(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.noNoise = !on
}

// Used returns the bytes that files occupy.
func (m *Mem) Used() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.used
}

func (m *Mem) before(op Op) error {
	m.mu.Lock()
	hook := m.mu.hook
	m.mu.Unlock()
	if hook == nil {
		return nil
	}
	if err := hook(op); err != nil {
		return &fs.PathError{Op: op.Kind.String(), Path: op.Name, Err: err}
	}
	return nil
}

func split(name string) []string {
	return strings.FieldsFunc(filepath.ToSlash(filepath.Clean(name)), func(r rune) bool { return r == '/' })
}

func (m *Mem) findLocked(op OpKind, name string) (*node, error) {
	n := m.mu.root
	for _, part := range split(name) {
		if part == "." {
			continue
		}
		n = n.entries[part] // nil map of a file: not found
		if n == nil {
			return nil, &fs.PathError{Op: op.String(), Path: name, Err: fs.ErrNotExist}
		}
	}
	return n, nil
}

func (m *Mem) parentLocked(op OpKind, name string) (*node, string, error) {
	dir, err := m.findLocked(op, filepath.Dir(name))
	if err != nil {
		return nil, "", err
	}
	if dir.entries == nil {
		return nil, "", &fs.PathError{Op: op.String(), Path: name, Err: syscall.ENOTDIR}
	}
	return dir, filepath.Base(name), nil
}

// Create implements FS.
func (m *Mem) Create(name string) (File, error) {
	if err := m.before(Op{Kind: OpCreate, Name: name}); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parentLocked(OpCreate, name)
	if err != nil {
		return nil, err
	}
	n := dir.entries[base]
	switch {
	case n == nil:
		n = &node{data: newContents(), linked: true}
		dir.entries[base] = n
		m.mu.names = append(m.mu.names, nameOp{to: dir, toName: base, target: n})
	case n.data == nil:
		return nil, &fs.PathError{Op: "create", Path: name, Err: syscall.EISDIR}
	default:
		m.truncateLocked(n, 0)
	}
	return m.openLocked(n, name, true), nil
}

func (m *Mem) openLocked(n *node, name string, write bool) File {
	n.open++
	return &memFile{fs: m, node: n, name: name, write: write}
}

// Open implements FS.
func (m *Mem) Open(name string) (File, error) { return m.openFile(name, false) }

// OpenReadWrite implements FS.
func (m *Mem) OpenReadWrite(name string) (File, error) { return m.openFile(name, true) }

func (m *Mem) openFile(name string, write bool) (File, error) {
	if err := m.before(Op{Kind: OpOpen, Name: name}); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.findLocked(OpOpen, name)
	if err != nil {
		return nil, err
	}
	if n.data == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EISDIR}
	}
	return m.openLocked(n, name, write), nil
}

// Rename implements FS.
func (m *Mem) Rename(oldName, newName string) error {
	if err := m.before(Op{Kind: OpRename, Name: oldName}); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	from, fromName, err := m.parentLocked(OpRename, oldName)
	if err != nil {
		return err
	}
	to, toName, err := m.parentLocked(OpRename, newName)
	if err != nil {
		return err
	}
	n := from.entries[fromName]
	if n == nil {
		return &fs.PathError{Op: "rename", Path: oldName, Err: fs.ErrNotExist}
	}
	if err := portable(n, OpRename, oldName); err != nil {
		return err
	}
	if replaced := to.entries[toName]; replaced == n {
		return nil
	} else if replaced != nil {
		if err := portable(replaced, OpRename, newName); err != nil {
			return err
		}
		if replaced.data == nil {
			return &fs.PathError{Op: "rename", Path: newName, Err: fs.ErrExist}
		}
		m.unlinkLocked(replaced)
	}
	delete(from.entries, fromName)
	to.entries[toName] = n
	m.mu.names = append(m.mu.names, nameOp{from: from, fromName: fromName, to: to, toName: toName, target: n})
	return nil
}

// portable refuses what some systems refuse: changing the name of an open file.
func portable(n *node, op OpKind, name string) error {
	if n.open > 0 {
		return &fs.PathError{Op: op.String(), Path: name, Err: fmt.Errorf("file is open: %w", fs.ErrPermission)}
	}
	return nil
}

func (m *Mem) unlinkLocked(n *node) {
	n.linked = false
	if n.data != nil {
		m.mu.used -= n.data.free(0)
	}
}

// Remove implements FS.
func (m *Mem) Remove(name string) error {
	if err := m.before(Op{Kind: OpRemove, Name: name}); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parentLocked(OpRemove, name)
	if err != nil {
		return err
	}
	n := dir.entries[base]
	if n == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	if err := portable(n, OpRemove, name); err != nil {
		return err
	}
	if len(n.entries) > 0 {
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOTEMPTY}
	}
	m.unlinkLocked(n)
	delete(dir.entries, base)
	m.mu.names = append(m.mu.names, nameOp{from: dir, fromName: base, target: n})
	return nil
}

// MkdirAll implements FS.
func (m *Mem) MkdirAll(name string) error {
	if err := m.before(Op{Kind: OpMkdir, Name: name}); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.mu.root
	for _, part := range split(name) {
		if part == "." {
			continue
		}
		if n.entries == nil {
			return &fs.PathError{Op: "mkdir", Path: name, Err: syscall.ENOTDIR}
		}
		child := n.entries[part]
		if child == nil {
			child = newDir()
			n.entries[part] = child
			m.mu.names = append(m.mu.names, nameOp{to: n, toName: part, target: child})
		}
		n = child
	}
	return nil
}

// ReadDir implements FS.
func (m *Mem) ReadDir(dir string) ([]fs.DirEntry, error) {
	if err := m.before(Op{Kind: OpReadDir, Name: dir}); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.findLocked(OpReadDir, dir)
	if err != nil {
		return nil, err
	}
	if n.entries == nil {
		return nil, &fs.PathError{Op: "readdir", Path: dir, Err: syscall.ENOTDIR}
	}
	list := make([]fs.DirEntry, 0, len(n.entries))
	for name, child := range n.entries {
		list = append(list, fs.FileInfoToDirEntry(infoOf(name, child)))
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name() < list[j].Name() })
	return list, nil
}

// Stat implements FS.
func (m *Mem) Stat(name string) (fs.FileInfo, error) {
	if err := m.before(Op{Kind: OpStat, Name: name}); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.findLocked(OpStat, name)
	if err != nil {
		return nil, err
	}
	return infoOf(filepath.Base(name), n), nil
}

// SyncDir implements FS. A renaming between two directories is durable when
// either was synced.
func (m *Mem) SyncDir(dir string) error {
	if err := m.before(Op{Kind: OpSyncDir, Name: dir}); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.findLocked(OpSyncDir, dir)
	if err != nil {
		return err
	}
	if m.mu.broken == LyingSyncDir {
		return nil
	}
	rest := m.mu.names[:0]
	for _, op := range m.mu.names {
		if op.from == n || op.to == n {
			op.apply(func(n *node) map[string]*node { return n.durable }, op.target)
		} else {
			rest = append(rest, op)
		}
	}
	clear(m.mu.names[len(rest):])
	m.mu.names = rest
	return nil
}

// FreeSpace implements FS.
func (m *Mem) FreeSpace(dir string) (int64, error) {
	if err := m.before(Op{Kind: OpStat, Name: dir}); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.findLocked(OpStat, dir); err != nil {
		return 0, err
	}
	if m.mu.capacity == 0 {
		return math.MaxInt64, nil
	}
	return max(0, m.mu.capacity-m.mu.used), nil
}

// apply makes the change in the tables that the function returns.
func (op nameOp) apply(table func(*node) map[string]*node, target *node) {
	if op.from != nil {
		if t := table(op.from); t[op.fromName] == target {
			delete(t, op.fromName)
		}
	}
	if op.to != nil {
		table(op.to)[op.toName] = target
	}
}

type memInfo struct {
	name    string
	size    int64
	dir     bool
	changed int64
}

func infoOf(name string, n *node) memInfo {
	info := memInfo{name: name, dir: n.data == nil, changed: n.changed}
	if n.data != nil {
		info.size = int64(len(n.data.cur))
	}
	return info
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) IsDir() bool        { return i.dir }
func (i memInfo) ModTime() time.Time { return time.Unix(i.changed, 0) }
func (i memInfo) Sys() any           { return nil }
func (i memInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o750
	}
	return 0o640
}
