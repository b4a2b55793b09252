package segment

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/binlog"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/objectstore"
	"github.com/redkite-db/redkite/objectstore/localfs"
)

// TestPowerLossDuringFlush cuts the power at a random step of writing a
// segment: one whose writing returned opens and has its rows; of any other the
// manifest is absent, or it opens all the same.
func TestPowerLossDuringFlush(t *testing.T) {
	f := newFlush(t)
	for seed := range uint64(1000 / fewer) {
		if err := f.powerLoss(seed, vfs.Sound); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// TestPowerLossFindsMissingSync: without the syncs the test above fails.
func TestPowerLossFindsMissingSync(t *testing.T) {
	f := newFlush(t)
	for _, broken := range []vfs.Breakage{vfs.LyingSync, vfs.LyingSyncDir} {
		found := false
		for seed := uint64(0); seed < 200 && !found; seed++ {
			found = f.powerLoss(seed, broken) != nil
		}
		require.True(t, found, "breakage %d was not noticed", broken)
	}
}

// flush is a growing segment that is written again and again.
type flush struct {
	e    *Engine
	c    *schema.Collection
	g    *Growing
	task WriteTask
}

const flushRows = 30

func newFlush(t *testing.T) *flush {
	f := &flush{e: testEngine(), c: testCollection(schema.Int64)}
	f.g = newTestGrowing(f.e, f.c)
	require.NoError(t, f.g.Insert(numbered(f.c, 0, flushRows), 10))
	f.task = WriteTask{Collection: f.c, Partition: 3, Segment: 2, Task: 9}
	return f
}

func (f *flush) powerLoss(seed uint64, broken vfs.Breakage) error {
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(seed, 2))
	fsys := vfs.NewMem(seed)
	fsys.Break(broken)
	store, err := localfs.Open(fsys, "/objects", nil)
	if err != nil {
		return err
	}
	var mu sync.Mutex // the objects of a segment are written side by side
	var disk *vfs.Mem
	left := 1 + rng.IntN(160)
	fsys.SetHook(func(op vfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if op.Kind.Changes() && disk == nil {
			if left--; left == 0 {
				disk = fsys.CrashClone(rng)
			}
		}
		return nil
	})
	task := f.task
	task.Store = store
	if _, err := WriteSealed(ctx, task, f.g); err != nil {
		return err
	}
	acked := disk == nil
	if acked {
		disk = fsys.CrashClone(rng)
	}
	if store, err = localfs.Open(disk, "/objects", nil); err != nil {
		return err
	}
	key := binlog.Key{Kind: binlog.ManifestKey, Task: 9, Partition: 3, Segment: 2}.String()
	s, err := OpenSealed(ctx, f.e, store, key)
	if errors.Is(err, objectstore.ErrNotFound) && !acked {
		_, err := store.Stat(ctx, key)
		if !errors.Is(err, objectstore.ErrNotFound) {
			return fmt.Errorf("a manifest without its objects: %w", err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	defer s.Close()
	if s.Rows() != flushRows {
		return fmt.Errorf("%d rows of %d", s.Rows(), flushRows)
	}
	return nil
}
