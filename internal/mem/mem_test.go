package mem

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMapOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	want := make([]byte, 10_000)
	for i := range want {
		want[i] = byte(i * 7)
	}
	require.NoError(t, os.WriteFile(path, want, 0o600))

	m, err := Open(path)
	require.NoError(t, err)
	require.Equal(t, want, m.Bytes())
	m.OnRelease(func() { require.NoError(t, os.Remove(path)) })
	m.Pin()
	require.NoError(t, m.Unpin())
	require.Equal(t, want, m.Bytes())
	require.FileExists(t, path)

	require.NoError(t, m.Unpin())
	require.NoFileExists(t, path)
	require.False(t, m.TryPin())
	require.Error(t, m.Unpin())
}

func TestMapOpenBad(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Open(dir)
	require.Error(t, err)

	empty := filepath.Join(dir, "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	m, err := Open(empty)
	require.NoError(t, err)
	require.Empty(t, m.Bytes())
	require.NoError(t, m.Unpin())
}

// TestMapPins pins and unpins from many goroutines: exactly one of them sees
// the release, and nobody pins afterwards.
func TestMapPins(t *testing.T) {
	m := FromBytes([]byte("abc"))
	released := 0
	m.OnRelease(func() { released++ })
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				if m.TryPin() {
					if string(m.Bytes()) != "abc" {
						t.Error("bytes changed under a pin")
					}
					_ = m.Unpin()
				}
			}
		})
	}
	require.NoError(t, m.Unpin())
	wg.Wait()
	require.Equal(t, 1, released)
	require.False(t, m.TryPin())
}

func TestBudget(t *testing.T) {
	b := NewBudget(100)
	require.True(t, b.TryReserve(60))
	require.False(t, b.TryReserve(41))
	require.True(t, b.TryReserve(40))
	require.EqualValues(t, 100, b.Used())
	err := b.Reserve(1)
	var be *BudgetError
	require.ErrorAs(t, err, &be)
	require.Equal(t, BudgetError{Need: 1, Used: 100, Limit: 100}, *be)
	b.Release(100)
	require.Zero(t, b.Used())
	require.True(t, NewBudget(0).TryReserve(1<<60))
}

func TestSlab(t *testing.T) {
	for _, capacity := range []int{0, 1, 100, smallSlab - 1, smallSlab, smallSlab + 1, 5 << 20} {
		b := NewBudget(0)
		s, err := NewSlab(b, capacity/3, capacity)
		require.NoError(t, err)
		require.Equal(t, capacity, s.Cap())
		require.EqualValues(t, capacity/3, b.Used())
		for i := range s.Bytes() {
			s.Bytes()[i] = byte(i)
		}
		require.NoError(t, s.Grow(capacity))
		require.NoError(t, s.Grow(capacity/2)) // smaller: nothing happens
		require.Len(t, s.Bytes(), capacity)
		for i, x := range s.Bytes() {
			want := byte(i)
			if i >= capacity/3 {
				want = 0
			}
			if x != want {
				t.Fatalf("capacity %d: byte %d is %d, want %d", capacity, i, x, want)
			}
		}
		for i := range s.Bytes() {
			s.Bytes()[i] = 1
		}
		_, ok := View[uint64](s.Bytes())
		require.True(t, ok)
		require.Error(t, s.Grow(capacity+1))
		require.EqualValues(t, capacity, b.Used())
		require.NoError(t, s.Free())
		require.NoError(t, s.Free())
		require.Zero(t, b.Used())
	}
}

func TestSlabOverBudget(t *testing.T) {
	b := NewBudget(1 << 20)
	_, err := NewSlab(b, 2<<20, 2<<20)
	var be *BudgetError
	require.ErrorAs(t, err, &be)
	require.Zero(t, b.Used())

	s, err := NewSlab(b, 1<<20, 4<<20)
	require.NoError(t, err)
	require.ErrorAs(t, s.Grow(1<<20+1), &be)
	require.EqualValues(t, 1<<20, b.Used())
	require.NoError(t, s.Free())

	_, err = NewSlab(b, 2, 1)
	require.Error(t, err)
}

func TestView(t *testing.T) {
	words := []uint32{0x04030201, 0x08070605}
	b := Bytes(words)
	if LittleEndian() {
		require.Equal(t, []byte{1, 2, 3, 4, 5, 6, 7, 8}, b)
	}
	back, ok := View[uint32](b)
	require.True(t, ok)
	require.Equal(t, words, back)
	_, ok = View[uint32](b[1:])
	require.False(t, ok)
	short, ok := View[uint32](b[:7])
	require.True(t, ok)
	require.Equal(t, words[:1], short)
}
