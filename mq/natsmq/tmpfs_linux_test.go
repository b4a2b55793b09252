package natsmq

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq"
)

// smallDisk mounts a disk of some MiB and returns its directory, and functions
// that fill it up to a rest and make room again.
func smallDisk(t *testing.T, size string) (dir string, fill func(leave int64), free func()) {
	dir = t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("needs the right to mount a tmpfs: %s", out)
	}
	t.Cleanup(func() {
		out, err := exec.Command("umount", dir).CombinedOutput()
		require.NoError(t, err, "%s", out)
	})
	filler := filepath.Join(dir, "filler")
	fill = func(leave int64) {
		n, err := vfs.OS().FreeSpace(dir)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filler, make([]byte, max(0, n-leave)), 0o600))
	}
	return dir, fill, func() { require.NoError(t, os.Remove(filler)) }
}

// On a disk that somebody else fills, appends are refused with ErrFull, reads
// go on, and the same appender goes on when there is room.
func TestDiskFilledByOthers(t *testing.T) {
	disk, fillUp, free := smallDisk(t, "48m")
	l := openLog(t, Config{Dir: filepath.Join(disk, "log")})
	defer l.Close()
	a, _, err := l.Open(t.Context(), testChannel, 1)
	require.NoError(t, err)
	want := []string{""}
	record := strings.Repeat("x", 100<<10)
	for range 5 {
		for range 5 {
			_, err = a.Append([][]byte{[]byte(record)}).Wait()
			require.NoError(t, err)
			want = append(want, record)
		}
		fillUp(100 << 10)
		for range 3 {
			_, err = a.Append([][]byte{[]byte(record)}).Wait()
			require.ErrorIs(t, err, mq.ErrFull)
		}
		got, err := readUpTo(t, l, len(want))
		require.NoError(t, err)
		require.Equal(t, want, got)
		free()
	}
}

// When JetStream does meet a full disk it stops writing for good. The append
// fails, in time; the next owner finds a fresh server, once there is room,
// and all that was confirmed.
func TestJetStreamMeetsFullDisk(t *testing.T) {
	disk, fillUp, free := smallDisk(t, "48m")
	blind := &nearlyFull{FS: vfs.OS()}
	blind.free.Store(math.MaxInt64)
	l := openLog(t, Config{Dir: filepath.Join(disk, "log"), FS: blind})
	defer l.Close()
	var want []string
	record := strings.Repeat("x", 100<<10)
	term := int64(0)
	for range 3 {
		term++
		var a mq.Appender
		var opened base.Position
		require.Eventually(t, func() bool {
			var err error
			a, opened, err = l.Open(t.Context(), testChannel, term)
			return err == nil
		}, 20*time.Second, 10*time.Millisecond)
		got := readTo(t, l, opened)
		require.Equal(t, append(want, ""), got, "what failed was not written: the disk was full")
		want = got
		for range 5 {
			_, err := a.Append([][]byte{[]byte(record)}).Wait()
			require.NoError(t, err)
			want = append(want, record)
		}
		fillUp(40 << 10)
		began := time.Now()
		_, err := a.Append([][]byte{[]byte(record)}).Wait()
		require.Error(t, err)
		require.Less(t, time.Since(began), 10*time.Second)
		_, err = a.Append([][]byte{[]byte("x")}).Wait()
		require.Error(t, err)
		term++
		if _, _, err = l.Open(t.Context(), testChannel, term); err == nil { // a small record may still fit
			want = append(want, "")
		}
		free()
	}
}
