package querynode

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/role"
)

// TestGroup compares groups with those of all rows in order.
func TestGroup(t *testing.T) {
	f := newFixture(t, DefaultCursorLimits(), 9)
	all := f.want(func(int64) bool { return true })
	for _, c := range []struct {
		k, size int
		strict  bool
	}{{3, 1, false}, {10, 1, true}, {4, 3, true}, {10, 7, true}, {20, 2, false}, {2, 1000, true}} {
		r := f.request("", c.k, nil)
		r.Cursor, r.Group = nil, &role.Group{Fields: []base.ID{numberID}, Size: c.size, Strict: c.strict}
		r.NQ, r.Vectors = 2, append(r.Vectors, r.Vectors...)
		out, err := f.Search(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, out.Counts[0], out.Counts[1])
		var order []int64
		members := map[int64][]int64{}
		for _, key := range all {
			g := key % 10
			if _, known := members[g]; !known && len(order) == c.k {
				continue
			} else if !known {
				order = append(order, g)
			}
			members[g] = append(members[g], key)
		}
		at := 0
		for _, g := range order {
			n := 0
			for at < out.Counts[0] && out.Groups.Column(numberID).Int64s[at] == g {
				require.Equal(t, g, out.Keys.Int64s[at]%10)
				require.Equal(t, out.Scores[at], out.Scores[at+out.Counts[0]])
				if c.strict {
					require.Equal(t, members[g][n], out.Keys.Int64s[at])
				}
				n++
				at++
			}
			require.GreaterOrEqual(t, n, 1)
			require.LessOrEqual(t, n, c.size)
			if c.strict {
				require.Equal(t, min(c.size, len(members[g])), n)
			}
		}
		require.Equal(t, out.Counts[0], at, "the groups follow each other, the best first")
	}
}

func TestGroupFiltered(t *testing.T) {
	f := newFixture(t, DefaultCursorLimits(), 9)
	plan, err := expr.Parse("n in [3, 4]", f.info.Collection, nil)
	require.NoError(t, err)
	r := f.request("", 5, nil)
	r.Cursor, r.Plan, r.Group = nil, plan, &role.Group{Fields: []base.ID{numberID}, Size: 2, Strict: true}
	out, err := f.Search(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, []int{4}, out.Counts)
}

// TestGroupOfSeveralVectors compares groups of vectors that are asked for
// together with those of each alone.
func TestGroupOfSeveralVectors(t *testing.T) {
	f := newFixture(t, DefaultCursorLimits(), 9)
	plan, err := expr.Parse("n != 4", f.info.Collection, nil)
	require.NoError(t, err)
	search := func(vectors ...float32) *role.SearchResult {
		r := f.request("", 5, nil)
		r.Cursor, r.Plan, r.Group = nil, plan, &role.Group{Fields: []base.ID{numberID}, Size: 2, Strict: true}
		r.NQ, r.Vectors = len(vectors)/4, vectors
		out, err := f.Search(t.Context(), r)
		require.NoError(t, err)
		return out
	}
	both := search(0, 0, 0, 0, 7, 5, 3, 8)
	one, other := search(0, 0, 0, 0), search(7, 5, 3, 8)
	require.Equal(t, append(one.Counts, other.Counts...), both.Counts)
	require.Equal(t, append(one.Scores, other.Scores...), both.Scores)
	require.Equal(t, append(one.Keys.Int64s, other.Keys.Int64s...), both.Keys.Int64s)
	require.NotEqual(t, one.Keys.Int64s, other.Keys.Int64s)
}
