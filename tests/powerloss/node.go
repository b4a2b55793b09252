//go:build linux

package powerloss

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"path/filepath"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/redkite-db/redkite/internal/vfs"
)

// node is a file or directory. Operations go by its name, so that a file may be
// renamed and removed while it is open, as on the systems that mount it.
type node struct {
	fs.Inode
	disk *vfs.Mem
}

// handle is an open file.
type handle struct {
	synced bool // opened with O_SYNC or O_DSYNC
}

var (
	_ fs.NodeLookuper  = (*node)(nil)
	_ fs.NodeGetattrer = (*node)(nil)
	_ fs.NodeSetattrer = (*node)(nil)
	_ fs.NodeReaddirer = (*node)(nil)
	_ fs.NodeMkdirer   = (*node)(nil)
	_ fs.NodeCreater   = (*node)(nil)
	_ fs.NodeOpener    = (*node)(nil)
	_ fs.NodeReader    = (*node)(nil)
	_ fs.NodeWriter    = (*node)(nil)
	_ fs.NodeFsyncer   = (*node)(nil)
	_ fs.NodeUnlinker  = (*node)(nil)
	_ fs.NodeRmdirer   = (*node)(nil)
	_ fs.NodeRenamer   = (*node)(nil)
	_ fs.NodeStatfser  = (*node)(nil)
)

func (n *node) name() string             { return "/" + n.Path(nil) }
func (n *node) child(name string) string { return filepath.Join(n.name(), name) }

// code is the number of an error of the disk.
func code(err error) syscall.Errno {
	var number syscall.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &number):
		return number
	case errors.Is(err, iofs.ErrNotExist):
		return syscall.ENOENT
	case errors.Is(err, iofs.ErrExist):
		return syscall.EEXIST
	default:
		return syscall.EIO
	}
}

func describe(info iofs.FileInfo, out *fuse.Attr) {
	out.Mode = syscall.S_IFREG | 0o644
	if info.IsDir() {
		out.Mode = syscall.S_IFDIR | 0o755
	}
	out.Size = uint64(info.Size())
	out.Blocks = (out.Size + 511) / 512
	out.Mtime = uint64(info.ModTime().Unix())
	out.Nlink = 1
}

// known makes the inode of a name that is on the disk.
func (n *node) known(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	info, err := n.disk.Stat(n.child(name))
	if err != nil {
		return nil, code(err)
	}
	describe(info, &out.Attr)
	return n.NewInode(ctx, &node{disk: n.disk}, fs.StableAttr{Mode: out.Attr.Mode & syscall.S_IFMT}), 0
}

func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.known(ctx, name, out)
}

func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	info, err := n.disk.Stat(n.name())
	if err != nil {
		return code(err)
	}
	describe(info, &out.Attr)
	return 0
}

// Setattr changes the length; owners, modes and times are not kept.
func (n *node) Setattr(ctx context.Context, h fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		if errno := n.with(func(f vfs.File) error { return f.Truncate(int64(size)) }); errno != 0 {
			return errno
		}
	}
	return n.Getattr(ctx, h, out)
}

func (n *node) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	list, err := n.disk.ReadDir(n.name())
	if err != nil {
		return nil, code(err)
	}
	out := make([]fuse.DirEntry, len(list))
	for i, e := range list {
		out[i] = fuse.DirEntry{Name: e.Name(), Mode: syscall.S_IFREG}
		if e.IsDir() {
			out[i].Mode = syscall.S_IFDIR
		}
	}
	return fs.NewListDirStream(out), 0
}

func (n *node) Mkdir(ctx context.Context, name string, _ uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if err := n.disk.MkdirAll(n.child(name)); err != nil {
		return nil, code(err)
	}
	return n.known(ctx, name, out)
}

func (n *node) Create(ctx context.Context, name string, flags, _ uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	f, err := n.disk.Create(n.child(name))
	if err != nil {
		return nil, nil, 0, code(err)
	}
	if err := f.Close(); err != nil {
		return nil, nil, 0, code(err)
	}
	inode, errno := n.known(ctx, name, out)
	return inode, open(flags), fuse.FOPEN_DIRECT_IO, errno
}

func open(flags uint32) *handle {
	return &handle{synced: flags&(syscall.O_SYNC|syscall.O_DSYNC) != 0}
}

func (n *node) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if flags&syscall.O_TRUNC != 0 {
		if errno := n.with(func(f vfs.File) error { return f.Truncate(0) }); errno != 0 {
			return nil, 0, errno
		}
	}
	return open(flags), fuse.FOPEN_DIRECT_IO, 0
}

// with does something to the file, which is open meanwhile.
func (n *node) with(do func(vfs.File) error) syscall.Errno {
	f, err := n.disk.OpenReadWrite(n.name())
	if err != nil {
		return code(err)
	}
	err = do(f)
	return code(errors.Join(err, f.Close()))
}

func (n *node) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	var got int
	errno := n.with(func(f vfs.File) (err error) {
		if got, err = f.ReadAt(dest, off); err == io.EOF {
			err = nil
		}
		return err
	})
	return fuse.ReadResultData(dest[:got]), errno
}

func (n *node) Write(_ context.Context, h fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	var done int
	errno := n.with(func(f vfs.File) (err error) {
		done, err = f.WriteAt(data, off)
		if h := h.(*handle); err == nil && h.synced {
			err = f.Sync()
		}
		return err
	})
	if done > 0 && errno == syscall.ENOSPC {
		errno = 0 // a short write, as a real disk makes
	}
	return uint32(done), errno
}

func (n *node) Fsync(_ context.Context, h fs.FileHandle, _ uint32) syscall.Errno {
	if n.IsDir() {
		return code(n.disk.SyncDir(n.name()))
	}
	return n.with(vfs.File.Sync)
}

func (n *node) Unlink(_ context.Context, name string) syscall.Errno {
	return code(n.disk.Remove(n.child(name)))
}

func (n *node) Rmdir(_ context.Context, name string) syscall.Errno {
	return code(n.disk.Remove(n.child(name)))
}

func (n *node) Rename(_ context.Context, name string, to fs.InodeEmbedder, toName string, flags uint32) syscall.Errno {
	if flags != 0 {
		return syscall.EINVAL
	}
	return code(n.disk.Rename(n.child(name), to.(*node).child(toName)))
}

func (n *node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	free, err := n.disk.FreeSpace("/")
	if err != nil {
		return code(err)
	}
	out.Bsize, out.Frsize, out.NameLen = 4096, 4096, 255
	out.Bfree = uint64(min(free, 1<<40)) / 4096
	out.Bavail, out.Blocks = out.Bfree, out.Bfree
	return 0
}
