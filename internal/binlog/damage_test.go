package binlog

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/storetest"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/objectstore"
)

// sample is one stored object of each kind, and how to read all of it.
type sample struct {
	name string
	o    Object
	read func(files objectstore.Files, o Object) error
}

func samples(t testing.TB, store *storetest.Memory) []sample {
	rng := rand.New(rand.NewPCG(4, 4))
	var sources []Source
	for _, f := range everyType() {
		sources = append(sources, SourceOf(f.ID, randomColumn(rng, f, 9, 20)))
	}
	columns, err := WriteColumns(t.Context(), store, "columns", sources...)
	require.NoError(t, err)
	h := DeltaHeader{Shard: base.Shard{Collection: 5, Index: 1}, PrimaryKey: 100, From: 10, To: 99}
	delta, err := WriteDelta(t.Context(), store, "delta", h,
		SourceOf(0, &column.Column{Type: schema.Int64, Int64s: []int64{7, 8, 7}}),
		SourceOf(0, &column.Column{Type: schema.Int64, Int64s: []int64{11, 11, 30}}),
		SourceOf(0, &column.Column{Type: schema.Int64, Int64s: []int64{0, 4, 0}}))
	require.NoError(t, err)
	b := NewStatsBuilder(3)
	keys := &column.Column{Type: schema.Int64, Int64s: []int64{3, 1, 2}}
	b.AddKeys(keys)
	b.Add(100, keys)
	stats, err := b.Write(t.Context(), store, "stats")
	require.NoError(t, err)
	manifest, err := WriteManifest(t.Context(), store, "manifest", sampleManifest())
	require.NoError(t, err)
	return []sample{
		{"columns", columns, func(files objectstore.Files, o Object) error {
			c, err := OpenColumns(t.Context(), files, o.Key)
			if err != nil {
				return err
			}
			return errors.Join(c.Expect(o), c.Verify(), c.Close())
		}},
		{"streamed", columns, func(files objectstore.Files, o Object) error { return Verify(t.Context(), files, o) }},
		{"mapped", columns, func(files objectstore.Files, o Object) error {
			return Verify(t.Context(), struct{ objectstore.Files }{files}, o)
		}},
		{"delta", delta, func(files objectstore.Files, o Object) error {
			d, err := OpenDelta(t.Context(), files, o.Key)
			if err != nil {
				return err
			}
			return errors.Join(d.Expect(o), d.Close())
		}},
		{"stats", stats, func(files objectstore.Files, o Object) error {
			_, m, err := OpenStats(t.Context(), files, o)
			if err != nil {
				return err
			}
			return m.Unpin()
		}},
		{"manifest", manifest, func(files objectstore.Files, o Object) error {
			_, err := ReadManifest(t.Context(), files, o.Key)
			return err
		}},
	}
}

func sampleManifest() *Manifest {
	return &Manifest{
		Collection: 5, Shard: 1, Partition: 6, Segment: 7, Task: 8, Level: 1, Rows: 3, MinTime: 10, MaxTime: 1<<62 + 3,
		DeletesApplied: 99, SchemaVersion: 2, PrimaryKey: 100,
		Columns: []StoredColumn{
			{Field: 100, Name: "id", Type: schema.Int64, Object: Object{Key: "a", Size: 10, Sum: 1}},
			{Field: 101, Name: "v", Type: schema.FloatVector, Dim: 8, Object: Object{Key: "b", Size: 20, Sum: 2}},
			{Field: TimeField, Type: schema.Int64, Object: Object{Key: "c", Size: 30, Sum: 3}},
		},
		Stats: Object{Key: "d", Size: 40, Sum: 4},
	}
}

// TestEveryFlipIsFound flips each byte of each kind of object in several ways,
// cuts it everywhere and lengthens it: all of it is named as damage.
func TestEveryFlipIsFound(t *testing.T) {
	store := &storetest.Memory{}
	for _, s := range samples(t, store) {
		t.Run(s.name, func(t *testing.T) {
			m, err := store.Pin(t.Context(), s.o.Key)
			require.NoError(t, err)
			whole := bytes.Clone(m.Bytes())
			require.Len(t, whole, int(s.o.Size))
			require.NoError(t, s.read(store, s.o))
			defer store.Replace(s.o.Key, whole)
			expect := func(b []byte, format string, args ...any) {
				t.Helper()
				require.True(t, store.Replace(s.o.Key, b))
				err := s.read(store, s.o)
				var d *Damage
				if errors.Is(err, ErrVersion) {
					return
				}
				require.ErrorAs(t, err, &d, append([]any{format}, args...)...)
				require.ErrorIs(t, err, ErrCorrupt)
				require.Equal(t, s.o.Key, d.Key)
			}
			for i := range whole {
				for _, flip := range []byte{1, 0x80, 0xff} {
					b := bytes.Clone(whole)
					b[i] ^= flip
					expect(b, "byte %d ^ %x", i, flip)
				}
				expect(bytes.Clone(whole[:i]), "cut at %d", i)
			}
			expect(append(bytes.Clone(whole), 0), "longer")
		})
	}
}

func TestVersionIsNamed(t *testing.T) {
	store := &storetest.Memory{}
	s := samples(t, store)[0]
	m, err := store.Pin(t.Context(), s.o.Key)
	require.NoError(t, err)
	b := bytes.Clone(m.Bytes())
	b[8] = 2
	store.Replace(s.o.Key, b)
	_, err = OpenColumns(t.Context(), store, s.o.Key)
	require.ErrorIs(t, err, ErrCorrupt, "the rest of the header says version 1")
	b[headerBytes-1] ^= 1 // now it may be another format
	store.Replace(s.o.Key, b)
	_, err = OpenColumns(t.Context(), store, s.o.Key)
	require.ErrorIs(t, err, ErrVersion)
	require.ErrorContains(t, err, "version 2, this program reads 1")
}

// TestSwappedObjects: a good object in the place of another one is found.
func TestSwappedObjects(t *testing.T) {
	store := &storetest.Memory{}
	all := samples(t, store)
	other, err := WriteColumns(t.Context(), store, "other", SourceOf(1, &column.Column{Type: schema.Int64, Int64s: []int64{1}}))
	require.NoError(t, err)
	m, err := store.Pin(t.Context(), other.Key)
	require.NoError(t, err)
	store.Replace("columns", m.Bytes())
	require.ErrorIs(t, all[0].read(store, all[0].o), ErrCorrupt)
	require.ErrorIs(t, all[1].read(store, all[1].o), ErrCorrupt)
	_, err = OpenDelta(t.Context(), store, "columns")
	require.ErrorContains(t, err, "columns, want delta log")
}

// TestBlocks writes an object of several blocks and damages the last one.
func TestBlocks(t *testing.T) {
	store := &storetest.Memory{}
	c := &column.Column{Type: schema.FloatVector, Dim: 128, Floats: make([]float32, 128*2000)}
	for i := range c.Floats {
		c.Floats[i] = float32(i)
	}
	o, err := WriteColumns(t.Context(), store, "k", SourceOf(9, c))
	require.NoError(t, err)
	require.NoError(t, Verify(t.Context(), store, o))
	m, err := store.Pin(t.Context(), "k")
	require.NoError(t, err)
	b := bytes.Clone(m.Bytes())
	at := len(b) - 300
	b[at] ^= 4
	store.Replace("k", b)
	var d *Damage
	require.ErrorAs(t, Verify(t.Context(), store, o), &d)
	require.LessOrEqual(t, d.Offset, int64(at))
	require.Greater(t, d.Offset+blockBytes, int64(at))
	require.Positive(t, d.Offset)
}

func TestManifestRoundTrip(t *testing.T) {
	store := &storetest.Memory{}
	want := sampleManifest()
	o, err := WriteManifest(t.Context(), store, "m", want)
	require.NoError(t, err)
	got, err := ReadManifest(t.Context(), store, "m")
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.EqualValues(t, 100, got.Bytes())
	require.Len(t, got.Objects(), 4)
	require.Equal(t, "v", got.Column(101).Name)
	require.Nil(t, got.Column(9))
	require.Positive(t, o.Size)

	for _, spoil := range []func(m *Manifest){
		func(m *Manifest) { m.Rows = 0 },
		func(m *Manifest) { m.Columns = m.Columns[:2] },
		func(m *Manifest) { m.Columns[1].Dim = 0 },
		func(m *Manifest) { m.Columns[1].Field = 100 },
	} {
		bad := sampleManifest()
		spoil(bad)
		_, err := WriteManifest(t.Context(), store, "bad", bad)
		require.Error(t, err)
	}
}

func TestDeltaRoundTrip(t *testing.T) {
	store := &storetest.Memory{}
	h := DeltaHeader{Shard: base.Shard{Collection: 5, Index: 1}, PrimaryKey: 100, From: 10, To: 1 << 63}
	keys := &column.Column{Type: schema.VarChar}
	keys.Bytes.AppendString("one")
	keys.Bytes.AppendString("")
	times := &column.Column{Type: schema.Int64, Int64s: []int64{11, 12}}
	parts := &column.Column{Type: schema.Int64, Int64s: []int64{0, 3}}
	_, err := WriteDelta(t.Context(), store, "d", h, SourceOf(0, keys), SourceOf(0, times), SourceOf(0, parts))
	require.NoError(t, err)
	d, err := OpenDelta(t.Context(), store, "d")
	require.NoError(t, err)
	require.Equal(t, h, d.DeltaHeader)
	require.Equal(t, "one", string(d.Keys.Bytes.At(0)))
	require.Equal(t, []base.Timestamp{11, 12}, d.Times)
	require.Equal(t, []base.ID{0, 3}, d.Partitions)
	require.NoError(t, d.Close())

	times.Int64s[1] = 5
	_, err = WriteDelta(t.Context(), store, "d", h, SourceOf(0, keys), SourceOf(0, times), SourceOf(0, parts))
	require.NoError(t, err)
	_, err = OpenDelta(t.Context(), store, "d")
	require.ErrorContains(t, err, "older than the one before")
	times.Int64s = times.Int64s[:1]
	_, err = WriteDelta(t.Context(), store, "d", h, SourceOf(0, keys), SourceOf(0, times), SourceOf(0, parts))
	require.ErrorContains(t, err, "2 keys, 1 times")
}

func TestStats(t *testing.T) {
	store := &storetest.Memory{}
	rng := rand.New(rand.NewPCG(8, 8))
	const rows = 20_000
	b := NewStatsBuilder(rows)
	keys := &column.Column{Type: schema.Int64}
	for range rows {
		keys.Int64s = append(keys.Int64s, rng.Int64())
	}
	b.AddKeys(keys)
	text := &column.Column{Type: schema.VarChar}
	for _, s := range []string{"m", "b", "z", "k"} {
		text.Bytes.AppendString(s)
	}
	text.AppendNull()
	b.Add(7, text)
	more := &column.Column{Type: schema.VarChar}
	more.Bytes.AppendString("a")
	b.Add(7, more)
	b.Add(8, &column.Column{Type: schema.JSON, Bytes: column.BytesOf("{}")})
	nulls := &column.Column{Type: schema.Int32}
	nulls.AppendNull()
	b.Add(9, nulls)
	b.Add(10, &column.Column{Type: schema.VarChar, Bytes: column.BytesOf(string(make([]byte, 3000)))})
	o, err := b.Write(t.Context(), store, "s")
	require.NoError(t, err)
	s, m, err := OpenStats(t.Context(), store, o)
	require.NoError(t, err)
	require.Equal(t, rows, s.Rows)
	for i := range rows {
		require.True(t, s.MayContain(keys, i))
	}
	others, found := &column.Column{Type: schema.Int64}, 0
	for i := range rows {
		others.Int64s = append(others.Int64s, rng.Int64())
		if s.MayContain(others, i) {
			found++
		}
	}
	require.Less(t, found, rows/100, "false positives")
	require.Equal(t, 1, s.Bounds[7].Nulls)
	require.Equal(t, "a", string(s.Bounds[7].Range.Bytes.At(0)))
	require.Equal(t, "z", string(s.Bounds[7].Range.Bytes.At(1)))
	require.NotContains(t, s.Bounds, base.ID(8))
	require.Nil(t, s.Bounds[9].Range)
	require.Equal(t, 1, s.Bounds[9].Nulls)
	require.Nil(t, s.Bounds[10].Range, "strings too long for bounds")
	require.NoError(t, m.Unpin())
}

func TestWriteObject(t *testing.T) {
	store := &storetest.Memory{}
	_, err := WriteObject(t.Context(), store, "i", bytes.NewReader([]byte("x")))
	require.Error(t, err, "a source that is empty the second time")
	o, err := WriteObject(t.Context(), store, "i", twice("file"))
	require.NoError(t, err)
	require.EqualValues(t, 4, o.Size)
	m, err := store.Pin(t.Context(), "i")
	require.NoError(t, err)
	require.Equal(t, "file", string(m.Bytes()))
}

type twice string

func (s twice) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, string(s))
	return int64(n), err
}

func TestKeys(t *testing.T) {
	for _, k := range []Key{
		{Kind: ColumnKey, Task: 9, Ordinal: 2, Collection: 1, Partition: 2, Segment: 3, Field: 100},
		{Kind: ManifestKey, Task: 9, Collection: 1, Partition: 2, Segment: 3},
		{Kind: StatsKey, Task: 9, Collection: 1, Partition: 2, Segment: 3, Field: 100},
		{Kind: DeltaKey, Task: 9, Ordinal: 7, Collection: 1, Partition: AllPartitions, Shard: 4},
		{Kind: IndexKey, Task: 9, Version: 1, Partition: 2, Segment: 3, Index: 11},
	} {
		require.NoError(t, objectstore.CheckKey(k.String()))
		got, ok := ParseKey(k.String())
		require.True(t, ok, k.String())
		require.Equal(t, k, got)
	}
	require.Equal(t, "insert_log/1/2/3/100/9-2", Key{Kind: ColumnKey, Task: 9, Ordinal: 2, Collection: 1, Partition: 2, Segment: 3, Field: 100}.String())
	for _, s := range []string{
		"", "insert_log", "insert_log/1/2/3/100/9", "insert_log/1/2/3/100/9-", "insert_log/01/2/3/100/9-0", "insert_log/1/2/3/100/9-0/x",
		"insert_log/1/2/3/manifest.9", "insert_log/1/2/3/other.9-0", "stats_log/1/2/3/9-0", "delta_log/1/5/4/9-0", "delta_log/1/-1/4294967296/9-0",
		"index_files/1/2/3/4", "index_files/1/2/3/4/+5", "x/1/2/3/4/5", "insert_log/1/2/3/100/9-0-1",
	} {
		_, ok := ParseKey(s)
		require.False(t, ok, s)
	}
	require.Empty(t, Key{}.String())
}

// reframe puts a frame around bytes that need not make sense, so that a fuzz
// test gets past the checksums.
func reframe(k kind, meta, body []byte) []byte {
	var out bytes.Buffer
	f := newFrameWriter(&out, k, meta, int64(len(body)))
	f.write(body)
	if f.finish() != nil {
		return nil
	}
	return out.Bytes()
}

// readAll touches every value of a column.
func readAll(c *column.Column) {
	out := c.Like()
	out.AppendRange(c, 0, c.Len())
}

func fuzzSeeds(f *testing.F, k kind) {
	store := &storetest.Memory{}
	for _, s := range samples(f, store) {
		m, err := store.Pin(f.Context(), s.o.Key)
		require.NoError(f, err)
		if fr, err := openFrame(s.o.Key, m.Bytes(), k); err == nil {
			f.Add(fr.meta, fr.body)
		}
	}
}

func FuzzColumns(f *testing.F) {
	fuzzSeeds(f, columnsObject)
	f.Fuzz(func(t *testing.T, meta, body []byte) {
		b := reframe(columnsObject, meta[:min(len(meta), maxMeta)], body)
		c, err := parseColumns("k", b, columnsObject, 0)
		if err != nil {
			return
		}
		c.m = mem.FromBytes(b)
		require.NoError(t, c.Verify())
		for _, id := range c.Fields() {
			readAll(c.Column(id))
		}
	})
}

func FuzzDelta(f *testing.F) {
	fuzzSeeds(f, deltaObject)
	f.Fuzz(func(t *testing.T, meta, body []byte) {
		b := reframe(deltaObject, meta[:min(len(meta), maxMeta)], body)
		c, err := parseColumns("k", b, deltaObject, deltaHeaderNumbers)
		if err != nil {
			return
		}
		d, err := c.delta()
		if err != nil {
			return
		}
		readAll(d.Keys)
		require.Len(t, d.Times, d.Keys.Len())
		require.Len(t, d.Partitions, d.Keys.Len())
	})
}

func FuzzStats(f *testing.F) {
	fuzzSeeds(f, statsObject)
	f.Fuzz(func(t *testing.T, meta, body []byte) {
		b := reframe(statsObject, meta[:min(len(meta), maxMeta)], body)
		fr, err := openFrame("k", b, statsObject)
		require.NoError(t, err)
		s, err := fr.stats()
		if err != nil {
			return
		}
		s.MayContain(&column.Column{Type: schema.Int64, Int64s: []int64{5}}, 0)
		for _, b := range s.Bounds {
			if b.Range != nil {
				readAll(b.Range)
			}
		}
	})
}

func FuzzManifest(f *testing.F) {
	fuzzSeeds(f, manifestObject)
	f.Fuzz(func(_ *testing.T, _, body []byte) {
		_, _ = parseManifest("k", reframe(manifestObject, nil, body))
		_, _ = parseManifest("k", body)
	})
}

// FuzzFrame feeds whole objects, damaged checksums included.
func FuzzFrame(f *testing.F) {
	store := &storetest.Memory{}
	for _, s := range samples(f, store) {
		m, err := store.Pin(f.Context(), s.o.Key)
		require.NoError(f, err)
		f.Add(m.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, k := range []kind{columnsObject, deltaObject, statsObject, manifestObject} {
			if fr, err := openFrame("k", b, k); err == nil {
				_ = fr.verify()
			}
		}
		_ = verifyStream(t.Context(), bytes.NewReader(b), Object{Key: "k", Size: int64(len(b))})
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add("insert_log/1/2/3/100/9-2")
	f.Add("delta_log/1/-1/4/9-0")
	f.Fuzz(func(t *testing.T, s string) {
		if k, ok := ParseKey(s); ok {
			require.Equal(t, s, k.String())
		}
	})
}

// TestBoundsOfEveryType compares bounds with a plain search for them.
func TestBoundsOfEveryType(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 1))
	for _, f := range everyType() {
		if !HasBounds(f.Type) {
			continue
		}
		b := NewStatsBuilder(0)
		all := column.New(f)
		for range 5 {
			piece := randomColumn(rng, f, rng.IntN(30), 30)
			b.Add(f.ID, piece)
			all.AppendRange(piece, 0, piece.Len())
		}
		lo, hi, nulls := -1, -1, 0
		for i := range all.Len() {
			switch {
			case all.IsNull(i):
				nulls++
			case lo < 0:
				lo, hi = i, i
			default:
				if compare(all, i, all, lo) < 0 {
					lo = i
				}
				if compare(all, i, all, hi) > 0 {
					hi = i
				}
			}
		}
		got := b.stats.Bounds[f.ID]
		require.Equal(t, nulls, got.Nulls)
		require.Zero(t, compare(got.Range, 0, all, lo), "%v", f.Type)
		require.Zero(t, compare(got.Range, 1, all, hi), "%v", f.Type)
	}
	nan := float32(math.NaN())
	c := &column.Column{Type: schema.Float, Floats: []float32{1, nan, -1}}
	require.Positive(t, compare(c, 1, c, 0))
	require.Negative(t, compare(c, 2, c, 1))
	require.Zero(t, compare(c, 1, c, 1))
}

// TestBloomOfStrings: keys that were added are found, and few others.
func TestBloomOfStrings(t *testing.T) {
	keys := &column.Column{Type: schema.VarChar, Bytes: column.BytesOf("", "a", "key-1", "key-2")}
	b := NewStatsBuilder(keys.Len())
	b.AddKeys(keys)
	for i := range keys.Len() {
		require.True(t, b.stats.MayContain(keys, i))
	}
	require.False(t, b.stats.MayContain(&column.Column{Type: schema.VarChar, Bytes: column.BytesOf("key-3")}, 0))
}

func TestSwap(t *testing.T) {
	b := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	swap[uint32](b)
	require.Equal(t, []byte{4, 3, 2, 1, 8, 7, 6, 5}, b)
	unaligned := make([]byte, 17)
	copy(unaligned[1:], []byte{1, 0, 0, 0, 0, 0, 0, 0, 2})
	require.Equal(t, []uint64{1, 2}, decode[uint64](unaligned[1:]))
}
