package natsmq

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/porttest/logtest"
	"github.com/redkite-db/redkite/mq"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testChannel = base.Channel("by-dev-rootcoord-dml_0")

func openLog(t testing.TB, cfg Config) *Log {
	l, err := Open(cfg)
	require.NoError(t, err)
	return l
}

// backend keeps a log on the machine's disk.
type backend struct {
	cfg Config
	t   testing.TB
}

func (b *backend) Open(t testing.TB) mq.Log { return openLog(t, b.cfg) }

func (b *backend) Kill(t testing.TB, l mq.Log) {
	b.cfg.Dir = copyQuiet(t, b.cfg.Dir, b.t.TempDir())
	require.NoError(t, l.Close())
}

// copyQuiet copies a directory at a moment when nothing in it changes.
func copyQuiet(t testing.TB, dir, to string) string {
	state := func() map[string]time.Time {
		m := map[string]time.Time{}
		require.NoError(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
			if err == nil {
				m[path] = info.ModTime()
			}
			return nil
		}))
		return m
	}
	for {
		before := state()
		require.NoError(t, os.RemoveAll(to))
		require.NoError(t, copyTree(dir, to))
		after := state()
		same := len(before) == len(after)
		for path, at := range after {
			same = same && before[path].Equal(at)
		}
		if same {
			return to
		}
	}
}

func copyTree(from, to string) error {
	return filepath.Walk(from, func(path string, info os.FileInfo, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if info.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o750)
		}
		data, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, 0o640)
	})
}

func TestConformance(t *testing.T) {
	logtest.Run(t, func(t testing.TB, limits logtest.Limits) logtest.Backend {
		return &backend{t: t, cfg: Config{Dir: t.TempDir(), Capacity: limits.Capacity}}
	})
}
