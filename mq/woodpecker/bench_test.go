package woodpecker

import (
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/logtest"
	"github.com/redkite-db/redkite/internal/vfs"
)

func BenchmarkLog(b *testing.B) {
	logtest.Bench(b, func(t testing.TB, _ logtest.Limits) logtest.Backend {
		return &osBackend{t: t, cfg: Config{FS: vfs.OS(), Dir: t.TempDir()}}
	})
}
