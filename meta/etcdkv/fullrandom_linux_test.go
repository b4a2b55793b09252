package etcdkv

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/meta"
)

// TestFullAtRandom runs TestFullAtRandomChild on a file system of its own.
func TestFullAtRandom(t *testing.T) { inNamespace(t, "TestFullAtRandomChild") }

// TestFullAtRandomChild: somebody else takes all space and gives it back, at
// any moment of commits and starts. A commit is applied or refused for want of
// space, reads go on, and with space the same store writes again.
func TestFullAtRandomChild(t *testing.T) {
	dir := os.Getenv(fullDir)
	if dir == "" {
		t.Skip("runs in a process of TestFullAtRandom")
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=96m"); err != nil {
		t.Skipf("no file system: %v", err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	cfg := Config{
		Dir: filepath.Join(dir, "meta"), Free: freeOf(dir),
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	kv, err := Open(t.Context(), cfg)
	require.NoError(t, err)
	model := map[string]string{}
	refused, rounds := 0, 12
	for round := range rounds {
		b := &ballast{path: filepath.Join(dir, "ballast")}
		ended := make(chan error, 1)
		go func(wait time.Duration) {
			time.Sleep(wait)
			ended <- b.fill()
		}(time.Duration(r.IntN(30)) * time.Millisecond)
		step := func(most int) {
			key := fmt.Sprint("k", r.IntN(50))
			value := fmt.Sprint(round, "/", string(make([]byte, r.IntN(1+r.IntN(most)))))
			_, err := kv.Commit(t.Context(), put(key, []byte(value)))
			if err == nil {
				model[key] = value
				return
			}
			refused++
			require.ErrorIs(t, err, syscall.ENOSPC)
			require.NotErrorIs(t, err, meta.ErrClosed)
			p, err := kv.Get(t.Context(), key)
			if model[key] == "" {
				require.ErrorIs(t, err, meta.ErrNotFound)
			} else {
				require.NoError(t, err)
				require.Equal(t, model[key], string(p.Value))
			}
		}
		for range 100 + r.IntN(300) {
			step(16 << 10)
		}
		require.NoError(t, <-ended)
		for range r.IntN(200) {
			step(256 << 10)
			require.NoError(t, b.fill()) // what was given back
		}
		if r.IntN(3) == 0 {
			require.NoError(t, kv.Close())
			require.NoError(t, b.fill())
			kv, err = Open(t.Context(), cfg)
			require.NoError(t, err)
			for range r.IntN(20) {
				step(256 << 10)
				require.NoError(t, b.fill())
			}
		}
		b.remove()
		_, err := kv.Commit(t.Context(), put("k", []byte("v")))
		require.NoError(t, err, "round %d: there is space", round)
		model["k"] = "v"
		require.Equal(t, model, contents(t, kv))
	}
	t.Logf("%d commits were refused", refused)
	require.Positive(t, refused)
	require.NoError(t, kv.Close())
	kv, err = Open(t.Context(), cfg)
	require.NoError(t, err)
	require.Equal(t, model, contents(t, kv))
	require.NoError(t, kv.Close())
}

func contents(t *testing.T, kv *KV) map[string]string {
	t.Helper()
	pairs, _, err := kv.List(t.Context(), "")
	require.NoError(t, err)
	out := map[string]string{}
	for _, p := range pairs {
		out[p.Key] = string(p.Value)
	}
	return out
}

// ballast is a file that takes the space of others.
type ballast struct {
	path string
	mu   sync.Mutex
}

// fill takes all that is left, in large pieces and then in small ones.
func (b *ballast) fill() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	f, err := os.OpenFile(b.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if errors.Is(err, syscall.ENOSPC) {
		return nil // the disk is so full that it has no inode
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	buf := make([]byte, 1<<20)
	for len(buf) >= 4096 {
		if _, err := f.Write(buf); errors.Is(err, syscall.ENOSPC) {
			buf = buf[:len(buf)/2]
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (b *ballast) remove() { _ = os.Remove(b.path) }
