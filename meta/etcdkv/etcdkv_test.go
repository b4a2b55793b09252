package etcdkv_test

import (
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/kvtest"
	"github.com/redkite-db/redkite/meta"
	"github.com/redkite-db/redkite/meta/etcdkv"
)

func TestConformance(t *testing.T) {
	kvtest.Run(t, func(t *testing.T) kvtest.Opener {
		dir := t.TempDir()
		return func() (meta.KV, error) {
			return etcdkv.Open(t.Context(), etcdkv.Config{Dir: dir})
		}
	})
}
