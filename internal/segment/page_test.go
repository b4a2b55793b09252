package segment

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/schema"
)

// TestPage compares pages of a sealed segment, whose keys come several times and
// are partly deleted, with the first of all rows.
func TestPage(t *testing.T) {
	for _, keys := range []schema.Type{schema.Int64, schema.VarChar} {
		t.Run(keys.String(), func(t *testing.T) {
			const seed = 5
			rng := rand.New(rand.NewPCG(seed, uint64(keys)))
			e, c := testEngine(), testCollection(keys)
			g := newTestGrowing(e, c)
			for step := range 60 {
				at := base.Timestamp(10 * (step + 1))
				var batch []*modelRow
				for range 500 {
					batch = append(batch, randomRow(rng, rng.IntN(20_000), at))
				}
				require.NoError(t, g.Insert(batchOf(c, batch), at))
			}
			s := seal(t, e, newStore(), c, 2, g)
			defer s.Close()
			for range 3000 {
				require.NoError(t, s.Delete(keyColumn(keys, rng.IntN(20_000)), []base.Timestamp{700}, 0))
			}
			pages := 0
			for range 200 {
				if checkPage(t, rng, s, c) {
					pages++
				}
			}
			require.Greater(t, pages, 50)
		})
	}
}

// checkPage reports whether a page was read, not all rows.
func checkPage(t *testing.T, rng *rand.Rand, s *Sealed, c *schema.Collection) bool {
	t.Helper()
	r, err := s.View(base.Timestamp(1+rng.IntN(900)), c)
	require.NoError(t, err)
	defer r.Close()
	limit, after := 1+rng.IntN(700), fmt.Sprint(rng.IntN(20_000))
	if c.Primary().Type == schema.VarChar {
		after = fmt.Sprintf("%q", "key-"+after)
	}
	filter := []string{"n < 3 or n is null", "n == -1", "n >= -1000 or n is null", "n == 7"}[rng.IntN(4)]
	text := "id > " + after + " and (" + filter + ")"
	if rng.IntN(4) == 0 {
		text = "id < " + after + " and (" + filter + ")"
	}
	plan, err := expr.Parse(text, c, nil)
	require.NoError(t, err)
	keep, _, _, err := r.visible(t.Context(), plan)
	require.NoError(t, err)
	keys, err := r.stored(keyID)
	require.NoError(t, err)
	want := firstSorted(keep, keys, limit)
	got, ok, err := r.page(t.Context(), plan, limit)
	require.NoError(t, err)
	if ok {
		require.ElementsMatch(t, want, got, text)
		require.IsIncreasing(t, append(append([]uint32{}, got...), ^uint32(0)), text)
	}
	all, err := r.Retrieve(t.Context(), plan, limit)
	require.NoError(t, err)
	require.ElementsMatch(t, want, all, text)
	return ok
}
