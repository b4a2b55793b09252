package logtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/mq"
)

func testTruncate(t *testing.T, fresh New) {
	b := fresh(t, Limits{})
	l := b.Open(t)
	a, first := openTerm(t, l, channel, 1)
	var want []string
	for i := range 20 {
		want = append(want, fmt.Sprint(i))
	}
	pos := appendAll(t, a, want...)
	check := func(l mq.Log, cut int) {
		require.Equal(t, want[cut+1:], dataOf(readTo(t, l, channel, base.Position{}, pos[19])))
		require.Equal(t, want[cut+1:], dataOf(readTo(t, l, channel, pos[cut], pos[19])))
		require.Equal(t, want[cut+2:], dataOf(readTo(t, l, channel, pos[cut+1], pos[19])))
		for _, p := range []base.Position{first, pos[0], pos[cut-1]} {
			_, err := l.Subscribe(t.Context(), channel, p)
			require.ErrorIs(t, err, mq.ErrTruncated)
		}
	}
	require.NoError(t, l.Truncate(t.Context(), channel, pos[4]))
	check(l, 4)
	require.NoError(t, l.Truncate(t.Context(), channel, pos[2]), "a position before the cut changes nothing")
	check(l, 4)
	b.Kill(t, l)
	l = b.Open(t)
	check(l, 4)
	require.NoError(t, l.Truncate(t.Context(), channel, pos[7]), "no owner is needed")
	check(l, 7)
	require.NoError(t, l.Close())
	check(open(t, b), 7)
}

func testTruncateAll(t *testing.T, fresh New) {
	b := fresh(t, Limits{})
	l := b.Open(t)
	var last base.Position
	for term := int64(1); term < 6; term++ {
		a, opened := openTerm(t, l, channel, term)
		require.True(t, last.Before(opened), "%v after %v", opened, last)
		last = appendAll(t, a, "x", "y")[1]
		require.NoError(t, l.Truncate(t.Context(), channel, last))
		requireNoMore(t, l, channel, base.Position{})
		requireNoMore(t, l, channel, last)
		if term%2 == 0 {
			b.Kill(t, l)
			l = b.Open(t)
		} else {
			next := appendAll(t, a, "z")[0]
			require.Equal(t, []string{"z"}, dataOf(readTo(t, l, channel, base.Position{}, next)))
			last = next
		}
	}
	require.NoError(t, l.Close())
}

// A reader that the cut overtakes goes on in order or learns it; it never
// gets records with a hole between.
func testTruncateUnderReader(t *testing.T, fresh New) {
	l := open(t, fresh(t, Limits{}))
	a, first := openTerm(t, l, channel, 1)
	var want []string
	for i := range 30 {
		want = append(want, fmt.Sprint(i))
	}
	pos := appendAll(t, a, want...)
	sub, err := l.Subscribe(t.Context(), channel, first)
	require.NoError(t, err)
	defer sub.Close()
	for i := range 10 {
		rec, err := sub.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, want[i], string(rec.Data))
	}
	require.NoError(t, l.Truncate(t.Context(), channel, pos[20]))
	for i := 10; i < 30; i++ {
		rec, err := sub.Next(t.Context())
		if err != nil {
			require.ErrorIs(t, err, mq.ErrTruncated)
			return
		}
		require.Equal(t, want[i], string(rec.Data))
	}
}

// A checkpoint may lie beyond the end of a log whose tail a broken disk lost.
// What a later term appends comes after it nevertheless.
func testTruncateBeyondTheEnd(t *testing.T, fresh New) {
	other := open(t, fresh(t, Limits{}))
	a, _ := openTerm(t, other, channel, 3)
	var beyond base.Position
	for i := range 50 {
		beyond = appendAll(t, a, fmt.Sprint(i))[0]
	}
	b := fresh(t, Limits{})
	l := b.Open(t)
	a, _ = openTerm(t, l, channel, 2)
	appendAll(t, a, "kept", "kept")
	require.NoError(t, l.Close())
	l = b.Open(t)
	sub, err := l.Subscribe(t.Context(), channel, beyond)
	require.NoError(t, err)
	require.NoError(t, sub.Close())
	a, opened := openTerm(t, l, channel, 4)
	require.True(t, beyond.Before(opened))
	last := appendAll(t, a, "new")[0]
	require.Equal(t, []string{"", "new"}, dataOf(readTo(t, l, channel, beyond, last)))
	require.NoError(t, l.Truncate(t.Context(), channel, beyond))
	require.Equal(t, []string{"", "new"}, dataOf(readTo(t, l, channel, base.Position{}, last)))
	b.Kill(t, l)
	require.Equal(t, []string{"", "new"}, dataOf(readTo(t, open(t, b), channel, base.Position{}, last)))
}

func testReopen(t *testing.T, fresh New) {
	b := fresh(t, Limits{})
	var want []string
	var first, last base.Position
	for term := int64(1); term <= 6; term++ {
		l := b.Open(t)
		if term > 1 {
			require.Equal(t, want, dataOf(readTo(t, l, channel, base.Position{}, last)))
		}
		a, opened := openTerm(t, l, channel, term)
		require.True(t, last.Before(opened))
		want = append(want, "", fmt.Sprintf("term %d", term))
		last = appendAll(t, a, want[len(want)-1])[0]
		if term == 1 {
			first = opened
		}
		switch term % 3 {
		case 0:
			require.NoError(t, a.Close())
			require.NoError(t, l.Close())
		case 1:
			require.NoError(t, l.Close())
		case 2:
			b.Kill(t, l)
		}
	}
	l := open(t, b)
	require.Equal(t, want[1:], dataOf(readTo(t, l, channel, first, last)))
}

func testKillKeepsAcknowledged(t *testing.T, fresh New) {
	b := fresh(t, Limits{})
	rng := rand.New(rand.NewPCG(1, 1))
	var kept []string // what the log must begin with
	for term := int64(10); term < 60; term += 10 {
		l := b.Open(t)
		a, opened := openTerm(t, l, channel, term)
		kept = kept[:0]
		for _, e := range readTo(t, l, channel, base.Position{}, opened) {
			kept = append(kept, e.data)
		}
		var sent []string
		var window []mq.Pending
		for i := range 200 {
			sent = append(sent, fmt.Sprintf("%d.%d %x", term, i, randomBytes(uint64(i), rng.IntN(200))))
			window = append(window, a.Append([][]byte{[]byte(sent[i])}))
		}
		acked := rng.IntN(200)
		for i := range acked {
			_, err := window[i].Wait()
			require.NoError(t, err)
		}
		b.Kill(t, l)
		for _, p := range window[acked:] {
			_, _ = p.Wait() // either way, but it must end
		}
		l = b.Open(t)
		_, end := openTerm(t, l, channel, term+1)
		got := dataOf(readTo(t, l, channel, base.Position{}, end))
		got = got[:len(got)-1]
		require.GreaterOrEqual(t, len(got), len(kept)+acked)
		require.Equal(t, kept, got[:len(kept)])
		require.Equal(t, sent[:len(got)-len(kept)], got[len(kept):], "a prefix of what was sent, in order")
		require.NoError(t, l.Close())
	}
}

func testFullThenHeals(t *testing.T, fresh New) {
	b := fresh(t, Limits{Capacity: 2 << 20})
	l := b.Open(t)
	require.EqualValues(t, 2<<20, l.Stats(channel).Capacity)
	a, first := openTerm(t, l, channel, 1)
	var want []string
	var pos []base.Position
	fill := func() {
		for i := range 1000 {
			record := fmt.Sprintf("%d %s", i, randomBytes(uint64(i), 64<<10))
			p, err := a.Append([][]byte{[]byte(record)}).Wait()
			if err != nil {
				require.ErrorIs(t, err, mq.ErrFull)
				return
			}
			want, pos = append(want, record), append(pos, p)
		}
		t.Fatal("never full")
	}
	fill()
	require.GreaterOrEqual(t, len(want), 16, "half of the capacity can be used")
	require.LessOrEqual(t, l.Stats(channel).Bytes, int64(2<<20))
	_, err := a.Append([][]byte{[]byte("small"), randomBytes(1, 512<<10)}).Wait()
	require.ErrorIs(t, err, mq.ErrFull, "all of a batch or nothing")
	last := pos[len(pos)-1]
	require.Equal(t, want, dataOf(readTo(t, l, channel, first, last)), "reads go on")
	requireNoMore(t, l, channel, last)

	for range 3 {
		cut := len(pos) / 2
		require.NoError(t, l.Truncate(t.Context(), channel, pos[cut]))
		want, pos = want[cut+1:], pos[cut+1:]
		had := len(want)
		require.Eventually(t, func() bool {
			p, err := a.Append([][]byte{[]byte("again")}).Wait()
			if err != nil {
				require.ErrorIs(t, err, mq.ErrFull)
				return false
			}
			want, pos = append(want, "again"), append(pos, p)
			return true
		}, patience, 1e6)
		fill()
		require.Greater(t, len(want), had+4)
	}
	last = pos[len(pos)-1]
	require.Equal(t, want, dataOf(readTo(t, l, channel, base.Position{}, last)))
	b.Kill(t, l)
	l = open(t, b)
	require.Equal(t, want, dataOf(readTo(t, l, channel, base.Position{}, last)))
	_, _, err = l.Open(t.Context(), channel, 2)
	if err != nil {
		require.ErrorIs(t, err, mq.ErrFull)
	}
}

func testChannels(t *testing.T, fresh New) {
	b := fresh(t, Limits{})
	l := b.Open(t)
	names := []base.Channel{"by-dev-rootcoord-dml_0", "by-dev-rootcoord-dml_1", "BY-DEV-rootcoord-dml_0", "a/b.c%d *>"}
	last := map[base.Channel]base.Position{}
	for i, ch := range names {
		a, _ := openTerm(t, l, ch, int64(i+1))
		last[ch] = appendAll(t, a, "of "+string(ch))[0]
	}
	require.NoError(t, l.Truncate(t.Context(), names[1], last[names[1]]))
	b.Kill(t, l)
	l = open(t, b)
	for i, ch := range names {
		if i == 1 {
			requireNoMore(t, l, ch, base.Position{})
			continue
		}
		require.Equal(t, []string{"", "of " + string(ch)}, dataOf(readTo(t, l, ch, base.Position{}, last[ch])))
	}
	requireNoMore(t, l, "never opened", base.Position{})
	require.Zero(t, l.Stats("never opened").Bytes)
}

func testClosed(t *testing.T, fresh New) {
	b := fresh(t, Limits{})
	l := b.Open(t)
	a, pos := openTerm(t, l, channel, 1)
	sub, err := l.Subscribe(t.Context(), channel, pos)
	require.NoError(t, err)
	waiting, err := l.Subscribe(t.Context(), channel, pos)
	require.NoError(t, err)
	require.NoError(t, sub.Close())
	require.NoError(t, sub.Close())
	_, err = sub.Next(t.Context())
	require.ErrorIs(t, err, mq.ErrClosed)

	ended := make(chan error)
	go func() {
		_, err := waiting.Next(context.Background())
		ended <- err
	}()
	require.NoError(t, l.Close())
	require.ErrorIs(t, <-ended, mq.ErrClosed)
	require.NoError(t, l.Close())
	_, err = a.Append([][]byte{[]byte("x")}).Wait()
	require.Error(t, err)
	require.False(t, errors.Is(err, mq.ErrFull) || errors.Is(err, mq.ErrTooLarge))
	require.NoError(t, a.Close())
	_, _, err = l.Open(t.Context(), channel, 2)
	require.ErrorIs(t, err, mq.ErrClosed)
	_, err = l.Subscribe(t.Context(), channel, base.Position{})
	require.ErrorIs(t, err, mq.ErrClosed)
	require.ErrorIs(t, l.Truncate(t.Context(), channel, pos), mq.ErrClosed)
	require.NoError(t, waiting.Close())

	l = open(t, b)
	a, pos = openTerm(t, l, channel, 2)
	p := a.Append([][]byte{[]byte("queued")})
	require.NoError(t, a.Close())
	if last, err := p.Wait(); err == nil {
		require.Equal(t, []string{"queued"}, dataOf(readTo(t, l, channel, pos, last)))
	}
	_, err = a.Append([][]byte{[]byte("x")}).Wait()
	require.Error(t, err)
}
