package cutfile

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq"
)

func pos(s string) base.Position { return base.Position{Generation: 7, Offset: s} }

func TestReadAndWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.cut")
	c, err := Read(vfs.OS(), path)
	require.NoError(t, err)
	require.Zero(t, c)
	for _, at := range []string{"", "a", "b", strings.Repeat("z", maxOffset), "d"} {
		c = c.Next(pos(at))
		require.NoError(t, Write(vfs.OS(), path, c))
		got, err := Read(vfs.OS(), path)
		require.NoError(t, err)
		require.Equal(t, c, got)
	}
	require.Error(t, Write(vfs.OS(), path, c.Next(pos(strings.Repeat("z", maxOffset+1)))))
}

func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.cut")
	one := Cut{}.Next(pos("one"))
	require.NoError(t, Write(vfs.OS(), path, one))
	two := one.Next(pos("two"))
	require.NoError(t, Write(vfs.OS(), path, two))
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	flip := func(at ...int) {
		b := append([]byte(nil), whole...)
		for _, i := range at {
			b[i] ^= 4
		}
		require.NoError(t, os.WriteFile(path, b, 0o640))
	}
	flip(30) // of two's slot: one still holds
	got, err := Read(vfs.OS(), path)
	require.NoError(t, err)
	require.Equal(t, one, got)
	flip(30, pageSize+30)
	_, err = Read(vfs.OS(), path)
	require.ErrorIs(t, err, mq.ErrCorrupt)
	require.NoError(t, os.WriteFile(path, nil, 0o640))
	_, err = Read(vfs.OS(), path)
	require.ErrorIs(t, err, mq.ErrCorrupt)
}

// Whatever step power fails at, the file holds the last confirmed cut or the
// one that was being written.
func TestPowerLoss(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for run := range 300 {
		m := vfs.NewMem(uint64(run))
		var disks []*vfs.Mem
		var confirmed []uint64
		var cut Cut
		m.SetHook(func(op vfs.Op) error {
			if op.Kind.Changes() && rng.IntN(4) == 0 {
				disks, confirmed = append(disks, m.CrashClone(rng)), append(confirmed, cut.Count)
			}
			return nil
		})
		for cut.Count < 5 {
			next := cut.Next(pos("at"))
			require.NoError(t, Write(m, "x.cut", next))
			cut = next
		}
		for i, disk := range disks {
			got, err := Read(disk, "x.cut")
			require.NoError(t, err)
			require.Contains(t, []uint64{confirmed[i], confirmed[i] + 1}, got.Count)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Cut{Count: 3, Position: pos("abc")}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, ok := decode(b); ok {
			again, ok := decode(c.encode())
			require.True(t, ok)
			require.Equal(t, c, again)
		}
	})
}
