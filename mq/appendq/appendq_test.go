package appendq

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/mq"
)

// take returns what a writer would get, answered.
func take(q *Queue) []string {
	var got []string
	for _, r := range q.Take() {
		got = append(got, fmt.Sprintf("%d:%s", r.Term, r.Records[0]))
		r.Position = base.Position{Offset: "x"}
		r.Answer()
	}
	return got
}

func TestOrderAndOwnership(t *testing.T) {
	q := New("ch", 10, 100)
	a, opening := q.Open(1)
	one := a.Append([][]byte{[]byte("one")})
	require.True(t, q.Waiting())
	require.Equal(t, []string{"1:", "1:one"}, take(q))
	_, err := opening.Wait()
	require.NoError(t, err)
	_, err = one.Wait()
	require.NoError(t, err)

	late := a.Append([][]byte{[]byte("late")})
	b, _ := q.Open(2)
	_, err = late.Wait()
	require.ErrorIs(t, err, mq.ErrFenced)
	_, err = a.Append([][]byte{[]byte("later")}).Wait()
	require.ErrorIs(t, err, mq.ErrFenced)
	require.NoError(t, a.Close(), "an old owner's Close does not end the new one")
	b.Append([][]byte{[]byte("two")})
	require.Equal(t, []string{"2:", "2:two"}, take(q))

	b.Append([][]byte{[]byte("last")})
	require.NoError(t, b.Close())
	_, err = b.Append([][]byte{[]byte("x")}).Wait()
	require.ErrorIs(t, err, mq.ErrClosed)
	q.Stop()
	require.Equal(t, []string{"2:last"}, take(q))
	require.Empty(t, q.Take())
	_, opening = q.Open(3)
	_, err = opening.Wait()
	require.ErrorIs(t, err, mq.ErrClosed)
}

func TestLimits(t *testing.T) {
	q := New("ch", 10, 40)
	a, _ := q.Open(1)
	_, err := a.Append([][]byte{make([]byte, 11)}).Wait()
	require.ErrorIs(t, err, mq.ErrTooLarge)
	_, err = a.Append([][]byte{make([]byte, 10), make([]byte, 10), make([]byte, 10)}).Wait()
	require.ErrorIs(t, err, mq.ErrTooLarge)
	a.Append([][]byte{make([]byte, 10), make([]byte, 10)})
	reqs := q.Take()
	require.Len(t, reqs, 2)
	require.EqualValues(t, 2*(10+Overhead), reqs[1].Size)
}

func TestFail(t *testing.T) {
	q := New("ch", 10, 40)
	a, _ := q.Open(1)
	require.Len(t, q.Take(), 1)
	waiting := a.Append([][]byte{nil})
	broken := errors.New("broken")
	require.True(t, q.Fail(broken))
	require.False(t, q.Fail(errors.New("again")))
	_, err := waiting.Wait()
	require.ErrorIs(t, err, broken)
	_, err = a.Append([][]byte{nil}).Wait()
	require.ErrorIs(t, err, broken)
	require.ErrorIs(t, q.Err(), broken)
	require.Empty(t, q.Take())
	_, opening := q.Open(2)
	_, err = opening.Wait()
	require.ErrorIs(t, err, broken)
}

func TestConcurrentUse(t *testing.T) {
	q := New("ch", 10, 40)
	var wg sync.WaitGroup
	wg.Go(func() {
		for len(take(q)) > 0 {
		}
	})
	for term := range int64(4) {
		a, opening := q.Open(term + 1)
		if _, err := opening.Wait(); err != nil {
			t.Error(err)
		}
		wg.Go(func() {
			for range 1000 {
				if _, err := a.Append([][]byte{[]byte("x")}).Wait(); err != nil && !errors.Is(err, mq.ErrFenced) && !errors.Is(err, mq.ErrClosed) {
					t.Error(err)
				}
			}
		})
	}
	q.Stop()
	wg.Wait()
}
