package logtest

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/mq"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type memBackend struct{ *MemStore }

func (b memBackend) Open(testing.TB) mq.Log { return b.MemStore.Open() }

func (b memBackend) Kill(t testing.TB, l mq.Log) {
	b.MemStore.Kill()
	require.NoError(t, l.Close())
}

func TestMemConformance(t *testing.T) {
	Run(t, func(_ testing.TB, limits Limits) Backend {
		return memBackend{NewMemStore(Options{Capacity: limits.Capacity})}
	})
}

func TestMemOutcomes(t *testing.T) {
	s := NewMemStore(Options{Generation: 3})
	l := s.Open()
	defer l.Close()
	a, opened := openTerm(t, l, channel, 1)
	require.EqualValues(t, 3, opened.Generation)
	var outcome Outcome
	s.Decide(func(base.Channel, [][]byte) Outcome { return outcome })

	outcome = Full
	_, err := a.Append([][]byte{[]byte("full")}).Wait()
	require.ErrorIs(t, err, mq.ErrFull)
	outcome = Durable
	appendAll(t, a, "durable")
	outcome = FailedKept
	_, err = a.Append([][]byte{[]byte("kept")}).Wait()
	require.Error(t, err)
	outcome = Durable
	_, err = a.Append([][]byte{[]byte("poisoned")}).Wait()
	require.Error(t, err)
	a, _ = openTerm(t, l, channel, 2)
	outcome = FailedLost
	_, err = a.Append([][]byte{[]byte("lost")}).Wait()
	require.Error(t, err)
	require.False(t, errors.Is(err, mq.ErrFull))
	outcome = Durable
	_, end := openTerm(t, l, channel, 3)
	require.Equal(t, []string{"durable", "kept", "", ""}, dataOf(readTo(t, l, channel, opened, end)))
}

func TestMemHold(t *testing.T) {
	s := NewMemStore(Options{})
	l := s.Open()
	a, opened := openTerm(t, l, channel, 1)
	s.Hold()
	p := a.Append([][]byte{[]byte("one")})
	requireNoMore(t, l, channel, opened)
	s.Release()
	last, err := p.Wait()
	require.NoError(t, err)
	s.Hold()
	p = a.Append([][]byte{[]byte("two")})
	s.Kill()
	_, err = p.Wait()
	require.ErrorIs(t, err, mq.ErrClosed)
	l = s.Open()
	defer l.Close()
	requireNoMore(t, l, channel, last)
}
