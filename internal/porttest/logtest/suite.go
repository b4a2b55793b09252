// Package logtest holds the conformance suite of mq.Log, which every adapter
// passes, and a log in memory that passes it too, for the tests of packages
// that use a log.
package logtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/mq"
)

// Limits of the log that a test asks for. A Capacity of zero is the adapter's
// default.
type Limits struct {
	Capacity int64
}

// Backend is one place where an adapter keeps its logs.
type Backend interface {
	// Open opens the log in this place.
	Open(t testing.TB) mq.Log
	// Kill ends a log as the end of its process would, so that the next Open
	// finds what a new process would find. It returns when nothing of the killed
	// log runs.
	Kill(t testing.TB, l mq.Log)
}

// New makes a Backend with an empty place.
type New func(t testing.TB, limits Limits) Backend

const channel = base.Channel("by-dev-rootcoord-dml_0")

// patience bounds waits that a correct adapter ends at once.
const patience = 20 * time.Second

// Run runs the whole suite.
func Run(t *testing.T, fresh New) {
	tests := []struct {
		name string
		run  func(t *testing.T, fresh New)
	}{
		{"OpeningRecord", testOpeningRecord},
		{"AppendAndRead", testAppendAndRead},
		{"ManyInFlight", testManyInFlight},
		{"BatchIsContiguous", testBatchIsContiguous},
		{"LargestRecord", testLargestRecord},
		{"LargeBatch", testLargeBatch},
		{"SubscribeInTheMiddle", testSubscribeInTheMiddle},
		{"SubscribeWaits", testSubscribeWaits},
		{"SubscribeWhileAppending", testSubscribeWhileAppending},
		{"Fence", testFence},
		{"FenceInFlight", testFenceInFlight},
		{"FenceAfterReopen", testFenceAfterReopen},
		{"Truncate", testTruncate},
		{"TruncateAll", testTruncateAll},
		{"TruncateUnderReader", testTruncateUnderReader},
		{"TruncateBeyondTheEnd", testTruncateBeyondTheEnd},
		{"Reopen", testReopen},
		{"KillKeepsAcknowledged", testKillKeepsAcknowledged},
		{"FullThenHeals", testFullThenHeals},
		{"Channels", testChannels},
		{"Closed", testClosed},
		{"Model", testModel},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, fresh) })
	}
}

// open opens a log that the test's end closes.
func open(t testing.TB, b Backend) mq.Log {
	l := b.Open(t)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

func openTerm(t testing.TB, l mq.Log, ch base.Channel, term int64) (mq.Appender, base.Position) {
	a, pos, err := l.Open(t.Context(), ch, term)
	require.NoError(t, err)
	require.False(t, pos.IsZero())
	return a, pos
}

func appendAll(t testing.TB, a mq.Appender, records ...string) []base.Position {
	var positions []base.Position
	for _, r := range records {
		pos, err := a.Append([][]byte{[]byte(r)}).Wait()
		require.NoError(t, err)
		positions = append(positions, pos)
	}
	return positions
}

// entry is a record whose data a test may keep.
type entry struct {
	pos  base.Position
	term int64
	data string
}

func (e entry) String() string {
	if len(e.data) > 20 {
		return fmt.Sprintf("%v t%d %q… (%d)", e.pos, e.term, e.data[:20], len(e.data))
	}
	return fmt.Sprintf("%v t%d %q", e.pos, e.term, e.data)
}

// readTo reads what follows a position, up to and with the record at last.
func readTo(t testing.TB, l mq.Log, ch base.Channel, after, last base.Position) []entry {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	sub, err := l.Subscribe(ctx, ch, after)
	require.NoError(t, err)
	defer func() { require.NoError(t, sub.Close()) }()
	var entries []entry
	for prev := after; ; {
		rec, err := sub.Next(ctx)
		require.NoError(t, err, "after %d records", len(entries))
		require.True(t, prev.Before(rec.Position), "%v after %v", rec.Position, prev)
		prev = rec.Position
		entries = append(entries, entry{rec.Position, rec.Term, string(rec.Data)})
		if rec.Position.Compare(last) >= 0 {
			require.Equal(t, last, rec.Position)
			return entries
		}
	}
}

func dataOf(entries []entry) []string {
	var data []string
	for _, e := range entries {
		data = append(data, e.data)
	}
	return data
}

// requireNoMore checks that nothing follows a position.
func requireNoMore(t testing.TB, l mq.Log, ch base.Channel, after base.Position) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	sub, err := l.Subscribe(t.Context(), ch, after)
	require.NoError(t, err)
	rec, err := sub.Next(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded, "unexpected record %v", rec)
	require.NoError(t, sub.Close())
}

func testOpeningRecord(t *testing.T, fresh New) {
	l := open(t, fresh(t, Limits{}))
	_, pos := openTerm(t, l, channel, 7)
	entries := readTo(t, l, channel, base.Position{}, pos)
	require.Equal(t, []entry{{pos: pos, term: 7}}, entries)
	requireNoMore(t, l, channel, pos)
}

func testAppendAndRead(t *testing.T, fresh New) {
	l := open(t, fresh(t, Limits{}))
	a, first := openTerm(t, l, channel, 1)
	positions := append([]base.Position{first}, appendAll(t, a, "a", "", "ccc")...)
	entries := readTo(t, l, channel, base.Position{}, positions[3])
	require.Equal(t, []string{"", "a", "", "ccc"}, dataOf(entries))
	for i, e := range entries {
		require.Equal(t, positions[i], e.pos)
		require.EqualValues(t, 1, e.term)
	}
	require.Positive(t, l.Stats(channel).Bytes)
}

func testManyInFlight(t *testing.T, fresh New) {
	l := open(t, fresh(t, Limits{}))
	a, first := openTerm(t, l, channel, 1)
	const n = 500
	pending := make([]mq.Pending, n)
	want := make([]string, n)
	for i := range pending {
		want[i] = fmt.Sprintf("record %d %s", i, bytes.Repeat([]byte{'x'}, i%300))
		pending[i] = a.Append([][]byte{[]byte(want[i])})
	}
	positions := make([]base.Position, n)
	var wg sync.WaitGroup
	for i, p := range pending {
		wg.Go(func() {
			pos, err := p.Wait()
			if err != nil {
				t.Errorf("append %d: %v", i, err)
			}
			positions[i] = pos
		})
	}
	wg.Wait()
	entries := readTo(t, l, channel, first, positions[n-1])
	require.Equal(t, want, dataOf(entries))
	for i, e := range entries {
		require.Equal(t, positions[i], e.pos)
	}
}

func testBatchIsContiguous(t *testing.T, fresh New) {
	l := open(t, fresh(t, Limits{}))
	a, first := openTerm(t, l, channel, 1)
	var want []string
	var last mq.Pending
	for i := range 50 {
		var batch [][]byte
		for k := range 1 + i%7 {
			want = append(want, fmt.Sprintf("%d.%d", i, k))
			batch = append(batch, []byte(want[len(want)-1]))
		}
		last = a.Append(batch)
	}
	pos, err := last.Wait()
	require.NoError(t, err)
	require.Equal(t, want, dataOf(readTo(t, l, channel, first, pos)))
}

func randomBytes(seed uint64, n int) []byte {
	rng := rand.NewChaCha8([32]byte{byte(seed)})
	b := make([]byte, n)
	rng.Read(b)
	return b
}

func testLargestRecord(t *testing.T, fresh New) {
	b := fresh(t, Limits{})
	l := b.Open(t)
	a, first := openTerm(t, l, channel, 1)
	largest := randomBytes(1, l.MaxRecord())
	before := a.Append([][]byte{[]byte("before")})
	tooLarge := a.Append([][]byte{[]byte("with it"), make([]byte, l.MaxRecord()+1)})
	exact := a.Append([][]byte{largest})
	after := a.Append([][]byte{[]byte("after")})
	_, err := before.Wait()
	require.NoError(t, err)
	_, err = tooLarge.Wait()
	require.ErrorIs(t, err, mq.ErrTooLarge)
	_, err = exact.Wait()
	require.NoError(t, err)
	pos, err := after.Wait()
	require.NoError(t, err)
	check := func(l mq.Log) {
		got := readTo(t, l, channel, first, pos)
		require.Len(t, got, 3)
		require.Equal(t, "before", got[0].data)
		require.True(t, got[1].data == string(largest))
		require.Equal(t, "after", got[2].data)
	}
	check(l)
	b.Kill(t, l)
	check(open(t, b))
}

// A request of many megabytes is one batch, whatever the largest record is.
func testLargeBatch(t *testing.T, fresh New) {
	b := fresh(t, Limits{})
	l := b.Open(t)
	a, first := openTerm(t, l, channel, 1)
	var batch [][]byte
	for i := range 5 {
		batch = append(batch, randomBytes(uint64(i), min(l.MaxRecord(), 4<<20)-i))
	}
	pos, err := a.Append(batch).Wait()
	require.NoError(t, err)
	pos2 := appendAll(t, a, "small")[0]
	require.NoError(t, l.Close())
	l = open(t, b)
	got := readTo(t, l, channel, first, pos2)
	require.Len(t, got, 6)
	for i := range batch {
		require.True(t, got[i].data == string(batch[i]), "record %d", i)
	}
	require.Equal(t, pos, got[4].pos)
}

func testSubscribeInTheMiddle(t *testing.T, fresh New) {
	l := open(t, fresh(t, Limits{}))
	a, first := openTerm(t, l, channel, 1)
	var want []string
	positions := []base.Position{first}
	for i := range 40 {
		want = append(want, fmt.Sprint(i))
		if i%3 == 0 { // positions inside a batch cannot be known before reading
			positions = append(positions, appendAll(t, a, want[i])...)
			continue
		}
		_, err := a.Append([][]byte{[]byte(want[i])}).Wait()
		require.NoError(t, err)
	}
	last := appendAll(t, a, "last")[0]
	want = append(want, "last")
	entries := readTo(t, l, channel, base.Position{}, last)
	for i, e := range entries[:len(entries)-1] {
		require.Equal(t, want[i:], dataOf(readTo(t, l, channel, e.pos, last)))
	}
	require.Equal(t, first, positions[0])
}

func testSubscribeWaits(t *testing.T, fresh New) {
	l := open(t, fresh(t, Limits{}))
	a, pos := openTerm(t, l, channel, 1)
	sub, err := l.Subscribe(t.Context(), channel, pos)
	require.NoError(t, err)
	got := make(chan string)
	go func() {
		rec, err := sub.Next(context.Background())
		if err != nil {
			got <- err.Error()
			return
		}
		got <- string(rec.Data)
	}()
	appendAll(t, a, "news")
	require.Equal(t, "news", <-got)

	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(5*time.Millisecond, cancel)
	_, err = sub.Next(ctx)
	require.ErrorIs(t, err, context.Canceled)
	appendAll(t, a, "more")
	rec, err := sub.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, "more", string(rec.Data), "a cancelled Next takes nothing")
	require.NoError(t, sub.Close())
}

func testSubscribeWhileAppending(t *testing.T, fresh New) {
	l := open(t, fresh(t, Limits{}))
	a, first := openTerm(t, l, channel, 1)
	const readers, n = 3, 400
	var wg sync.WaitGroup
	for range readers {
		sub, err := l.Subscribe(t.Context(), channel, first)
		require.NoError(t, err)
		wg.Go(func() {
			defer sub.Close()
			for i := range n {
				rec, err := sub.Next(t.Context())
				if err != nil || string(rec.Data) != fmt.Sprint(i) {
					t.Errorf("record %d: %q %v", i, rec.Data, err)
					return
				}
			}
		})
	}
	window := make(chan mq.Pending, 16)
	wg.Go(func() {
		for p := range window {
			if _, err := p.Wait(); err != nil {
				t.Error(err)
			}
		}
	})
	for i := range n {
		window <- a.Append([][]byte{[]byte(fmt.Sprint(i))})
	}
	close(window)
	wg.Wait()
}

func testFence(t *testing.T, fresh New) {
	l := open(t, fresh(t, Limits{}))
	old, first := openTerm(t, l, channel, 5)
	appendAll(t, old, "old")
	for _, term := range []int64{5, 4, 1} {
		_, _, err := l.Open(t.Context(), channel, term)
		require.ErrorIs(t, err, mq.ErrFenced, "term %d", term)
	}
	appendAll(t, old, "still the owner")
	next, pos := openTerm(t, l, channel, 9)
	for range 2 {
		_, err := old.Append([][]byte{[]byte("late")}).Wait()
		require.ErrorIs(t, err, mq.ErrFenced)
	}
	require.NoError(t, old.Close())
	last := appendAll(t, next, "new")[0]
	entries := readTo(t, l, channel, first, last)
	require.Equal(t, []string{"old", "still the owner", "", "new"}, dataOf(entries))
	require.Equal(t, pos, entries[2].pos)
	require.EqualValues(t, 9, entries[2].term)
	_, _, err := l.Open(t.Context(), channel, 8)
	require.ErrorIs(t, err, mq.ErrFenced)
}

// Law 1 while the old owner writes at full speed: what it was told is durable
// lies before the opening record, and nothing of it after.
func testFenceInFlight(t *testing.T, fresh New) {
	l := open(t, fresh(t, Limits{}))
	a, _ := openTerm(t, l, channel, 1)
	for term := int64(2); term < 8; term++ {
		acked := make(chan map[string]bool)
		started := make(chan struct{})
		owner := a
		go func() {
			got := map[string]bool{}
			defer func() { acked <- got }()
			for i := 0; ; i++ {
				var window []mq.Pending
				var names []string
				for k := range 20 {
					names = append(names, fmt.Sprintf("%d/%d/%d", term, i, k))
					window = append(window, owner.Append([][]byte{[]byte(names[k])}))
				}
				if i == 2 {
					close(started)
				}
				for k, p := range window {
					_, err := p.Wait()
					switch {
					case err == nil:
						got[names[k]] = true
					case errors.Is(err, mq.ErrFenced):
						return
					default:
						t.Errorf("%s: %v", names[k], err)
						return
					}
				}
			}
		}()
		<-started
		next, pos := openTerm(t, l, channel, term)
		want := <-acked
		for _, e := range readTo(t, l, channel, base.Position{}, pos) {
			delete(want, e.data)
		}
		require.Empty(t, want, "acknowledged but not before the next owner's opening record")
		require.NoError(t, a.Close())
		last := appendAll(t, next, "end")[0]
		require.Equal(t, []string{"end"}, dataOf(readTo(t, l, channel, pos, last)))
		a = next
	}
}

func testFenceAfterReopen(t *testing.T, fresh New) {
	b := fresh(t, Limits{})
	l := b.Open(t)
	openTerm(t, l, channel, 5)
	b.Kill(t, l)
	l = b.Open(t)
	_, _, err := l.Open(t.Context(), channel, 5)
	require.ErrorIs(t, err, mq.ErrFenced)
	a, pos := openTerm(t, l, channel, 6)
	last := appendAll(t, a, "x")[0]
	require.NoError(t, l.Truncate(t.Context(), channel, last))
	require.NoError(t, l.Close())
	l = open(t, b)
	_, _, err = l.Open(t.Context(), channel, 6)
	require.ErrorIs(t, err, mq.ErrFenced, "the term outlives the cut")
	_, later := openTerm(t, l, channel, 7)
	require.True(t, pos.Before(later))
}
