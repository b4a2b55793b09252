package segment

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/binlog"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/scalarindex"
	"github.com/redkite-db/redkite/internal/schema"
)

// scalarKey is the key of the object of an index.
func scalarKey(id base.ID) string { return fmt.Sprintf("index_files/1/1/3/2/%d", id) }

// buildScalar stores an index of a segment's field.
func buildScalar(t *testing.T, s *Sealed, store storeFiles, f *schema.Field, x *schema.Index) {
	t.Helper()
	budget := mem.NewBudget(0)
	built, release, err := s.BuildScalar(t.Context(), f, x, budget)
	require.NoError(t, err)
	require.Positive(t, budget.Used(), "%s", f.Name)
	_, err = binlog.WriteObject(t.Context(), store, scalarKey(x.ID), built)
	require.NoError(t, err)
	release()
	require.Zero(t, budget.Used())
}

// TestScalarIndexes opens, replaces and drops the indexes of every type of
// field while queries run, with deletes; no answer changes.
func TestScalarIndexes(t *testing.T) {
	e, c := testEngine(), everyType()
	rng := rand.New(rand.NewPCG(8, 8))
	store := newStore()
	g := NewGrowing(e, GrowingConfig{ID: 1, Partition: 3, Collection: c})
	keys := make([]int64, 3000)
	for k := range keys {
		keys[k] = int64(k)
	}
	require.NoError(t, g.Insert(randomBatch(rng, c, keys), 10))
	s := seal(t, e, store, c, 2, g)
	require.NoError(t, s.Delete(keyColumn(schema.Int64, 5, 70, 800, 2999), []base.Timestamp{20}, 0))

	var plans []*expr.Plan
	for _, text := range []string{
		"bool == true", "int8 == 3", "int16 in [1, 2]", "int32 > 18", "int64 <= -19", "float == 1.5", "not (double == 1.5)",
		`varchar == "101"`, `varchar like "10%" and int8 < 0`, `json["a"] == 7`, `not (json["a"] == 7)`, `array_contains(strings, "101")`,
		"array_contains_any(doubles, [1.5, 2.5]) or int64 == 4", "not array_contains(bools, true)", `int8 == 3 and varchar > "110" and json["a"] < 5`,
	} {
		p, err := expr.Parse(text, c, nil)
		require.NoError(t, err, text)
		plans = append(plans, p)
	}
	r, err := s.View(99, c)
	require.NoError(t, err)
	want := make([][]uint32, len(plans))
	for i, p := range plans {
		want[i], err = r.Retrieve(t.Context(), p, -1)
		require.NoError(t, err)
		require.NotEmpty(t, want[i], "%s", p)
	}
	var indexes []*schema.Index
	for _, f := range c.Fields[1 : len(c.Fields)-1] {
		x := &schema.Index{ID: 1000 + f.ID, Field: f.ID, Type: scalarindex.Inverted, Params: map[string]string{"json_path": "/a", "json_cast_type": "DOUBLE"}}
		indexes = append(indexes, x)
		buildScalar(t, s, store, f, x)
	}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for k := range 20 * len(plans) {
				i := k % len(plans)
				got, err := r.Retrieve(t.Context(), plans[i], -1)
				if err != nil || fmt.Sprint(got) != fmt.Sprint(want[i]) {
					t.Errorf("%s: %v, %d rows, not %d", plans[i], err, len(got), len(want[i]))
					return
				}
			}
		})
	}
	for turn := range 10 {
		for _, x := range indexes {
			require.NoError(t, s.OpenIndex(t.Context(), store, c.FieldByID(x.Field), x, scalarKey(x.ID)))
			require.True(t, s.HasIndex(x.ID))
		}
		s.KeepIndexes(func(id base.ID) bool { return int(id)%10 == turn })
	}
	wg.Wait()
	s.KeepIndexes(func(base.ID) bool { return false })
	s.Close()
	r.Close()
	require.ErrorIs(t, s.OpenIndex(t.Context(), store, c.Fields[1], indexes[0], scalarKey(indexes[0].ID)), ErrClosed)
}

// TestScalarIndexRefused: a file that is damaged, or of another index, is
// named and replaces nothing; a build stays within its memory.
func TestScalarIndexRefused(t *testing.T) {
	e, c := testEngine(), testCollection(schema.Int64)
	store := newStore()
	g := newTestGrowing(e, c)
	require.NoError(t, g.Insert(numbered(c, 0, 100), 10))
	s := seal(t, e, store, c, 2, g)
	defer s.Close()
	f := c.FieldByID(numberID)
	x := &schema.Index{ID: 50, Field: f.ID, Type: scalarindex.Sort}
	buildScalar(t, s, store, f, x)
	require.NoError(t, s.OpenIndex(t.Context(), store, f, x, scalarKey(50)))

	m, err := store.Pin(t.Context(), scalarKey(50))
	require.NoError(t, err)
	damaged := bytes.Clone(m.Bytes())
	require.NoError(t, m.Unpin())
	damaged[300] ^= 1
	require.NoError(t, store.Put(t.Context(), scalarKey(51), bytes.NewReader(damaged), int64(len(damaged))))
	other := *x
	other.ID = 51
	err = s.OpenIndex(t.Context(), store, f, &other, scalarKey(51))
	require.ErrorIs(t, err, scalarindex.ErrBadFile)
	require.ErrorContains(t, err, scalarKey(51))
	require.False(t, s.HasIndex(51))
	require.True(t, s.HasIndex(50))
	text := c.FieldByID(textID)
	require.ErrorIs(t, s.OpenIndex(t.Context(), store, text, &schema.Index{ID: 52, Field: textID}, scalarKey(50)), scalarindex.ErrBadFile)
	require.ErrorContains(t, s.OpenIndex(t.Context(), store, c.Primary(), &schema.Index{ID: 53, Field: keyID, Type: "INVERTED"}, scalarKey(50)), "no INVERTED index of field id")
	_, release, err := s.BuildScalar(t.Context(), text, &schema.Index{Type: scalarindex.Trie}, mem.NewBudget(100))
	var refused *mem.BudgetError
	require.ErrorAs(t, err, &refused)
	release()

	// A field that is younger than the rows: they have no keys.
	late := &schema.Field{ID: 900, Name: "late", Type: schema.VarChar, Nullable: true}
	built, release, err := s.BuildScalar(t.Context(), late, &schema.Index{Type: scalarindex.Auto}, mem.NewBudget(0))
	require.NoError(t, err)
	require.Zero(t, built.Keys())
	release()
}
