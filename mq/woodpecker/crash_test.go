package woodpecker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/porttest/logtest"
	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq"
)

// powerLoss has segments so small that each run uses several.
var powerLoss = logtest.PowerLoss{
	Open: func(disk *vfs.Mem) (mq.Log, error) {
		return Open(Config{Dir: "/d/log", FS: disk, FirstSegment: 20 << 10, SegmentSize: 40 << 10, MaxRecord: 64 << 10})
	},
	Largest: 30 << 10,
}

const crashRuns = 1000

// Power fails a thousand times and more, at any operation: nothing that was
// acknowledged is lost, nothing is out of order, nothing comes back.
func TestPowerLoss(t *testing.T) {
	seed := logtest.Seed(t)
	for run := range uint64(crashRuns) {
		if err := powerLoss.Run(t.Context(), seed+run, 2, vfs.Sound); err != nil {
			t.Fatalf("seed %d: %v", seed+run, err)
		}
	}
}

// The same while operations fail with EIO and ENOSPC.
func TestPowerLossWithFaults(t *testing.T) {
	seed, faulty := logtest.Seed(t), powerLoss
	faulty.Faults = true
	for run := range uint64(crashRuns / 4) {
		if err := faulty.Run(t.Context(), seed+run, 3, vfs.Sound); err != nil {
			t.Fatalf("seed %d: %v", seed+run, err)
		}
	}
}

// The checks above find it if a sync is left out.
func TestPowerLossIsSeen(t *testing.T) {
	for name, broken := range map[string]vfs.Breakage{"sync": vfs.LyingSync, "syncdir": vfs.LyingSyncDir} {
		t.Run(name, func(t *testing.T) {
			lost := 0
			for run := range uint64(100) {
				if err := powerLoss.Run(t.Context(), run, 3, broken); err != nil {
					require.ErrorIs(t, err, logtest.ErrLost)
					lost++
				}
			}
			t.Logf("%d of 100 runs lost records", lost)
			require.Greater(t, lost, 20)
		})
	}
}
