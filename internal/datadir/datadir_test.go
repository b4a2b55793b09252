package datadir

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// holdEnv makes the test binary hold the directory that it names until its
// standard input ends.
const holdEnv = "REDKITE_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holdEnv); dir != "" {
		d, err := Open(dir, "test")
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("held")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		_ = d.Close()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func open(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := Open(path, "1.2.3")
	require.NoError(t, err)
	return d
}

// entries lists what a directory holds, folders with a slash.
func entries(t *testing.T, path string) []string {
	t.Helper()
	es, err := os.ReadDir(path)
	require.NoError(t, err)
	var names []string
	for _, e := range es {
		name := e.Name()
		if e.IsDir() {
			name += "/"
		}
		names = append(names, name)
	}
	return names
}

var complete = []string{"FORMAT", "LOCK", "log/", "logs/", "meta/", "objects/"}

func TestOpenMakesAndReopens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	d := open(t, path)
	require.True(t, d.Fresh())
	require.Equal(t, path, d.Path())
	require.Equal(t, complete, entries(t, path))
	for _, p := range []string{d.Meta(), d.Log(), d.Objects(), d.Logs()} {
		require.DirExists(t, p)
	}
	if runtime.GOOS != "windows" {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	}
	require.NoError(t, os.WriteFile(filepath.Join(d.Meta(), "x"), []byte("x"), 0o600))
	require.NoError(t, d.Close())

	d = open(t, path)
	require.False(t, d.Fresh())
	require.FileExists(t, filepath.Join(d.Meta(), "x"))
	require.NoError(t, d.Close())
}

func TestOpenRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	d := open(t, "redkite-data")
	require.True(t, filepath.IsAbs(d.Path()))
	require.NoError(t, d.Close())
}

func TestSecondOpenIsRefused(t *testing.T) {
	path := t.TempDir()
	d := open(t, path)
	_, err := Open(path, "1.2.3")
	var locked *LockedError
	require.ErrorAs(t, err, &locked)
	require.Equal(t, os.Getpid(), locked.PID)
	require.NoError(t, d.Close())
	require.NoError(t, open(t, path).Close())
}

// A holder in another process is named, and its kill frees the directory.
func TestOtherProcessHolds(t *testing.T) {
	path := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holdEnv+"="+path)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "held\n", line)

	_, err = Open(path, "1.2.3")
	require.ErrorContains(t, err, fmt.Sprintf("in use by process %d", cmd.Process.Pid))

	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	_ = in.Close()
	d := open(t, path)
	require.False(t, d.Fresh())
	require.NoError(t, d.Close())
}

func TestLockWithoutPID(t *testing.T) {
	path := t.TempDir()
	d := open(t, path)
	require.NoError(t, d.lock.Truncate(0))
	_, err := Open(path, "1.2.3")
	require.ErrorContains(t, err, "in use by another process")
	require.NoError(t, d.Close())
}

// Each state that a kill during the first Open can leave is finished by the
// next one.
func TestKilledWhileMaking(t *testing.T) {
	steps := []func(dir string) error{
		func(dir string) error { return os.WriteFile(filepath.Join(dir, "LOCK"), nil, 0o600) },
		func(dir string) error { return os.WriteFile(filepath.Join(dir, "LOCK"), []byte("1\n"), 0o600) },
		func(dir string) error { return os.Mkdir(filepath.Join(dir, "meta"), 0o700) },
		func(dir string) error { return os.Mkdir(filepath.Join(dir, "log"), 0o700) },
		func(dir string) error { return os.Mkdir(filepath.Join(dir, "objects"), 0o700) },
		func(dir string) error { return os.Mkdir(filepath.Join(dir, "logs"), 0o700) },
		func(dir string) error { return os.WriteFile(filepath.Join(dir, "FORMAT.tmp"), nil, 0o600) },
		func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "FORMAT.tmp"), []byte("redkite data"), 0o600)
		},
	}
	for n := range len(steps) + 1 {
		path := t.TempDir()
		for _, step := range steps[:n] {
			require.NoError(t, step(path))
		}
		d, err := Open(path, "1.2.3")
		require.NoError(t, err, "after %d steps", n)
		require.True(t, d.Fresh())
		require.Equal(t, complete, entries(t, path))
		require.NoError(t, d.Close())
	}
}

func TestFormatTempIsRemoved(t *testing.T) {
	path := t.TempDir()
	require.NoError(t, open(t, path).Close())
	require.NoError(t, os.WriteFile(filepath.Join(path, "FORMAT.tmp"), []byte("x"), 0o600))
	require.NoError(t, open(t, path).Close())
	require.Equal(t, complete, entries(t, path))
}

func TestForeignDirectoryIsLeftUntouched(t *testing.T) {
	for _, name := range []string{"notes.txt", "meta", "etcd/"} {
		path := t.TempDir()
		if n, ok := strings.CutSuffix(name, "/"); ok {
			require.NoError(t, os.Mkdir(filepath.Join(path, n), 0o700))
		} else {
			require.NoError(t, os.WriteFile(filepath.Join(path, name), nil, 0o600))
		}
		_, err := Open(path, "1.2.3")
		require.ErrorIs(t, err, ErrNotEmpty)
		require.ErrorContains(t, err, strings.TrimSuffix(name, "/"))
		require.Equal(t, []string{name}, entries(t, path))
	}
}

func TestFreshFileSystemRoot(t *testing.T) {
	path := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(path, "lost+found"), 0o700))
	d := open(t, path)
	require.True(t, d.Fresh())
	require.NoError(t, d.Close())
}

func TestPathIsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err := Open(path, "1.2.3")
	require.ErrorContains(t, err, "is not a directory")
}

func TestDamage(t *testing.T) {
	format := func(text string) func(string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, "FORMAT"), []byte(text), 0o600) }
	}
	for name, c := range map[string]struct {
		harm func(dir string) error
		want string
	}{
		"no meta":         {func(dir string) error { return os.Remove(filepath.Join(dir, "meta")) }, `no folder "meta"`},
		"no objects":      {func(dir string) error { return os.Remove(filepath.Join(dir, "objects")) }, `no folder "objects"`},
		"empty FORMAT":    {format(""), "no checksum"},
		"flipped bit":     {format(strings.Replace(string(encoded(1)), "layout: 1", "layout: 3", 1)), "checksum does not match"},
		"bytes after end": {format(string(encoded(1)) + "\n"), "checksum does not match"},
		"endless FORMAT":  {format(strings.Repeat("x", maxFormatLen+1)), "longer than"},
		"FORMAT is gone but there is data": {func(dir string) error {
			if err := os.WriteFile(filepath.Join(dir, "log", "x"), nil, 0o600); err != nil {
				return err
			}
			return os.Remove(filepath.Join(dir, "FORMAT"))
		}, "has data in log but no FORMAT"},
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			require.NoError(t, open(t, path).Close())
			require.NoError(t, c.harm(path))
			_, err := Open(path, "1.2.3")
			require.ErrorIs(t, err, ErrDamaged)
			require.ErrorContains(t, err, c.want)
			// The refusal gave the lock back.
			_, err = Open(path, "1.2.3")
			require.ErrorIs(t, err, ErrDamaged)
		})
	}
}

func TestLogsFolderComesBack(t *testing.T) {
	path := t.TempDir()
	require.NoError(t, open(t, path).Close())
	require.NoError(t, os.Remove(filepath.Join(path, "logs")))
	require.NoError(t, open(t, path).Close())
	require.Equal(t, complete, entries(t, path))
}
