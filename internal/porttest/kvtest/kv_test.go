package kvtest_test

import (
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/kvtest"
	"github.com/redkite-db/redkite/meta"
)

func TestConformance(t *testing.T) {
	kvtest.Run(t, func(*testing.T) kvtest.Opener {
		kv := kvtest.New()
		first := true
		return func() (meta.KV, error) {
			if !first {
				kv = kv.Reopen()
			}
			first = false
			return kv, nil
		}
	})
}
