package natsmq

import (
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/logtest"
)

func BenchmarkLog(b *testing.B) {
	logtest.Bench(b, func(t testing.TB, _ logtest.Limits) logtest.Backend {
		return &backend{t: t, cfg: Config{Dir: t.TempDir()}}
	})
}
