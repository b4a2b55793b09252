package logtest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/mq"
)

// Bench measures appends of 1 KiB, 64 KiB and 1 MiB, one at a time and with
// 256 under way, and reading them back. The log is cut as it grows, as flushes
// do it.
func Bench(b *testing.B, fresh New) {
	for _, size := range []int{1 << 10, 64 << 10, 1 << 20} {
		for _, window := range []int{1, 256} {
			b.Run(fmt.Sprintf("append/%dKiB/window%d", size>>10, window), func(b *testing.B) {
				benchAppend(b, fresh, size, window)
			})
		}
		b.Run(fmt.Sprintf("read/%dKiB", size>>10), func(b *testing.B) { benchRead(b, fresh, size) })
	}
}

func benchAppend(b *testing.B, fresh New, size, window int) {
	const cutEvery = 256 << 20
	l := fresh(b, Limits{}).Open(b)
	defer l.Close()
	a, _ := openTerm(b, l, channel, 1)
	record := randomBytes(1, size)
	under := make([]mq.Pending, 0, window)
	var last base.Position
	since := 0
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if len(under) == window {
			last = wait(b, under[0])
			under = append(under[:0], under[1:]...)
		}
		under = append(under, a.Append([][]byte{record}))
		if since += size; since > cutEvery && !last.IsZero() {
			require.NoError(b, l.Truncate(b.Context(), channel, last))
			since = 0
		}
	}
	for _, p := range under {
		wait(b, p)
	}
}

func wait(b testing.TB, p mq.Pending) base.Position {
	pos, err := p.Wait()
	require.NoError(b, err)
	return pos
}

func benchRead(b *testing.B, fresh New, size int) {
	l := fresh(b, Limits{}).Open(b)
	defer l.Close()
	a, first := openTerm(b, l, channel, 1)
	record := randomBytes(1, size)
	n := max(16, 64<<20/size)
	var pending []mq.Pending
	for range n {
		pending = append(pending, a.Append([][]byte{record}))
	}
	for _, p := range pending {
		wait(b, p)
	}
	sub, err := l.Subscribe(b.Context(), channel, first)
	require.NoError(b, err)
	defer func() { _ = sub.Close() }()
	read := 0
	b.SetBytes(int64(size))
	for b.Loop() {
		if read == n {
			require.NoError(b, sub.Close())
			sub, err = l.Subscribe(b.Context(), channel, first)
			require.NoError(b, err)
			read = 0
		}
		rec, err := sub.Next(b.Context())
		require.NoError(b, err)
		require.Len(b, rec.Data, size)
		read++
	}
}
