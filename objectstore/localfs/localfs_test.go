package localfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/storetest"
	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/objectstore"
)

func TestConformance(t *testing.T) {
	t.Run("disk", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) storetest.Subject {
			s, err := Open(vfs.OS(), filepath.Join(t.TempDir(), "objects"), mem.Open)
			require.NoError(t, err)
			return storetest.Subject{Store: s, Files: s}
		})
	})
	t.Run("memory", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) storetest.Subject {
			s := open(t, vfs.NewMem(1))
			return storetest.Subject{Store: s, Files: s}
		})
	})
}

func open(t *testing.T, fsys vfs.FS) *Store {
	t.Helper()
	s, err := Open(fsys, "/objects", nil)
	require.NoError(t, err)
	return s
}

func put(t *testing.T, s *Store, key, text string) {
	t.Helper()
	require.NoError(t, s.Put(t.Context(), key, strings.NewReader(text), int64(len(text))))
}

func read(s *Store, key string) (string, error) {
	b, err := vfs.ReadFile(s.fs, s.path(key))
	return string(b), err
}

func TestOwnFolderIsNoKey(t *testing.T) {
	s := open(t, vfs.NewMem(1))
	for _, key := range []string{".tmp", ".tmp/x", ".TMP/x"} {
		require.ErrorIs(t, s.PutNew(t.Context(), key, nil), objectstore.ErrBadKey)
	}
}

func TestObjectsAreNoFolders(t *testing.T) {
	s := open(t, vfs.NewMem(1))
	put(t, s, "a/b", "x")
	require.ErrorIs(t, s.PutNew(t.Context(), "a/b/c", nil), objectstore.ErrBadKey)
	require.ErrorIs(t, s.Put(t.Context(), "a", strings.NewReader(""), 0), objectstore.ErrBadKey)
	got, err := read(s, "a/b")
	require.NoError(t, err)
	require.Equal(t, "x", got)
}

func TestOpenRemovesLeftovers(t *testing.T) {
	fsys := vfs.NewMem(1)
	s := open(t, fsys)
	put(t, s, "a", "x")
	require.NoError(t, vfs.WriteFile(fsys, "/objects/.tmp/0000000000000001", []byte("half")))
	s = open(t, fsys)
	left, err := fsys.ReadDir("/objects/.tmp")
	require.NoError(t, err)
	require.Empty(t, left)
	put(t, s, "b", "y")
}

func TestEmptyFoldersGo(t *testing.T) {
	fsys := vfs.NewMem(1)
	s := open(t, fsys)
	put(t, s, "a/b/c/d", "x")
	put(t, s, "a/e", "x")
	require.NoError(t, s.Delete(t.Context(), "a/b/c/d"))
	_, err := fsys.Stat("/objects/a/b")
	require.ErrorIs(t, err, fs.ErrNotExist)
	put(t, s, "a/b/c/d", "again")
	require.NoError(t, fsys.MkdirAll("/objects/left/by/crash"))
	for range 3 { // each listing removes the lowest empty folder and what is above
		for _, err := range s.List(t.Context(), "") {
			require.NoError(t, err)
		}
	}
	_, err = fsys.Stat("/objects/left")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, s.Delete(t.Context(), "a/b/c/d", "a/e"))
	_, err = fsys.Stat("/objects/a")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = fsys.Stat("/objects")
	require.NoError(t, err)
}

// TestMappedFileCannotBeRemoved plays the systems on which a mapped file can
// be renamed, but neither removed nor replaced.
func TestMappedFileCannotBeRemoved(t *testing.T) {
	fsys := vfs.NewMem(1)
	s := open(t, fsys)
	put(t, s, "k/x", "one")
	m, err := s.Pin(t.Context(), "k/x")
	require.NoError(t, err)
	dead := false
	fsys.SetHook(func(op vfs.Op) error {
		switch {
		case dead:
		case op.Kind == vfs.OpRemove && op.Name == "/objects/k/x",
			op.Kind == vfs.OpRename && strings.Contains(op.Name, ".tmp") && exists(fsys, "/objects/k/x"):
			return fs.ErrPermission
		}
		return nil
	})
	put(t, s, "k/x", "two")
	require.Equal(t, "one", string(m.Bytes()))
	second, err := s.Pin(t.Context(), "k/x")
	require.NoError(t, err)
	require.Equal(t, "two", string(second.Bytes()))
	require.NoError(t, s.Delete(t.Context(), "k/x"))
	_, err = s.Stat(t.Context(), "k/x")
	require.ErrorIs(t, err, objectstore.ErrNotFound)
	require.Equal(t, 2, count(t, fsys, "/objects/.tmp"))
	dead = true
	require.NoError(t, m.Unpin())
	require.NoError(t, second.Unpin())
	require.Zero(t, count(t, fsys, "/objects/.tmp"))
}

func exists(fsys *vfs.Mem, name string) bool {
	dir, err := fsys.ReadDir(filepath.Dir(name))
	for _, e := range dir {
		if e.Name() == filepath.Base(name) {
			return err == nil
		}
	}
	return false
}

func count(t *testing.T, fsys vfs.FS, dir string) int {
	t.Helper()
	list, err := fsys.ReadDir(dir)
	require.NoError(t, err)
	return len(list)
}

func TestFull(t *testing.T) {
	fsys := vfs.NewMem(1)
	s := open(t, fsys)
	put(t, s, "a/old", "kept")
	fsys.SetCapacity(fsys.Used() + 64<<10)
	big := bytes.Repeat([]byte("x"), 1<<20)
	for _, key := range []string{"a/new", "a/old"} {
		require.ErrorIs(t, s.Put(t.Context(), key, bytes.NewReader(big), int64(len(big))), objectstore.ErrFull)
	}
	require.ErrorIs(t, s.PutNew(t.Context(), "a/new", big), objectstore.ErrFull)
	require.Zero(t, count(t, fsys, "/objects/.tmp"))
	require.Equal(t, 1, count(t, fsys, "/objects/a"))
	got, err := read(s, "a/old")
	require.NoError(t, err)
	require.Equal(t, "kept", got)
	put(t, s, "a/small", "fits")
	fsys.SetCapacity(0)
	require.NoError(t, s.PutNew(t.Context(), "a/new", big))
}

// TestEveryFailure fails each operation of a Put in turn: an error means that
// the object is whole or absent, and the same Put works afterwards.
func TestEveryFailure(t *testing.T) {
	boom := errors.New("boom")
	for _, kind := range []vfs.OpKind{
		vfs.OpCreate, vfs.OpWrite, vfs.OpSync, vfs.OpClose, vfs.OpRename, vfs.OpMkdir, vfs.OpSyncDir, vfs.OpStat,
	} {
		for n := int64(1); n < 6; n++ {
			fsys := vfs.NewMem(uint64(n))
			s := open(t, fsys)
			fsys.SetHook(vfs.FailNth(kind, n, 1, boom))
			err := s.PutNew(t.Context(), "a/b/c", []byte("whole"))
			fsys.SetHook(nil)
			got, rerr := read(s, "a/b/c")
			if rerr == nil {
				require.Equal(t, "whole", got)
			} else {
				require.ErrorIs(t, rerr, fs.ErrNotExist)
				require.ErrorIs(t, err, boom)
			}
			require.NoError(t, s.Put(t.Context(), "a/b/c", strings.NewReader("again"), 5), "%v %d", kind, n)
		}
	}
}

// TestPowerLoss cuts the power at a random step of a random walk: an object
// whose Put returned is there and whole, every other is whole or absent, and
// the store opens and works.
func TestPowerLoss(t *testing.T) {
	for seed := range uint64(1000) {
		if err := powerLoss(seed, vfs.Sound); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// TestPowerLossFindsMissingSync: without the syncs the test above fails.
func TestPowerLossFindsMissingSync(t *testing.T) {
	for _, broken := range []vfs.Breakage{vfs.LyingSync, vfs.LyingSyncDir} {
		found := false
		for seed := uint64(0); seed < 200 && !found; seed++ {
			found = powerLoss(seed, broken) != nil
		}
		require.True(t, found, "breakage %d was not noticed", broken)
	}
}

func powerLoss(seed uint64, broken vfs.Breakage) error {
	rng := rand.New(rand.NewPCG(seed, 1))
	fsys := vfs.NewMem(seed)
	fsys.Break(broken)
	var disk *vfs.Mem
	left := 1 + rng.IntN(120)
	fsys.SetHook(func(op vfs.Op) error {
		if !op.Kind.Changes() || disk != nil {
			return nil
		}
		if left--; left == 0 {
			disk = fsys.CrashClone(rng)
		}
		return nil
	})
	acked, tried, deleted, err := walk(fsys, rng, func() bool { return disk != nil })
	if err != nil {
		return err
	}
	if disk == nil {
		disk = fsys.CrashClone(rng)
	}
	s, err := Open(disk, "/objects", nil)
	if err != nil {
		return err
	}
	for key, text := range tried {
		got, err := read(s, key)
		switch {
		case missing(err):
			if acked[key] && !deleted[key] {
				return fmt.Errorf("%s is gone", key)
			}
		case err != nil:
			return err
		case got != text:
			return fmt.Errorf("%s holds %d bytes that are not its %d", key, len(got), len(text))
		}
	}
	return s.PutNew(context.Background(), "after/crash", []byte("x"))
}

// walk puts and deletes objects, each key once, until stop. A key is acked
// only if its Put returned before the crash.
func walk(fsys *vfs.Mem, rng *rand.Rand, stop func() bool) (acked map[string]bool, tried map[string]string, deleted map[string]bool, err error) {
	acked, tried, deleted = map[string]bool{}, map[string]string{}, map[string]bool{}
	s, err := Open(fsys, "/objects", nil)
	if err != nil {
		return nil, nil, nil, err
	}
	for i := 0; i < 30 && !stop(); i++ {
		key := fmt.Sprintf("d%d/e%d/k%d", rng.IntN(3), rng.IntN(3), i)
		text := strings.Repeat(key+" ", 1+rng.IntN(1000))
		tried[key] = text
		if rng.IntN(2) == 0 {
			err = s.Put(context.Background(), key, strings.NewReader(text), int64(len(text)))
		} else {
			err = s.PutNew(context.Background(), key, []byte(text))
		}
		if err != nil {
			return nil, nil, nil, err
		}
		if stop() {
			break
		}
		acked[key] = true
		if rng.IntN(3) == 0 {
			for key := range acked {
				deleted[key] = true // a deletion that begins may be on the disk
				if err := s.Delete(context.Background(), key); err != nil {
					return nil, nil, nil, err
				}
				break
			}
		}
	}
	return acked, tried, deleted, nil
}
