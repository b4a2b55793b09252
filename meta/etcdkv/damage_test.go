package etcdkv

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"github.com/redkite-db/redkite/meta"
)

// filled returns the directory of a closed store, and what it holds.
func filled(t testing.TB, commits int) (string, []meta.Pair) {
	t.Helper()
	dir := t.TempDir()
	kv, err := Open(t.Context(), Config{Dir: dir})
	require.NoError(t, err)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range commits {
		var ops []meta.Op
		for _, k := range rnd.Perm(40)[:1+rnd.IntN(4)] {
			op := meta.Op{Key: fmt.Sprint("key/", k)}
			if rnd.IntN(4) > 0 {
				op.Value = bytes.Repeat([]byte{byte('a' + k%26)}, rnd.IntN(300))
			}
			ops = append(ops, op)
		}
		_, err := kv.Commit(t.Context(), meta.Txn{Then: ops})
		require.NoError(t, err)
	}
	pairs, _, err := kv.List(t.Context(), "")
	require.NoError(t, err)
	require.NoError(t, kv.Close())
	require.NoError(t, os.Remove(sparePath(dir)))
	_, err = inspect(dir, false) // shortens the database, for those who copy it
	require.NoError(t, err)
	return dir, pairs
}

// copyTree copies what a file system has of a directory.
func copyTree(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	require.NoError(t, os.CopyFS(to, os.DirFS(from)))
	return to
}

// files returns the paths of a store's files that hold something.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && (d.Name() == "db" || strings.HasSuffix(path, ".wal")) {
			out = append(out, path)
		}
		return err
	}))
	return out
}

// TestDamage flips bits in the files: a store that opens has all it had.
func TestDamage(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	base, want := filled(t, 200)
	harmless := 0
	const rounds = 40
	for round := range rounds {
		dir := copyTree(t, base)
		all := files(t, dir)
		path := all[round%len(all)]
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		// The zeros at the end of a file are not in use.
		used := len(bytes.TrimRight(data, "\x00"))
		at := rnd.IntN(used)
		data[at] ^= 1 << rnd.IntN(8)
		require.NoError(t, os.WriteFile(path, data, 0o600))

		kv, err := Open(t.Context(), Config{Dir: dir})
		if err != nil {
			require.ErrorIs(t, err, ErrDamaged, "%s at %d", path, at)
			require.ErrorContains(t, err, dir)
			continue
		}
		harmless++
		pairs, _, err := kv.List(t.Context(), "")
		require.NoError(t, err)
		require.Equal(t, want, pairs, "%s at %d", path, at)
		_, err = kv.Commit(t.Context(), meta.Txn{Then: []meta.Op{{Key: "new", Value: []byte("1")}}})
		require.NoError(t, err)
		require.NoError(t, kv.Close())
	}
	t.Logf("%d of %d were harmless", harmless, rounds)
}

// TestMissing: a store without one of its parts is not taken for a new one.
func TestMissing(t *testing.T) {
	base, _ := filled(t, 5)
	for _, part := range []string{"member/wal", "member/snap/db"} {
		dir := copyTree(t, base)
		require.NoError(t, os.RemoveAll(filepath.Join(dir, part)))
		_, err := Open(t.Context(), Config{Dir: dir})
		require.ErrorIs(t, err, ErrDamaged, part)
		require.ErrorContains(t, err, dir)
	}
}

// TestShort: files that end early are damage, or an end that was torn.
func TestShort(t *testing.T) {
	base, _ := filled(t, 20)
	for _, path := range files(t, base) {
		dir := copyTree(t, base)
		name, err := filepath.Rel(base, path)
		require.NoError(t, err)
		require.NoError(t, os.Truncate(filepath.Join(dir, name), 3000))
		_, err = Open(t.Context(), Config{Dir: dir})
		require.ErrorIs(t, err, ErrDamaged, name)
	}
}

// TestTornLog: what was written of the log and never acknowledged is cut.
func TestTornLog(t *testing.T) {
	base, want := filled(t, 20)
	logFile := files(t, base)[1]
	require.Equal(t, ".wal", filepath.Ext(logFile))
	data, err := os.ReadFile(logFile)
	require.NoError(t, err)
	used := (len(bytes.TrimRight(data, "\x00")) + 7) &^ 7
	for _, tail := range [][]byte{
		{0x90, 1}, // a length and nothing else
		append([]byte{0x40, 0, 0, 0, 0, 0, 0, 0}, bytes.Repeat([]byte{7}, 30)...),
		bytes.Repeat([]byte{0xff}, 600),
		append(make([]byte, 8), 1, 2, 3), // what followed arrived, the length did not
	} {
		dir := copyTree(t, base)
		name, err := filepath.Rel(base, logFile)
		require.NoError(t, err)
		torn := bytes.Clone(data)
		copy(torn[used:], tail)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), torn, 0o600))
		for range 2 {
			kv, err := Open(t.Context(), Config{Dir: dir})
			require.NoError(t, err)
			pairs, _, err := kv.List(t.Context(), "")
			require.NoError(t, err)
			require.Equal(t, want, pairs)
			require.NoError(t, kv.Close())
		}
	}
}

// TestDatabaseFlips reads the database with each of many bits flipped: that
// fails, or finds the same pairs, and the same index, which only the log can
// tell.
func TestDatabaseFlips(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	base, _ := filled(t, 120)
	log, err := inspect(base, false)
	require.NoError(t, err)
	data, err := os.ReadFile(dbPath(base))
	require.NoError(t, err)
	want, err := readDB(bytes.NewReader(data), int64(len(data)), log.node)
	require.NoError(t, err)
	undetected := 0
	for range 3000 {
		at, bit := rnd.IntN(len(data)), byte(1)<<rnd.IntN(8)
		data[at] ^= bit
		got, err := readDB(bytes.NewReader(data), int64(len(data)), log.node)
		data[at] ^= bit
		if err == nil && got.index < want.index && at < 2*os.Getpagesize() {
			continue // the other meta page leads to an older state, and the log on from there
		}
		if err == nil {
			err = compare(log, got) // a shorter last leaf is an older state, which the log does not have
		}
		if err == nil {
			undetected++
			require.Equal(t, want.history.seal, got.history.seal, "at %d", at)
			require.Equal(t, want.history.live, got.history.live, "at %d", at)
			require.LessOrEqual(t, want.compacted, got.compacted)
		}
	}
	t.Logf("%d flips changed nothing that counts", undetected)
}

// TestIndexFlips: a database that claims to hold more of the log than it does,
// or less, loses nothing.
func TestIndexFlips(t *testing.T) {
	log := &logState{first: 1, last: 100, seals: []logSeal{{10, 5}, {50, 45}, {99, 94}}}
	db := &dbState{index: 50}
	db.history.seal.revision = 45
	require.NoError(t, compare(log, db))
	db.index = 20 // applied again, to no effect
	require.NoError(t, compare(log, db))
	db.index = 99
	require.ErrorContains(t, compare(log, db), "lacks revision 94")
	db.index = 101
	require.ErrorContains(t, compare(log, db), "ends at 100")
	log.snapshot = 45
	db.index = 44
	require.ErrorContains(t, compare(log, db), "snapshot of entry 45")
	log.first = 60
	db.index = 50
	require.ErrorContains(t, compare(log, db), "begins at 60")
}

// smallDB returns a database of small pages that holds one revision.
func smallDB(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	db, err := bolt.Open(path, 0o600, &bolt.Options{PageSize: 1024, NoFreelistSync: true})
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket([]byte("key"))
		if err != nil {
			return err
		}
		p := meta.Pair{Key: "k", Value: []byte("v"), Revision: 2}
		s := seal{revision: 2, sum: pairSum(p)}
		for i, kv := range []*mvccpb.KeyValue{
			{Key: []byte("k"), Value: []byte("v"), CreateRevision: 2, ModRevision: 2, Version: 1},
			{Key: []byte(sealKey), Value: s.encode(), CreateRevision: 2, ModRevision: 2, Version: 1},
		} {
			value, err := proto.Marshal(kv)
			if err != nil {
				return err
			}
			if err := b.Put([]byte("\x00\x00\x00\x00\x00\x00\x00\x02_\x00\x00\x00\x00\x00\x00\x00"+string(rune(i))), value); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, db.Close())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

func FuzzDatabase(f *testing.F) {
	data := smallDB(f)
	_, err := readDB(bytes.NewReader(data), int64(len(data)), 1)
	require.NoError(f, err)
	f.Add(data)
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = readDB(bytes.NewReader(data), int64(len(data)), 1)
	})
}

func FuzzLog(f *testing.F) {
	base, _ := filled(f, 1)
	data, err := os.ReadFile(files(f, base)[1])
	require.NoError(f, err)
	f.Add(bytes.TrimRight(data, "\x00"))
	path := filepath.Join(f.TempDir(), "0000000000000000-0000000000000000.wal")
	f.Fuzz(func(t *testing.T, data []byte) {
		require.NoError(t, os.WriteFile(path, data, 0o600))
		file, err := os.Open(path)
		require.NoError(t, err)
		defer file.Close()
		_, _ = readLog([]*os.File{file})
	})
}
