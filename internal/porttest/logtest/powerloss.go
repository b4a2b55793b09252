package logtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq"
)

// ErrLost is what PowerLoss finds: an acknowledged record is lost, or the log
// holds what it must not.
var ErrLost = errors.New("lost or wrong")

// PowerLoss works on a log until power fails at some operation of its file
// system, goes on with what the disk holds then, and checks it.
type PowerLoss struct {
	// Open opens the log in the directory /d of a disk; closing the log gives
	// the disk back.
	Open func(disk *vfs.Mem) (mq.Log, error)
	// Largest is the most bytes of a record; few are that large.
	Largest int
	// Faults makes operations fail now and then.
	Faults bool
	// NoNoise spares synced bytes that share a sector with a write under way;
	// see vfs.Mem.SetNoise.
	NoNoise bool
}

// Run lets power fail several times in a row and checks what is left after
// each; it returns the first loss, as ErrLost. All random choices follow from
// the seed, but for those of a log that has goroutines of its own. Broken is a
// promise that the disk does not keep.
func (p PowerLoss) Run(ctx context.Context, seed uint64, times int, broken vfs.Breakage) error {
	r := &torture{PowerLoss: p, ctx: ctx, rng: rand.New(rand.NewPCG(seed, 7)), disk: vfs.NewMem(seed)}
	r.disk.SetNoise(!p.NoNoise)
	if err := errors.Join(r.disk.MkdirAll("/d"), r.disk.SyncDir("/")); err != nil {
		return err
	}
	return r.powerLosses(times, broken)
}

// torture is one run of a PowerLoss.
type torture struct {
	PowerLoss
	ctx  context.Context
	rng  *rand.Rand
	disk *vfs.Mem
	term int64
	tag  int

	mu struct {
		sync.Mutex
		now     ledger
		crashed *vfs.Mem // what the disk held when power failed
		then    ledger   // and what had been promised
	}
}

// ledger is what was done and promised. Of records after the cut the log must
// hold the acknowledged ones, and may hold the beginning of the others.
type ledger struct {
	sent     []string // opening records aside
	acked    int      // of sent
	cut      int      // Truncate returned for as many records
	cutAsked int      // Truncate was called for as many
}

// arm makes power fail at one of the next operations that change something.
func (r *torture) arm(within int, broken vfs.Breakage) {
	r.disk.Break(broken)
	r.mu.crashed = nil
	crashes := rand.New(rand.NewPCG(r.rng.Uint64(), 1))
	faults := rand.New(rand.NewPCG(r.rng.Uint64(), 2))
	left := 1 + r.rng.IntN(within)
	r.disk.SetHook(func(op vfs.Op) error {
		if !op.Kind.Changes() {
			return nil
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if left--; left == 0 {
			r.mu.crashed = r.disk.CrashClone(crashes)
			r.mu.then = r.mu.now
			r.mu.then.sent = slices.Clone(r.mu.now.sent)
		}
		if r.Faults && faults.IntN(40) == 0 {
			return []error{syscall.EIO, syscall.ENOSPC}[faults.IntN(2)]
		}
		return nil
	})
}

func (r *torture) update(f func(l *ledger)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.mu.now)
}

// excuse returns nil for an error that the disk's faults explain: it ends what
// the log is doing, as it does in earnest. On a disk without faults a log that
// does not open, or does not take records, has lost all.
func (r *torture) excuse(err error) error {
	if r.Faults && !errors.Is(err, mq.ErrCorrupt) {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}

// live is one life of the process.
func (r *torture) live() error {
	l, err := r.Open(r.disk)
	if err != nil {
		return r.excuse(err)
	}
	defer l.Close()
	for range 4 {
		if err := r.own(l); err != nil {
			return err
		}
		if r.over() {
			return nil
		}
	}
	return nil
}

// over reports whether power failed: what follows does not count.
func (r *torture) over() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.crashed != nil
}

// known is the position behind a number of records.
type known struct {
	count int
	pos   base.Position
}

// own is the life of one owner.
func (r *torture) own(l mq.Log) error {
	r.term++
	a, opened, err := l.Open(r.ctx, channel, r.term)
	if err != nil {
		return r.excuse(err)
	}
	defer a.Close()
	positions, err := r.compare(l, opened)
	if err != nil {
		return err
	}
	width := 4
	if r.Faults { // a batch that is refused must not be followed by one that is not
		width = 1
	}
	var window []mq.Pending
	var counts []int
	for i := 0; i < 15 && !r.over(); i++ {
		batch := r.batch()
		r.update(func(l *ledger) {
			for _, b := range batch {
				l.sent = append(l.sent, string(b))
			}
			counts = append(counts, len(l.sent))
		})
		window = append(window, a.Append(batch))
		for len(window) > 0 && len(window) >= 1+r.rng.IntN(width) {
			pos, err := window[0].Wait()
			if err != nil {
				return r.excuse(err)
			}
			r.update(func(l *ledger) { l.acked = counts[0] })
			positions = append(positions, known{counts[0], pos})
			window, counts = window[1:], counts[1:]
		}
		if r.rng.IntN(5) == 0 && len(positions) > 0 {
			r.truncate(l, positions[r.rng.IntN(len(positions))])
		}
	}
	return nil
}

func (r *torture) batch() [][]byte {
	var batch [][]byte
	for range 1 + r.rng.IntN(4) {
		size := r.rng.IntN(200)
		switch r.rng.IntN(15) {
		case 0:
			size = r.rng.IntN(r.Largest)
		case 1, 2:
			size = r.rng.IntN(6 << 10)
		}
		r.tag++
		batch = append(batch, fmt.Appendf(nil, "%d:%s", r.tag, strings.Repeat("x", size)))
	}
	return batch
}

func (r *torture) truncate(l mq.Log, to known) {
	r.update(func(l *ledger) { l.cutAsked = max(l.cutAsked, to.count) })
	if err := l.Truncate(r.ctx, channel, to.pos); err == nil {
		r.update(func(l *ledger) { l.cut = max(l.cut, to.count) })
	}
}

// compare reads the log up to an opening record that was confirmed, and
// checks it. From then on the log must hold just that.
func (r *torture) compare(l mq.Log, opened base.Position) ([]known, error) {
	got, positions, err := r.read(l, opened)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLost, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := &r.mu.now
	for from := now.cut; from <= max(now.cut, now.cutAsked); from++ {
		end := from + len(got)
		if end < now.acked || end > len(now.sent) || !slices.Equal(got, now.sent[from:end]) {
			continue
		}
		now.sent, now.acked, now.cut = now.sent[:end:end], end, from
		var list []known
		for i, pos := range positions {
			list = append(list, known{from + i + 1, pos})
		}
		return list, nil
	}
	return nil, fmt.Errorf("%w: the log holds %s; sent %s, acknowledged %d, cut %d to %d",
		ErrLost, tags(got), tags(now.sent), now.acked, now.cut, now.cutAsked)
}

func tags(list []string) string {
	var b strings.Builder
	for _, s := range list {
		tag, _, _ := strings.Cut(s, ":")
		b.WriteString(" " + tag)
	}
	return "[" + b.String() + " ]"
}

// read returns the records up to the one at last, opening records aside.
func (r *torture) read(l mq.Log, last base.Position) (got []string, positions []base.Position, err error) {
	sub, err := l.Subscribe(r.ctx, channel, base.Position{})
	if err != nil {
		return nil, nil, err
	}
	defer sub.Close()
	for {
		rec, err := sub.Next(r.ctx)
		if err != nil {
			return nil, nil, err
		}
		switch c := rec.Position.Compare(last); {
		case c == 0:
			return got, positions, nil
		case c > 0:
			return nil, nil, fmt.Errorf("record %v after the opening record", rec.Position)
		case len(rec.Data) > 0:
			got, positions = append(got, string(rec.Data)), append(positions, rec.Position)
		}
	}
}

func (r *torture) powerLosses(times int, broken vfs.Breakage) error {
	for i := range times {
		within := 120
		if i%2 == 1 {
			within = 20 // while the log recovers
		}
		r.arm(within, broken)
		for range 4 {
			if err := r.live(); err != nil {
				return err
			}
			if r.over() {
				r.disk, r.mu.now = r.mu.crashed, r.mu.then
				break
			}
		}
		r.disk.SetHook(nil)
	}
	r.disk.Break(broken)
	r.mu.crashed, r.Faults = nil, false
	return r.live()
}
