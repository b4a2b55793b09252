package vfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// eachFS runs a test over the real file system and the one in memory.
func eachFS(t *testing.T, test func(t *testing.T, fsys FS, dir string)) {
	t.Run("os", func(t *testing.T) { test(t, OS(), t.TempDir()) })
	t.Run("mem", func(t *testing.T) {
		m := NewMem(1)
		require.NoError(t, m.MkdirAll("/data"))
		test(t, m, "/data")
	})
}

func TestFiles(t *testing.T) {
	eachFS(t, func(t *testing.T, fsys FS, dir string) {
		name := filepath.Join(dir, "sub", "a")
		_, err := fsys.Create(name)
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.NoError(t, fsys.MkdirAll(filepath.Dir(name)))
		f, err := fsys.Create(name)
		require.NoError(t, err)
		require.Equal(t, name, f.Name())
		_, err = f.Write([]byte("hello "))
		require.NoError(t, err)
		_, err = f.Write([]byte("world"))
		require.NoError(t, err)
		_, err = f.WriteAt([]byte("W"), 6)
		require.NoError(t, err)
		require.NoError(t, f.Preallocate(100))
		size, err := f.Size()
		require.NoError(t, err)
		require.EqualValues(t, 100, size)
		require.NoError(t, f.Preallocate(50), "a shorter preallocation changes nothing")
		require.NoError(t, f.Truncate(11))
		require.NoError(t, f.Sync())
		require.NoError(t, f.Close())
		require.ErrorIs(t, f.Close(), fs.ErrClosed)
		require.NoError(t, fsys.SyncDir(filepath.Dir(name)))

		data, err := ReadFile(fsys, name)
		require.NoError(t, err)
		require.Equal(t, "hello World", string(data))

		moved := filepath.Join(dir, "b")
		require.NoError(t, WriteFile(fsys, moved, []byte("old")))
		require.NoError(t, fsys.Rename(name, moved))
		_, err = fsys.Stat(name)
		require.ErrorIs(t, err, fs.ErrNotExist)
		st, err := fsys.Stat(moved)
		require.NoError(t, err)
		require.EqualValues(t, 11, st.Size())

		free, err := fsys.FreeSpace(dir)
		require.NoError(t, err)
		require.Positive(t, free)
		_, err = fsys.FreeSpace(filepath.Join(dir, "nowhere"))
		require.Error(t, err)

		list, err := fsys.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, list, 2)
		require.Equal(t, "b", list[0].Name())
		require.True(t, list[1].IsDir())
		require.NoError(t, fsys.Remove(moved))
		require.NoError(t, fsys.Remove(filepath.Join(dir, "sub")))
		require.ErrorIs(t, fsys.Remove(moved), fs.ErrNotExist)
	})
}

func TestReadingAndTruncating(t *testing.T) {
	eachFS(t, func(t *testing.T, fsys FS, dir string) {
		name := filepath.Join(dir, "a")
		require.NoError(t, WriteFile(fsys, name, bytes.Repeat([]byte{7}, 3000)))
		f, err := fsys.OpenReadWrite(name)
		require.NoError(t, err)
		require.NoError(t, f.Truncate(1000))
		require.NoError(t, f.Truncate(2000))
		buf := make([]byte, 1500)
		n, err := f.ReadAt(buf, 900)
		require.ErrorIs(t, err, io.EOF)
		require.Equal(t, 1100, n)
		require.Equal(t, append(bytes.Repeat([]byte{7}, 100), make([]byte, 1000)...), buf[:n])
		require.NoError(t, f.Close())

		f, err = fsys.Open(name)
		require.NoError(t, err)
		_, err = f.Write([]byte("x"))
		require.Error(t, err)
		require.NoError(t, f.Close())
	})
}

func TestMemIsStrictAboutOpenFiles(t *testing.T) {
	m := NewMem(1)
	f, err := m.Create("a")
	require.NoError(t, err)
	require.ErrorIs(t, m.Rename("a", "b"), fs.ErrPermission)
	require.ErrorIs(t, m.Remove("a"), fs.ErrPermission)
	require.NoError(t, f.Close())
	require.NoError(t, m.Rename("a", "b"))
}

func TestCapacity(t *testing.T) {
	m := NewMem(1)
	m.SetCapacity(3 * pageSize)
	free, err := m.FreeSpace(".")
	require.NoError(t, err)
	require.EqualValues(t, 3*pageSize, free)
	f, err := m.Create("a")
	require.NoError(t, err)
	n, err := f.WriteAt(make([]byte, 5*pageSize), 0)
	require.True(t, IsNoSpace(err))
	require.Equal(t, 3*pageSize, n)
	_, err = f.WriteAt(make([]byte, 100), 50)
	require.NoError(t, err, "overwriting needs no room")
	require.True(t, IsNoSpace(f.Preallocate(4*pageSize)))
	require.NoError(t, f.Truncate(pageSize))
	require.EqualValues(t, pageSize, m.Used())
	require.NoError(t, f.Close())
	require.NoError(t, m.Remove("a"))
	require.Zero(t, m.Used())
}

func TestCrashKeepsWhatWasSynced(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	m := NewMem(1)
	require.NoError(t, m.MkdirAll("d"))
	require.NoError(t, m.SyncDir("."))
	synced := bytes.Repeat([]byte("synced"), 1000)
	require.NoError(t, WriteFile(m, "d/a", synced))
	require.NoError(t, m.SyncDir("d"))
	f, err := m.OpenReadWrite("d/a")
	require.NoError(t, err)
	_, err = f.WriteAt(make([]byte, 1024), 1024)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("tail"), int64(len(synced)))
	require.NoError(t, err)
	require.NoError(t, WriteFile(m, "d/b", []byte("b")))

	seen := map[string]int{}
	for range 300 {
		clone := m.CrashClone(rng)
		got, err := ReadFile(clone, "d/a")
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(got), len(synced))
		require.Equal(t, synced[:1024], got[:1024])
		require.Equal(t, synced[2048:5632], got[2048:5632])
		switch part := got[1024:2048]; {
		case bytes.Equal(part, synced[1024:2048]):
			seen["dropped"]++
		case bytes.Equal(part, make([]byte, 1024)):
			seen["kept"]++
		default:
			seen["torn"]++
		}
		if len(got) > len(synced) {
			seen["longer"]++
		}
		if _, err := clone.Stat("d/b"); err == nil {
			seen["named"]++
		}
	}
	for _, outcome := range []string{"dropped", "kept", "torn", "longer", "named"} {
		require.Greater(t, seen[outcome], 10, "%s of %v", outcome, seen)
		require.Less(t, seen[outcome], 290, "%s of %v", outcome, seen)
	}
}

func TestCrashMayUndoNames(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	m := NewMem(1)
	require.NoError(t, WriteFile(m, "a", []byte("a")))
	require.NoError(t, m.SyncDir("."))
	require.NoError(t, m.Rename("a", "b"))
	require.NoError(t, WriteFile(m, "c", []byte("c")))
	require.NoError(t, m.Remove("b"))
	states := map[string]int{}
	for range 300 {
		clone := m.CrashClone(rng)
		list, err := clone.ReadDir(".")
		require.NoError(t, err)
		state := ""
		for _, e := range list {
			state += e.Name()
		}
		states[state]++
	}
	for _, s := range []string{"a", "b", "c", "", "bc", "ac"} {
		require.Positive(t, states[s], "%q of %v", s, states)
	}
	require.NoError(t, m.SyncDir("."))
	list, err := m.CrashClone(rng).ReadDir(".")
	require.NoError(t, err)
	require.Len(t, list, 1)
}

func TestLyingSyncs(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, broken := range []Breakage{Sound, LyingSync, LyingSyncDir} {
		m := NewMem(1)
		m.Break(broken)
		lost := 0
		require.NoError(t, WriteFile(m, "a", []byte("a")))
		require.NoError(t, m.SyncDir("."))
		for range 50 {
			if data, err := ReadFile(m.CrashClone(rng), "a"); err != nil || string(data) != "a" {
				lost++
			}
		}
		require.Equal(t, broken != Sound, lost > 0, "breakage %d: %d lost", broken, lost)
	}
}

// A sync that failed leaves clean what it lost: the next sync does not bring
// it to the disk, writing it again does.
func TestFailedSyncForgets(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	lost := 0
	for seed := range uint64(20) {
		m := NewMem(seed)
		f, err := m.Create("a")
		require.NoError(t, err)
		require.NoError(t, m.SyncDir("."))
		m.SetHook(FailNth(OpSync, 1, 1, syscall.EIO))
		data := bytes.Repeat([]byte{1}, 4*sectorSize)
		_, err = f.WriteAt(data, 0)
		require.NoError(t, err)
		require.ErrorIs(t, f.Sync(), syscall.EIO)
		require.NoError(t, f.Sync())
		got, err := ReadFile(m.CrashClone(rng), "a")
		require.NoError(t, err)
		if !bytes.Equal(got, data) {
			lost++
		}
		require.NoError(t, f.DropCache(0, int64(len(data))))
		shown, err := ReadFile(m, "a")
		require.NoError(t, err)
		require.Equal(t, got, shown[:len(got)])
		_, err = f.WriteAt(data, 0)
		require.NoError(t, err)
		require.NoError(t, f.Sync())
		got, err = ReadFile(m.CrashClone(rng), "a")
		require.NoError(t, err)
		require.Equal(t, data, got)
	}
	require.Positive(t, lost)
}

func TestHookSeesAndFailsOperations(t *testing.T) {
	m := NewMem(1)
	var kinds []OpKind
	broken := errors.New("broken")
	m.SetHook(func(op Op) error {
		kinds = append(kinds, op.Kind)
		if op.Kind == OpRename {
			return broken
		}
		return nil
	})
	require.NoError(t, WriteFile(m, "a", []byte("a")))
	require.ErrorIs(t, m.Rename("a", "b"), broken)
	require.Equal(t, []OpKind{OpCreate, OpWrite, OpSync, OpClose, OpRename}, kinds)
	m.SetHook(nil)
	require.NoError(t, m.Rename("a", "b"))
}

func TestCloneIsIndependent(t *testing.T) {
	m := NewMem(1)
	require.NoError(t, m.MkdirAll("d"))
	require.NoError(t, WriteFile(m, "d/a", []byte("one")))
	c := m.Clone()
	require.NoError(t, WriteFile(m, "d/a", []byte("two")))
	data, err := ReadFile(c, "d/a")
	require.NoError(t, err)
	require.Equal(t, "one", string(data))
	require.Equal(t, m.Used(), c.Used())
}
