package segment

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/porttest/storetest"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

const (
	keyID    base.ID = 100
	numberID base.ID = 101
	textID   base.ID = 102
	vectorID base.ID = 103
	arrayID  base.ID = 104
	dim              = 4
)

func testCollection(keyType schema.Type) *schema.Collection {
	return &schema.Collection{
		ID: 7, Name: "c", Version: 1,
		Fields: []*schema.Field{
			{ID: keyID, Name: "id", Type: keyType, PrimaryKey: true},
			{ID: numberID, Name: "n", Type: schema.Int32, Nullable: true},
			{ID: textID, Name: "t", Type: schema.VarChar},
			{ID: vectorID, Name: "v", Type: schema.FloatVector, Dim: dim, Nullable: true},
			{ID: arrayID, Name: "a", Type: schema.Array, Element: schema.Int64},
		},
	}
}

func testEngine() *Engine {
	return NewEngine(EngineOptions{
		Kernels: vec.Detect(), Kinds: []vecindex.Kind{vecindex.Flat(vec.Detect(), 1)}, Threads: 1, Growing: mem.NewBudget(0),
	})
}

// modelRow is a row of the model: plain values, and when it came and went.
type modelRow struct {
	key      int
	number   int32
	null     bool
	text     string
	array    []int64
	vector   [dim]float32
	bare     bool               // without a vector
	added    map[base.ID]string // values of added fields; missing: it came without
	inserted base.Timestamp
	deleted  base.Timestamp // 0: not
}

func (r *modelRow) visible(at base.Timestamp) bool {
	return r.inserted <= at && (r.deleted == 0 || r.deleted > at)
}

func keyColumn(t schema.Type, keys ...int) *column.Column {
	c := &column.Column{Type: t}
	for _, k := range keys {
		if t == schema.Int64 {
			c.Int64s = append(c.Int64s, int64(k)-50)
		} else {
			c.Bytes.AppendString(fmt.Sprintf("key-%d", k))
		}
	}
	return c
}

func randomRow(rng *rand.Rand, key int, at base.Timestamp) *modelRow {
	r := &modelRow{key: key, number: int32(rng.IntN(100)), null: rng.IntN(5) == 0, inserted: at, text: fmt.Sprintf("%0*d", rng.IntN(9), key)}
	for range rng.IntN(3) {
		r.array = append(r.array, rng.Int64N(9))
	}
	if r.bare = rng.IntN(3) == 0; r.bare {
		return r
	}
	for i := range r.vector {
		r.vector[i] = float32(rng.IntN(9))
	}
	return r
}

func batchOf(c *schema.Collection, rows []*modelRow) *column.Batch {
	b := &column.Batch{Rows: len(rows)}
	keys := make([]int, len(rows))
	number, text := column.New(c.Field("n")), column.New(c.Field("t"))
	vector, array := column.New(c.Field("v")), column.New(c.Field("a"))
	for i, r := range rows {
		keys[i] = r.key
		if r.null {
			number.AppendNull()
		} else {
			one := number.Like()
			one.Int32s = []int32{r.number}
			number.AppendRange(one, 0, 1)
		}
		text.Bytes.AppendString(r.text)
		if r.bare {
			vector.AppendNull()
		} else {
			vector.AppendRange(&column.Column{Type: schema.FloatVector, Dim: dim, Floats: r.vector[:]}, 0, 1)
		}
		array.Items.Int64s = append(array.Items.Int64s, r.array...)
		array.Offsets = append(array.Offsets, uint32(len(array.Items.Int64s)))
	}
	b.Add(keyID, keyColumn(c.Primary().Type, keys...))
	b.Add(numberID, number)
	b.Add(textID, text)
	b.Add(vectorID, vector)
	b.Add(arrayID, array)
	return b
}

// keyOf returns the model's key of a value.
func keyOf(t testing.TB, c *column.Column, i int) int {
	if c.Type == schema.Int64 {
		return int(c.Int64s[i]) + 50
	}
	var k int
	_, err := fmt.Sscanf(string(c.Bytes.At(i)), "key-%d", &k)
	require.NoError(t, err)
	return k
}

// world is a shard of one partition: segments beside the model of their rows.
type world struct {
	t       *testing.T
	rng     *rand.Rand
	engine  *Engine
	c       *schema.Collection
	store   *storetest.Memory
	now     base.Timestamp
	ids     base.ID
	growing *Growing
	sealed  []*Sealed
	deletes []modelDelete
	models  map[base.ID][]*modelRow // by segment
}

type modelDelete struct {
	keys []int
	at   base.Timestamp
}

func (w *world) tick() base.Timestamp {
	w.now += base.Timestamp(1 + w.rng.IntN(2))
	return w.now
}

func (w *world) id() base.ID { w.ids++; return w.ids }

func (w *world) insert(at base.Timestamp, keys []int) {
	if w.growing == nil {
		w.growing = NewGrowing(w.engine, GrowingConfig{Shard: base.Shard{Collection: 7}, ID: w.id(), Partition: 3, Collection: w.c})
	}
	rows := make([]*modelRow, len(keys))
	for i, k := range keys {
		rows[i] = randomRow(w.rng, k, at)
	}
	b := batchOf(w.c, rows)
	w.addedTo(b, rows)
	require.NoError(w.t, w.growing.Insert(b, at))
	w.models[w.growing.ID()] = append(w.models[w.growing.ID()], rows...)
}

func (w *world) remove(at base.Timestamp, keys []int) {
	w.deletes = append(w.deletes, modelDelete{keys, at})
	col := keyColumn(w.c.Primary().Type, keys...)
	if w.growing != nil {
		require.NoError(w.t, w.growing.Delete(col, at))
	}
	for _, s := range w.sealed {
		require.NoError(w.t, s.Delete(col, []base.Timestamp{at}, 0))
	}
	for _, rows := range w.models {
		for _, r := range rows {
			if r.deleted == 0 && r.inserted < at && slices.Contains(keys, r.key) {
				r.deleted = at
			}
		}
	}
}

// write merges segments into a new sealed one and moves their model rows.
func (w *world) write(upTo base.Timestamp, inputs ...Segment) {
	id := w.id()
	got, err := WriteSealed(w.t.Context(), WriteTask{
		Store: w.store, Collection: w.c, Shard: base.Shard{Collection: 7}, Partition: 3, Segment: id, Task: w.id(), Deletes: upTo, Level: 1,
	}, inputs...)
	require.NoError(w.t, err)
	var kept []*modelRow
	for _, in := range inputs {
		for _, r := range w.models[in.ID()] {
			if r.deleted == 0 || r.deleted > upTo {
				kept = append(kept, r)
			}
		}
		delete(w.models, in.ID())
	}
	if len(kept) == 0 {
		require.Nil(w.t, got)
		return
	}
	require.Equal(w.t, len(kept), got.Manifest.Rows)
	w.models[id] = kept
	w.open(got.Key)
}

// open opens a sealed segment and applies the deletes that it has not folded in.
func (w *world) open(manifest string) {
	s, err := OpenSealed(w.t.Context(), w.engine, w.store, manifest)
	require.NoError(w.t, err)
	for _, d := range w.deletes {
		if d.at > s.Manifest().DeletesApplied {
			require.NoError(w.t, s.Delete(keyColumn(w.c.Primary().Type, d.keys...), []base.Timestamp{d.at}, 0))
		}
	}
	w.sealed = append(w.sealed, s)
}

func (w *world) reopen() {
	old := w.sealed
	w.sealed = nil
	for _, s := range old {
		key := ""
		for info, err := range w.store.List(w.t.Context(), fmt.Sprintf("insert_log/7/3/%d/manifest.", s.ID())) {
			require.NoError(w.t, err)
			key = info.Key
		}
		s.Close()
		_, err := s.View(1, w.c)
		require.ErrorIs(w.t, err, ErrClosed)
		w.open(key)
	}
}

func (w *world) segments() []Segment {
	var out []Segment
	for _, s := range w.sealed {
		out = append(out, s)
	}
	if w.growing != nil {
		out = append(out, w.growing)
	}
	return out
}

func (w *world) randomKeys() []int {
	keys := make([]int, 1+w.rng.IntN(1+w.rng.IntN(60)))
	for i := range keys {
		keys[i] = w.rng.IntN(120)
	}
	return keys
}

func (w *world) step() {
	switch p := w.rng.IntN(100); {
	case p < 40:
		w.insert(w.tick(), w.randomKeys())
	case p < 60:
		w.remove(w.tick(), w.randomKeys())
	case p < 75: // an upsert: one time for both
		at, keys := w.tick(), w.randomKeys()
		w.remove(at, keys)
		w.insert(at, keys)
	case p < 85 && w.growing != nil: // a flush; some deletes came after its time
		g := w.growing
		w.growing = nil
		w.write(w.now-base.Timestamp(w.rng.IntN(3)), g)
		g.Release()
	case p < 92 && len(w.sealed) > 0: // a compaction
		n := 1 + w.rng.IntN(len(w.sealed))
		in := w.sealed[:n:n]
		w.sealed = slices.Clone(w.sealed[n:])
		var segments []Segment
		for _, s := range in {
			segments = append(segments, s)
		}
		w.write(w.now-base.Timestamp(w.rng.IntN(3)), segments...)
		for _, s := range in {
			s.Close()
		}
	case p < 95:
		w.reopen()
	case p < 98:
		w.addField()
	}
}

// check reads every segment at a random time and compares it with the model.
// A sealed segment has no memory of rows deleted before DeletesApplied.
func (w *world) check() {
	for _, s := range w.segments() {
		at := w.now - base.Timestamp(w.rng.IntN(30))
		if sealed, ok := s.(*Sealed); ok {
			at = max(at, sealed.Manifest().DeletesApplied)
		}
		r, err := s.View(at, w.c)
		require.NoError(w.t, err)
		w.checkReader(r, at, w.models[s.ID()])
		r.Close()
	}
}

func (w *world) checkReader(r *Reader, at base.Timestamp, rows []*modelRow) {
	t := w.t
	var want []*modelRow
	for _, m := range rows {
		if m.visible(at) {
			want = append(want, m)
		}
	}
	plan, match := w.randomFilter()
	if plan != nil {
		want = slices.DeleteFunc(want, func(m *modelRow) bool { return !match(m) })
	}
	n, err := r.Count(t.Context(), plan)
	require.NoError(t, err)
	require.Equal(t, len(want), n)
	w.checkSearch(r, plan, want)
	if plan == nil {
		w.checkAddedSearch(r, want)
	}

	newest := map[int]*modelRow{} // of equal keys and times any will do
	var keys []int
	for _, m := range want {
		if old := newest[m.key]; old == nil {
			keys = append(keys, m.key)
			newest[m.key] = m
		} else if m.inserted >= old.inserted {
			newest[m.key] = m
		}
	}
	key := func(k int) *column.Column { return keyColumn(w.c.Primary().Type, k) }
	slices.SortFunc(keys, func(a, b int) int { return compareKeys(key(a), 0, key(b), 0) })
	limit := -1
	if w.rng.IntN(2) == 0 {
		limit = w.rng.IntN(20)
		keys = keys[:min(limit, len(keys))]
	}
	got, err := r.Retrieve(t.Context(), plan, limit)
	require.NoError(t, err)
	require.Len(t, got, len(keys))
	gotKeys, times := r.Keys(got), r.Times(got)
	var fields []base.ID
	for _, f := range w.c.Fields {
		fields = append(fields, f.ID)
	}
	batch, err := r.Fetch(got, fields)
	require.NoError(t, err)
	require.NoError(t, batch.Check())
	for i, k := range keys {
		require.Equal(t, k, keyOf(t, gotKeys, i))
		require.Equal(t, newest[k].inserted, times[i])
		w.checkRow(batch, i, want)
	}
}

// checkRow: the fetched row is one of the model's.
func (w *world) checkRow(b *column.Batch, i int, rows []*modelRow) {
	key := keyOf(w.t, b.Column(keyID), i)
	text := string(b.Column(textID).Bytes.At(i))
	n, v, a := b.Column(numberID), b.Column(vectorID), b.Column(arrayID)
	for _, m := range rows {
		if m.key == key && m.text == text && m.null == n.IsNull(i) && (m.null || m.number == n.Int32s[i]) &&
			m.bare == v.IsNull(i) && slices.Equal(m.vector[:], v.Floats[i*dim:(i+1)*dim]) && slices.Equal(m.array, a.Items.Int64s[a.Offsets[i]:a.Offsets[i+1]]) &&
			w.sameAdded(b, i, m) {
			return
		}
	}
	w.t.Fatalf("row with key %d and text %q is not in the model", key, text)
}

func (w *world) checkSearch(r *Reader, plan *expr.Plan, want []*modelRow) {
	q := make([]float32, 2*dim)
	for i := range q {
		q[i] = float32(w.rng.IntN(9))
	}
	k := 1 + w.rng.IntN(8)
	got, err := r.Search(w.t.Context(), &SearchRequest{Field: vectorID, Metric: vecindex.L2, Vectors: q, NQ: 2, K: k, Plan: plan})
	require.NoError(w.t, err)
	require.Len(w.t, got, 2)
	for i := range got {
		var scores []float32
		for _, m := range want {
			if m.bare {
				continue
			}
			var d float32
			for j, x := range m.vector {
				d += (x - q[i*dim+j]) * (x - q[i*dim+j])
			}
			scores = append(scores, d)
		}
		slices.Sort(scores)
		scores = scores[:min(k, len(scores))]
		require.Len(w.t, got[i], len(scores))
		for j, h := range got[i] {
			require.InDelta(w.t, scores[j], h.Score, 1e-3)
		}
	}
	all := SearchRequest{Field: vectorID, Metric: vecindex.L2, Vectors: q[:dim], NQ: 1, K: max(1, len(want)), Plan: plan}
	hits, err := r.Search(w.t.Context(), &all)
	require.NoError(w.t, err)
	all.K = k
	checkIterator(w.t, r, all, w.rng, hits[0])
}

// randomFilter returns a plan and what it means; a nil plan is true of all.
func (w *world) randomFilter() (*expr.Plan, func(m *modelRow) bool) {
	a, b := w.rng.IntN(120), w.rng.IntN(120)
	literal := func(k int) string {
		if w.c.Primary().Type == schema.Int64 {
			return fmt.Sprint(k - 50)
		}
		return fmt.Sprintf("%q", fmt.Sprintf("key-%d", k))
	}
	less := func(x, y int) bool {
		t := w.c.Primary().Type
		return compareKeys(keyColumn(t, x), 0, keyColumn(t, y), 0) < 0
	}
	var text string
	var match func(m *modelRow) bool
	switch w.rng.IntN(12) {
	case 0:
		text, match = fmt.Sprintf("n < %d", a), func(m *modelRow) bool { return !m.null && int(m.number) < a }
	case 1:
		text, match = "n is null", func(m *modelRow) bool { return m.null }
	case 2:
		text, match = fmt.Sprintf("id in [%s, %s]", literal(a), literal(b)), func(m *modelRow) bool { return m.key == a || m.key == b }
	case 3:
		text = fmt.Sprintf("id == %s and n >= 50", literal(a))
		match = func(m *modelRow) bool { return m.key == a && !m.null && m.number >= 50 }
	case 4:
		text = fmt.Sprintf("id > %s and id <= %s and not (n == 3)", literal(a), literal(b))
		match = func(m *modelRow) bool { return less(a, m.key) && !less(b, m.key) && !m.null && m.number != 3 }
	case 5:
		text, match = `t like "0%"`, func(m *modelRow) bool { return strings.HasPrefix(m.text, "0") }
	case 6:
		text, match = "array_contains(a, 3)", func(m *modelRow) bool { return slices.Contains(m.array, 3) }
	case 7:
		text, match = "n > 1000", func(*modelRow) bool { return false }
	case 8, 9, 10:
		if text, match = w.addedFilter(); text == "" {
			return nil, nil
		}
	default:
		return nil, nil
	}
	p, err := expr.Parse(text, w.c, nil)
	require.NoError(w.t, err)
	return p, match
}

// TestModel walks at random through inserts, deletes, upserts, flushes,
// compactions, restarts and fields that are added, and compares every read with the model.
func TestModel(t *testing.T) {
	for seed := range uint64(60 / fewer) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 9))
			w := &world{t: t, rng: rng, engine: testEngine(), store: &storetest.Memory{}, now: 1000, models: map[base.ID][]*modelRow{}}
			w.c = testCollection([]schema.Type{schema.Int64, schema.VarChar}[seed%2])
			for range 80 {
				w.step()
				w.check()
			}
			if w.growing != nil {
				w.growing.Release()
			}
			for _, s := range w.sealed {
				s.Close()
			}
			require.Zero(t, w.engine.growing.Used(), "growing bytes left in the budget")
		})
	}
}
