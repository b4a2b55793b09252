package etcdkv_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/meta"
	"github.com/redkite-db/redkite/meta/etcdkv"
)

const childDir = "ETCDKV_TEST_DIR" // environment of the child process

// TestChild is the process that TestKill kills: it commits, and says of each
// commit that it was acknowledged.
func TestChild(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		t.Skip("runs in a process of TestKill")
	}
	kv, err := etcdkv.Open(t.Context(), etcdkv.Config{Dir: dir})
	require.NoError(t, err)
	var wg sync.WaitGroup
	for worker := range 3 {
		wg.Go(func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("%d/%d/%d", os.Getpid(), worker, i)
				rev, err := kv.Commit(t.Context(), meta.Txn{Then: []meta.Op{
					{Key: "a/" + key, Value: []byte(strings.Repeat("v", i*37%5000))},
					{Key: "b/" + key, Value: []byte(key)},
				}})
				if err != nil {
					fmt.Println("error", err)
					return
				}
				fmt.Println("ack", key, rev)
			}
		})
	}
	wg.Wait()
}

// TestKill kills a process while it commits, again and again on one directory:
// each commit that was acknowledged is there, whole, and so is nothing else
// but commits that were about to be.
func TestKill(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	acked := map[string]int64{}
	for range 20 {
		runUntilKilled(t, dir, time.Duration(rnd.IntN(50))*time.Millisecond, acked)
		kv, err := etcdkv.Open(t.Context(), etcdkv.Config{Dir: dir})
		require.NoError(t, err)
		revisions := map[string]int64{}
		for _, prefix := range []string{"a/", "b/"} {
			pairs, _, err := kv.List(t.Context(), prefix)
			require.NoError(t, err)
			if prefix == "b/" {
				require.Equal(t, len(revisions), len(pairs), "half a transaction")
			}
			for _, p := range pairs {
				key := strings.TrimPrefix(p.Key, prefix)
				if prefix == "b/" {
					require.Equal(t, key, string(p.Value))
					require.Equal(t, revisions[key], p.Revision)
				}
				revisions[key] = p.Revision
			}
		}
		for key, rev := range acked {
			require.Equal(t, rev, revisions[key], "%s was acknowledged", key)
		}
		require.LessOrEqual(t, len(revisions), len(acked)+20*3)
		require.NoError(t, kv.Close())
	}
	t.Logf("%d commits", len(acked))
}

// runUntilKilled kills a child some time after its first commit, and adds what
// it said.
func runUntilKilled(t *testing.T, dir string, after time.Duration, acked map[string]int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	var kill *time.Timer
	for lines.Scan() {
		var key string
		var rev int64
		if _, err := fmt.Sscanf(lines.Text(), "ack %s %d", &key, &rev); err != nil {
			t.Error(lines.Text())
			continue
		}
		acked[key] = rev
		if kill == nil {
			kill = time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		}
	}
	require.Error(t, cmd.Wait(), "the child ended by itself")
	require.NotNil(t, kill, "no commit")
	kill.Stop()
}
