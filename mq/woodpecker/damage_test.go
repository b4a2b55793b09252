package woodpecker

import (
	"bytes"
	"fmt"
	"math/rand/v2"
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

const dir = "/log"

func smallConfig(m *vfs.Mem) Config {
	return Config{Dir: dir, FS: m, FirstSegment: 20 << 10, SegmentSize: 40 << 10, MaxRecord: 64 << 10}
}

// fill writes records in several terms and returns what the log holds, and
// the positions.
func fill(t *testing.T, l *Log, n int) (records []string, positions []base.Position) {
	for term := int64(1); term <= 3; term++ {
		a, opened, err := l.Open(t.Context(), testChannel, term)
		require.NoError(t, err)
		records, positions = append(records, ""), append(positions, opened)
		for i := range n {
			data := fmt.Sprintf("%d/%d:%s", term, i, strings.Repeat("x", i*37%3000))
			pos, err := a.Append([][]byte{[]byte(data)}).Wait()
			require.NoError(t, err)
			records, positions = append(records, data), append(positions, pos)
		}
	}
	return records, positions
}

// readUpTo reads up to the given number of records, or to an error.
func readUpTo(t *testing.T, l *Log, n int) (got []string, err error) {
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

func segmentFiles(t *testing.T, m *vfs.Mem) []string {
	entries, err := m.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == segmentSuffix {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	return names
}

func change(t *testing.T, m *vfs.Mem, name string, f func(data []byte) []byte) {
	data, err := vfs.ReadFile(m, name)
	require.NoError(t, err)
	require.NoError(t, vfs.WriteFile(m, name, f(data)))
}

// Of a log that was closed cleanly, any bit may flip: the log is read in
// full, or the damage is reported with its file.
func TestFlippedBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(logtest.Seed(t), 0))
	whole := vfs.NewMem(1)
	l := openLog(t, smallConfig(whole))
	want, positions := fill(t, l, 30)
	require.NoError(t, l.Truncate(t.Context(), testChannel, positions[10]))
	want = want[11:]
	require.NoError(t, l.Close())
	files := segmentFiles(t, whole)
	require.Greater(t, len(files), 4)
	found := 0
	for range 700 {
		m := whole.Clone()
		name := files[rng.IntN(len(files))]
		off := 0
		change(t, m, name, func(data []byte) []byte {
			if off = rng.IntN(len(data)); rng.IntN(2) == 0 { // headers more often than their share
				off = off/pageSize*pageSize + rng.IntN(headerLen)
			}
			data[off] ^= 1 << rng.IntN(8)
			return data
		})
		l := openLog(t, smallConfig(m))
		got, err := readUpTo(t, l, len(want))
		if err != nil {
			require.ErrorContains(t, err, filepath.Join(dir, "by-dev"), "the error names a file")
			if !strings.Contains(err.Error(), errVersion.Error()) {
				require.ErrorIs(t, err, mq.ErrCorrupt)
			}
			require.True(t, slices.Equal(want[:len(got)], got))
			found++
		} else {
			require.Equal(t, want, got, "%s at %d", name, off)
		}
		_, _, err = l.Open(t.Context(), testChannel, 4)
		if err != nil {
			require.Error(t, err)
		} else if _, err := readUpTo(t, l, len(want)); err == nil {
			require.Equal(t, want, got)
		}
		require.NoError(t, l.Close())
	}
	require.Greater(t, found, 150)
}

// A killed process leaves no mark: damage to its last block looks like a torn
// tail, and costs that block alone.
func TestTornTail(t *testing.T) {
	m := vfs.NewMem(1)
	l := openLog(t, smallConfig(m))
	want, _ := fill(t, l, 20)
	killed := m.Clone()
	require.NoError(t, l.Close())
	tail := newest(t, killed)
	data, err := vfs.ReadFile(killed, tail)
	require.NoError(t, err)
	end := len(bytes.TrimRight(data, "\x00"))
	for name, tear := range map[string]func([]byte) []byte{
		"cut":      func(b []byte) []byte { return b[:end-3] },
		"zeroed":   func(b []byte) []byte { clear(b[end-100:]); return b },
		"garbage":  func(b []byte) []byte { copy(b[end-50:], strings.Repeat("?", 49)); return b },
		"appended": func(b []byte) []byte { return append(b, strings.Repeat("!", 5000)...) },
	} {
		t.Run(name, func(t *testing.T) {
			m := killed.Clone()
			change(t, m, tail, tear)
			want := want
			if name != "appended" {
				want = want[:len(want)-1]
			}
			for term := int64(4); term < 7; term++ {
				l := openLog(t, smallConfig(m))
				a, _, err := l.Open(t.Context(), testChannel, term)
				require.NoError(t, err)
				_, err = a.Append([][]byte{[]byte("more")}).Wait()
				require.NoError(t, err)
				want = append(want[:len(want):len(want)], "", "more")
				got, err := readUpTo(t, l, len(want))
				require.NoError(t, err)
				require.Equal(t, want, got)
				require.NoError(t, l.Close())
			}
		})
	}
}

// newest returns the segment file that was written last.
func newest(t *testing.T, m *vfs.Mem) string {
	best, at := "", int64(-1)
	for _, name := range segmentFiles(t, m) {
		st, err := m.Stat(name)
		require.NoError(t, err)
		if c := st.ModTime().Unix(); c > at {
			best, at = name, c
		}
	}
	return best
}

// A damaged block before a durable one is never taken for a tail, without any
// mark either.
func TestDamageBeforeTheTail(t *testing.T) {
	m := vfs.NewMem(1)
	cfg := smallConfig(m)
	cfg.FirstSegment = cfg.SegmentSize
	l := openLog(t, cfg)
	a, _, err := l.Open(t.Context(), testChannel, 1)
	require.NoError(t, err)
	for range 4 {
		_, err := a.Append([][]byte{[]byte("record")}).Wait()
		require.NoError(t, err)
	}
	killed := m.Clone()
	require.NoError(t, l.Close())
	name := segmentFiles(t, killed)[0]
	for page := 1; page <= 5; page++ {
		m := killed.Clone()
		change(t, m, name, func(b []byte) []byte { b[page*pageSize+9] ^= 1; return b })
		l := openLog(t, smallConfig(m))
		_, _, err := l.Open(t.Context(), testChannel, 2)
		if page < 5 {
			require.ErrorIs(t, err, mq.ErrCorrupt)
			require.ErrorContains(t, err, fmt.Sprintf("%s at offset %d", name, page*pageSize))
		} else {
			require.NoError(t, err, "the last block: nothing says that it was durable")
		}
		require.NoError(t, l.Close())
	}
}

func TestMissingSegments(t *testing.T) {
	whole := vfs.NewMem(1)
	l := openLog(t, smallConfig(whole))
	want, _ := fill(t, l, 30)
	require.NoError(t, l.Close())
	missing := 0
	for _, name := range segmentFiles(t, whole) {
		m := whole.Clone()
		require.NoError(t, m.Remove(name))
		l := openLog(t, smallConfig(m))
		got, err := readUpTo(t, l, len(want))
		if err == nil {
			require.Equal(t, want, got, "%s held no record", name)
		} else {
			require.ErrorIs(t, err, mq.ErrCorrupt)
			missing++
		}
		require.NoError(t, l.Close())
	}
	require.GreaterOrEqual(t, missing, len(segmentFiles(t, whole))-1)
}

func TestUnknownVersion(t *testing.T) {
	m := vfs.NewMem(1)
	l := openLog(t, smallConfig(m))
	fill(t, l, 1)
	require.NoError(t, l.Close())
	name := segmentFiles(t, m)[0]
	change(t, m, name, func(b []byte) []byte { b[8] = 9; return b })
	l = openLog(t, smallConfig(m))
	_, _, err := l.Open(t.Context(), testChannel, 9)
	require.ErrorContains(t, err, "unknown format version 9, this program reads 1")
	require.NoError(t, l.Close())
}

func TestOtherGeneration(t *testing.T) {
	m := vfs.NewMem(1)
	cfg := smallConfig(m)
	l := openLog(t, cfg)
	_, positions := fill(t, l, 1)
	require.NoError(t, l.Close())
	cfg.Generation = 2
	l = openLog(t, cfg)
	_, err := l.Subscribe(t.Context(), testChannel, base.Position{})
	require.ErrorContains(t, err, "generation")
	require.NoError(t, l.Close())
	later := positions[0]
	later.Generation = 5
	cfg.Generation = 0
	l = openLog(t, cfg)
	_, err = l.Subscribe(t.Context(), testChannel, later)
	require.ErrorContains(t, err, "later generation")
	require.NoError(t, l.Close())
}

// FuzzSegment opens and reads a log whose only segment holds any bytes: it
// ends, with an error or without, and never reads what was not written.
func FuzzSegment(f *testing.F) {
	m := vfs.NewMem(1)
	l, err := Open(smallConfig(m))
	if err != nil {
		f.Fatal(err)
	}
	a, _, err := l.Open(f.Context(), testChannel, 1)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := a.Append([][]byte{[]byte("one"), []byte("two")}).Wait(); err != nil {
		f.Fatal(err)
	}
	if err := l.Close(); err != nil {
		f.Fatal(err)
	}
	name := filepath.Join(dir, "by-dev-rootcoord-dml_0-0000000000000001.wlog")
	data, err := vfs.ReadFile(m, name)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data[:5*pageSize], 0, byte(0))
	f.Add(data, pageSize+12, byte(1))
	f.Add(data[:2*pageSize+100], 4, byte(8))
	f.Fuzz(func(t *testing.T, data []byte, at int, flip byte) {
		data = bytes.Clone(data)
		if len(data) > 0 {
			data[uint(at)%uint(len(data))] ^= flip
		}
		m := vfs.NewMem(1)
		require.NoError(t, m.MkdirAll(dir))
		require.NoError(t, vfs.WriteFile(m, name, data))
		l := openLog(t, smallConfig(m))
		defer l.Close()
		_, pos, err := l.Open(t.Context(), testChannel, 1<<40)
		if err != nil {
			return
		}
		sub, err := l.Subscribe(t.Context(), testChannel, base.Position{})
		require.NoError(t, err)
		defer sub.Close()
		for {
			rec, err := sub.Next(t.Context())
			if err != nil || rec.Position == pos {
				return
			}
		}
	})
}

// FuzzDecode feeds the decoders.
func FuzzDecode(f *testing.F) {
	f.Add(segmentHeader{id: 3, length: 8 * pageSize, channel: "ch"}.encode())
	f.Add(blockHeader{segment: 3, offset: pageSize, count: 1, body: 5}.appendTo(nil))
	f.Add(seal{segment: 3, end: 2 * pageSize, successor: 4}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := decodeSegmentHeader(b); err == nil {
			again, err := decodeSegmentHeader(h.encode())
			require.NoError(t, err)
			require.Equal(t, h, again)
		}
		if h, err := decodeBlockHeader(b, 3, pageSize); err == nil {
			again, err := decodeBlockHeader(h.appendTo(nil), 3, pageSize)
			require.NoError(t, err)
			require.Equal(t, h, again)
			_, _, _ = checkBlock(b, h)
		}
		if s, err := decodeSeal(b, 3, 8*pageSize); err == nil {
			again, err := decodeSeal(s.encode(), 3, 8*pageSize)
			require.NoError(t, err)
			require.Equal(t, s, again)
		}
		for rest := b; ; {
			_, next, err := nextRecord(rest)
			if err != nil {
				break
			}
			require.Less(t, len(next), len(rest))
			rest = next
		}
	})
}
