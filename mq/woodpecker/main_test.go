package woodpecker

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/porttest/logtest"
	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testChannel = base.Channel("by-dev-rootcoord-dml_0")

func openLog(t testing.TB, cfg Config) *Log {
	l, err := Open(cfg)
	require.NoError(t, err)
	return l
}

// memBackend keeps a log in memory. A kill leaves what was written.
type memBackend struct {
	cfg Config
	fs  *vfs.Mem
}

func (b *memBackend) Open(t testing.TB) mq.Log {
	b.cfg.FS = b.fs
	return openLog(t, b.cfg)
}

func (b *memBackend) Kill(t testing.TB, l mq.Log) {
	b.fs = b.fs.Clone()
	require.NoError(t, l.Close())
}

// osBackend keeps a log on the machine's disk.
type osBackend struct {
	cfg Config
	t   testing.TB
}

func (b *osBackend) Open(t testing.TB) mq.Log { return openLog(t, b.cfg) }

func (b *osBackend) Kill(t testing.TB, l mq.Log) {
	copied := b.t.TempDir()
	entries, err := os.ReadDir(b.cfg.Dir)
	require.NoError(t, err)
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(b.cfg.Dir, e.Name()))
		if os.IsNotExist(err) {
			continue // removed in the background meanwhile
		}
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(copied, e.Name()), data, 0o640))
	}
	b.cfg.Dir = copied
	require.NoError(t, l.Close())
}

func TestConformance(t *testing.T) {
	for _, small := range []bool{true, false} {
		sizes := func(c Config) Config {
			if small {
				c.FirstSegment, c.SegmentSize = 32<<10, 256<<10
			}
			return c
		}
		name := map[bool]string{true: "small", false: "default"}[small]
		t.Run("mem/"+name, func(t *testing.T) {
			logtest.Run(t, func(_ testing.TB, limits logtest.Limits) logtest.Backend {
				return &memBackend{fs: vfs.NewMem(1), cfg: sizes(Config{Dir: "/data/log", Capacity: limits.Capacity, MaxRecord: 1 << 20})}
			})
		})
		if small {
			continue
		}
		t.Run("os/"+name, func(t *testing.T) {
			logtest.Run(t, func(t testing.TB, limits logtest.Limits) logtest.Backend {
				return &osBackend{t: t, cfg: sizes(Config{FS: vfs.OS(), Dir: t.TempDir(), Capacity: limits.Capacity})}
			})
		})
	}
}
