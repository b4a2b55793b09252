//go:build linux

package powerloss

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/porttest/logtest"
	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq"
	"github.com/redkite-db/redkite/mq/natsmq"
)

// mounted is a log on a mounted disk, which goes with the log.
type mounted struct {
	mq.Log
	disk *Mount
}

func (m mounted) Close() error { return errors.Join(m.Log.Close(), m.disk.Close()) }

// onMount makes power fail under JetStream, which opens its files itself. A
// block of its files holds 8 MiB: now and then a record is large enough that
// the next one begins a new file. JetStream appends right behind what it synced
// before, so it is safe on disks that keep what a write does not touch.
func onMount(t *testing.T) logtest.PowerLoss {
	dir := t.TempDir()
	probe, err := NewMount(dir, vfs.NewMem(0))
	if errors.Is(err, ErrNoFUSE) {
		t.Skip(err)
	}
	require.NoError(t, err)
	require.NoError(t, probe.Close())
	return logtest.PowerLoss{
		Largest: 3 << 20,
		NoNoise: true,
		Open: func(disk *vfs.Mem) (mq.Log, error) {
			m, err := NewMount(dir, disk)
			if err != nil {
				return nil, err
			}
			l, err := natsmq.Open(natsmq.Config{Dir: filepath.Join(dir, "d", "log")})
			if err != nil {
				return nil, errors.Join(err, m.Close())
			}
			return mounted{Log: l, disk: m}, nil
		},
	}
}

// runs is how often power fails, twice each time.
func runs(t *testing.T) uint64 {
	n, err := strconv.ParseUint(os.Getenv("POWERLOSS_RUNS"), 10, 32)
	if err != nil {
		t.Logf("POWERLOSS_RUNS is not set: 20 runs")
		return 20
	}
	return n
}

// Power fails at any operation: nothing that was acknowledged is lost, nothing
// is out of order, nothing comes back.
func TestPowerLoss(t *testing.T) {
	log, seed := onMount(t), logtest.Seed(t)
	for run := range runs(t) {
		if err := log.Run(t.Context(), seed+run, 2, vfs.Sound); err != nil {
			t.Fatalf("seed %d: %v", seed+run, err)
		}
	}
}

// The check above finds it if a sync is left out.
func TestPowerLossIsSeen(t *testing.T) {
	log := onMount(t)
	for name, broken := range map[string]vfs.Breakage{"sync": vfs.LyingSync, "syncdir": vfs.LyingSyncDir} {
		t.Run(name, func(t *testing.T) {
			lost := 0
			for run := range uint64(10) {
				if err := log.Run(t.Context(), run, 3, broken); err != nil {
					require.ErrorIs(t, err, logtest.ErrLost)
					lost++
				}
			}
			t.Logf("%d of 10 runs lost records", lost)
			require.Positive(t, lost)
		})
	}
}
