package natsmq

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/porttest/logtest"
	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq"
)

// fill writes records in two terms and returns what the log holds, and the
// positions.
func fill(t testing.TB, l *Log, n, size int) (records []string, positions []base.Position) {
	for term := int64(1); term <= 2; term++ {
		a, opened, err := l.Open(t.Context(), testChannel, term)
		require.NoError(t, err)
		records, positions = append(records, ""), append(positions, opened)
		for i := range n {
			data := fmt.Sprintf("%d/%d:%s", term, i, strings.Repeat("x", i*size/n))
			pos, err := a.Append([][]byte{[]byte(data)}).Wait()
			require.NoError(t, err)
			records, positions = append(records, data), append(positions, pos)
		}
	}
	return records, positions
}

// readUpTo reads up to the given number of records, or to an error.
func readUpTo(t testing.TB, l *Log, n int) (got []string, err error) {
	sub, err := l.Subscribe(t.Context(), testChannel, base.Position{})
	if err != nil {
		return nil, err
	}
	defer sub.Close()
	for len(got) < n {
		rec, err := sub.Next(t.Context())
		if err != nil {
			return got, err
		}
		got = append(got, string(rec.Data))
	}
	return got, nil
}

func messages(t testing.TB, dir string) string {
	name, err := streamName(testChannel)
	require.NoError(t, err)
	return messagesDir(dir, name)
}

func blockFiles(t testing.TB, dir string) []string {
	list, err := blocks(vfs.OS(), messages(t, dir))
	require.NoError(t, err)
	var names []string
	for _, index := range list {
		names = append(names, blockPath(messages(t, dir), index))
	}
	return names
}

func change(t testing.TB, name string, f func([]byte) []byte) {
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(name, f(data), 0o640))
}

func copied(t testing.TB, dir string) string {
	to := t.TempDir()
	require.NoError(t, copyTree(dir, to))
	return to
}

// Of a log that was closed cleanly, any bit of the messages may flip: the log
// is read in full, or the damage is reported with its file. JetStream alone
// would have dropped what follows the bit.
func TestFlippedBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(logtest.Seed(t), 0))
	dir := t.TempDir()
	l := openLog(t, Config{Dir: dir})
	want, positions := fill(t, l, 60, 400<<10)
	require.NoError(t, l.Truncate(t.Context(), testChannel, positions[5]))
	want = want[6:]
	require.NoError(t, l.Close())
	files := blockFiles(t, dir)
	require.Greater(t, len(files), 2)
	found := 0
	for range 16 {
		name := files[rng.IntN(len(files))]
		before, err := os.ReadFile(name)
		require.NoError(t, err)
		changed := bytes.Clone(before)
		changed[rng.IntN(len(changed))] ^= 1 << rng.IntN(8)
		require.NoError(t, os.WriteFile(name, changed, 0o640))
		l, err := Open(Config{Dir: dir})
		var got []string
		if err == nil {
			got, err = readUpTo(t, l, len(want))
			require.NoError(t, l.Close())
		}
		if err != nil {
			require.ErrorIs(t, err, mq.ErrCorrupt)
			require.ErrorContains(t, err, name)
			require.True(t, slices.Equal(want[:len(got)], got))
			found++
		} else {
			require.True(t, slices.Equal(want, got), "the flip is nowhere")
		}
		require.NoError(t, os.WriteFile(name, before, 0o640))
	}
	require.Greater(t, found, 10)
	l = openLog(t, Config{Dir: dir})
	got, err := readUpTo(t, l, len(want))
	require.NoError(t, err)
	require.True(t, slices.Equal(want, got))
	require.NoError(t, l.Close())
}

func TestMissingBlock(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, Config{Dir: dir})
	want, _ := fill(t, l, 60, 400<<10)
	require.NoError(t, l.Close())
	files := blockFiles(t, dir)
	require.Greater(t, len(files), 2)
	for _, name := range files[:len(files)-1] {
		dir := copied(t, dir)
		require.NoError(t, os.Remove(filepath.Join(messages(t, dir), filepath.Base(name))))
		l := openLog(t, Config{Dir: dir})
		_, err := readUpTo(t, l, len(want))
		require.ErrorIs(t, err, mq.ErrCorrupt)
		require.NoError(t, l.Close())
	}
}

// JetStream's files beside the messages may be old, damaged or gone: they
// decide nothing.
func TestStateFilesDecideNothing(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, Config{Dir: dir})
	fill(t, l, 5, 100)
	require.NoError(t, l.Close())
	index := filepath.Join(messages(t, dir), indexFile)
	old, err := os.ReadFile(index)
	require.NoError(t, err)
	l = openLog(t, Config{Dir: dir})
	a, _, err := l.Open(t.Context(), testChannel, 3)
	require.NoError(t, err)
	for range 20 {
		_, err := a.Append([][]byte{[]byte("later")}).Wait()
		require.NoError(t, err)
	}
	want, err := readUpTo(t, l, 33)
	require.NoError(t, err)
	require.NoError(t, l.Close())

	stream := filepath.Dir(messages(t, dir))
	cases := map[string]func(stream string){
		"old index": func(s string) { change(t, filepath.Join(s, "msgs", indexFile), func([]byte) []byte { return old }) },
		"damaged index": func(s string) {
			change(t, filepath.Join(s, "msgs", indexFile), func(b []byte) []byte { b[9] ^= 1; return b })
		},
		"no index":     func(s string) { require.NoError(t, os.Remove(filepath.Join(s, "msgs", indexFile))) },
		"damaged meta": func(s string) { change(t, filepath.Join(s, "meta.inf"), func(b []byte) []byte { b[9] ^= 1; return b }) },
		"damaged sum":  func(s string) { change(t, filepath.Join(s, "meta.sum"), func(b []byte) []byte { b[3] ^= 1; return b }) },
		"no meta":      func(s string) { require.NoError(t, os.Remove(filepath.Join(s, "meta.inf"))) },
		"empty meta":   func(s string) { require.NoError(t, os.Truncate(filepath.Join(s, "meta.inf"), 0)) },
		"only messages": func(s string) {
			for _, name := range []string{"meta.inf", "meta.sum", filepath.Join("msgs", indexFile)} {
				require.NoError(t, os.Remove(filepath.Join(s, name)))
			}
		},
	}
	for name, harm := range cases {
		t.Run(name, func(t *testing.T) {
			dir := copied(t, dir)
			rel, err := filepath.Rel(filepath.Dir(filepath.Dir(filepath.Dir(filepath.Dir(stream)))), stream)
			require.NoError(t, err)
			harm(filepath.Join(dir, rel))
			l := openLog(t, Config{Dir: dir})
			got, err := readUpTo(t, l, len(want))
			require.NoError(t, err)
			require.Equal(t, want, got)
			a, _, err := l.Open(t.Context(), testChannel, 9)
			require.NoError(t, err)
			_, err = a.Append([][]byte{[]byte("more")}).Wait()
			require.NoError(t, err)
			require.NoError(t, l.Close())
			l = openLog(t, Config{Dir: dir})
			got, err = readUpTo(t, l, len(want)+2)
			require.NoError(t, err)
			require.Equal(t, append(slices.Clone(want), "", "more"), got)
			require.NoError(t, l.Close())
		})
	}
}

// Whatever power loss leaves behind what was synced, and so confirmed: cut
// anywhere there, zeros or garbage instead, the confirmed records are read.
func TestTornTail(t *testing.T) {
	rng := rand.New(rand.NewPCG(logtest.Seed(t), 0))
	live := t.TempDir()
	l := openLog(t, Config{Dir: live})
	a, _, err := l.Open(t.Context(), testChannel, 1)
	require.NoError(t, err)
	var want []string
	var ends []int64 // of the file when the record was confirmed
	for i := range 8 {
		want = append(want, fmt.Sprintf("%d:%s", i, strings.Repeat("x", rng.IntN(3000))))
		_, err := a.Append([][]byte{[]byte(want[i])}).Wait()
		require.NoError(t, err)
		st, err := os.Stat(blockFiles(t, live)[0])
		require.NoError(t, err)
		ends = append(ends, st.Size())
	}
	killed := copyQuiet(t, live, t.TempDir())
	require.NoError(t, l.Close())
	for range 20 {
		kept := rng.IntN(len(want))
		next := ends[min(kept+1, len(want)-1)]
		dir := copied(t, killed)
		change(t, blockFiles(t, dir)[0], func(b []byte) []byte {
			end := ends[kept]
			switch rest := b[end:next]; rng.IntN(4) {
			case 0:
				return b[:end+int64(rng.IntN(len(rest)+1))]
			case 1:
				clear(rest[rng.IntN(len(rest)+1):])
			case 2:
				for i := rng.IntN(len(rest) + 1); i < len(rest); i++ {
					rest[i] = byte(rng.Uint32())
				}
			case 3:
				return append(b[:end:end], make([]byte, 300)...)
			}
			return b[:next]
		})
		l := openLog(t, Config{Dir: dir})
		for term := int64(2); term < 4; term++ {
			a, _, err := l.Open(t.Context(), testChannel, term)
			require.NoError(t, err)
			_, err = a.Append([][]byte{[]byte("more")}).Wait()
			require.NoError(t, err)
			got, err := readUpTo(t, l, 1+kept+1+int(term-1)*2)
			require.NoError(t, err)
			got = slices.DeleteFunc(got, func(s string) bool { return s == "" || s == "more" })
			require.GreaterOrEqual(t, len(got), kept+1)
			require.Equal(t, want[:len(got)], got)
			require.NoError(t, l.Close())
			l = openLog(t, Config{Dir: dir})
		}
		require.NoError(t, l.Close())
	}
}

// A process that is killed leaves no mark, but a record with another behind
// it was durable.
func TestDamageBeforeTheTail(t *testing.T) {
	live := t.TempDir()
	l := openLog(t, Config{Dir: live})
	fill(t, l, 3, 100)
	killed := copyQuiet(t, live, t.TempDir())
	require.NoError(t, l.Close())
	h, err := newRecordHash("by-dev-rootcoord-dml_0", 1)
	require.NoError(t, err)
	data, err := os.ReadFile(blockFiles(t, killed)[0])
	require.NoError(t, err)
	var starts []int
	for at := 0; at < len(data); at += recordLen(data[at:], h) {
		starts = append(starts, at)
	}
	require.Len(t, starts, 8)
	for i, at := range starts {
		end := append(starts, len(data))[i+1]
		for _, off := range []int{0, 5, 20, 30, 80, 200} { // length, sequence, subject's length, subject, headers, body
			dir := copied(t, killed)
			name := blockFiles(t, dir)[0]
			if at+off >= end {
				continue
			}
			change(t, name, func(b []byte) []byte { b[at+off] ^= 1; return b })
			l, err := Open(Config{Dir: dir})
			if i == len(starts)-1 {
				require.NoError(t, err, "the last one may be torn")
				require.NoError(t, l.Close())
				continue
			}
			require.ErrorIs(t, err, mq.ErrCorrupt)
			require.ErrorContains(t, err, name)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte("redkite.log.ch"))
	f.Add(make([]byte, 100))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := newRecordHash("ch", 1)
		require.NoError(t, err)
		_, end := walk(data, h)
		require.LessOrEqual(t, end, len(data))
		laterRecord(data[end:], h, subjectOf("ch"))
	})
}

func FuzzMessage(f *testing.F) {
	var e encoder
	e.reset()
	e.add([]byte("one"))
	e.add(nil)
	b, _ := e.finish(3, link{seq: 4, sum: 5})
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeMessage(b)
		if err != nil {
			return
		}
		for rest := m.body; ; {
			_, next, err := nextRecord(rest)
			if err != nil {
				break
			}
			require.Less(t, len(next), len(rest))
			rest = next
		}
	})
}
