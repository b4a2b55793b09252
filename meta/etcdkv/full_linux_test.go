package etcdkv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const fullDir = "ETCDKV_TEST_FULL" // environment of the child process

// TestFullDisk runs TestFullDiskChild in a mount namespace of its own, where
// it can have a small file system.
func TestFullDisk(t *testing.T) { inNamespace(t, "TestFullDiskChild") }

// inNamespace runs a test in a process of its own that can mount.
func inNamespace(t *testing.T, name string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+name+"$", "-test.v")
	cmd.Env = append(os.Environ(), fullDir+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if cmd.Process == nil {
		t.Skipf("no namespaces: %v", err)
	}
	t.Logf("%s", out)
	require.NoError(t, err)
}

// TestFullDiskChild: on a full disk a store writes what it has blocks for and
// refuses the rest, goes on reading, opens as often as one likes, and writes
// again when there is space.
func TestFullDiskChild(t *testing.T) {
	dir := os.Getenv(fullDir)
	if dir == "" {
		t.Skip("runs in a process of TestFullDisk")
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=96m"); err != nil {
		t.Skipf("no file system: %v", err)
	}
	cfg := Config{Dir: filepath.Join(dir, "meta"), Free: freeOf(dir)}
	kv, err := Open(t.Context(), cfg)
	require.NoError(t, err)
	b := &ballast{path: filepath.Join(dir, "ballast")}
	written := 0
	for range 3 {
		for range 60 {
			_, err := kv.Commit(t.Context(), put(fmt.Sprint("k", written), make([]byte, 10<<10)))
			require.NoError(t, err)
			written++
		}
		require.NoError(t, b.fill())
		for start := range 8 {
			_, err := kv.Commit(t.Context(), put("full", []byte("v")))
			if start == 0 {
				require.NoError(t, err, "a small commit has its blocks")
			}
			for try := 0; err == nil; try++ {
				require.Less(t, try, 100, "the blocks have an end")
				_, err = kv.Commit(t.Context(), put("full", make([]byte, 200<<10)))
			}
			require.ErrorIs(t, err, syscall.ENOSPC)
			pairs, _, err := kv.List(t.Context(), "k")
			require.NoError(t, err)
			require.Len(t, pairs, written)
			require.NoError(t, kv.Close())
			require.NoError(t, b.fill()) // what etcd gave back
			kv, err = Open(t.Context(), cfg)
			require.NoError(t, err)
		}
		b.remove()
	}
	require.NoError(t, kv.Close())
}

// TestFullUnderIt: the disk is full before etcd got the file that its log
// needs next. Nothing is refused for longer than that, or lost.
func TestFullUnderIt(t *testing.T) {
	kv := opened(t, Config{Dir: t.TempDir()})
	_, err := kv.Commit(t.Context(), put("a", []byte("1")))
	require.NoError(t, err)
	events, err := kv.Watch(t.Context(), "", 0)
	require.NoError(t, err)
	require.Equal(t, "a", (<-events).Key)
	old := kv.server
	kv.chain.space.left = 0
	for _, name := range []string{"0.tmp", "1.tmp"} {
		require.NoError(t, os.RemoveAll(filepath.Join(walDir(kv.dir), name)))
	}
	_, err = kv.Commit(t.Context(), put("b", []byte("1")))
	require.NoError(t, err)
	require.NotSame(t, old, kv.server, "the server was restarted")
	require.Equal(t, "b", (<-events).Key, "the watch goes on")
	pairs, _, err := kv.List(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, pairs, 2)
}

func freeOf(dir string) func() (int64, error) {
	return func() (int64, error) {
		var fs syscall.Statfs_t
		err := syscall.Statfs(dir, &fs)
		return int64(fs.Bavail) * fs.Bsize, err
	}
}
