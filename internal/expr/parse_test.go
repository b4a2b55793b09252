package expr

import (
	"fmt"
	"math"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/schema"
)

// TestParse runs the scripts of filters, one a line: the answer is the
// canonical text, which has to parse to itself, or the cause of the error.
func TestParse(t *testing.T) {
	datadriven.Walk(t, "testdata/parse", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			coll := testCollection(true)
			switch d.Cmd {
			case "strict":
				coll = testCollection(false)
			case "stringpk":
				coll = stringPKCollection()
			case "parse":
			default:
				d.Fatalf(t, "unknown command %s", d.Cmd)
			}
			var out strings.Builder
			for line := range strings.Lines(d.Input) {
				fmt.Fprintln(&out, parseLine(t, strings.TrimRight(line, "\n"), coll))
			}
			return out.String()
		})
	})
}

func parseLine(t *testing.T, line string, coll *schema.Collection) string {
	p, err := Parse(line, coll, testTemplates())
	if err != nil {
		require.True(t, merr.Is(err, merr.ParameterInvalid), "%v", err)
		return "error: " + cause(err)
	}
	canonical := p.String()
	again, err := Parse(canonical, coll, nil)
	require.NoError(t, err, "%s became %s", line, canonical)
	require.Equal(t, canonical, again.String(), "of %s", line)
	require.Equal(t, p.Fields(), again.Fields())
	return canonical
}

// TestWholeMessage: the message has the form that clients look for.
func TestWholeMessage(t *testing.T) {
	c := testCollection(false)
	for filter, want := range map[string]string{
		"s == 0":   "cannot parse expression: s == 0, error: comparisons between VarChar and Int64 are not supported: invalid parameter",
		"b":        "predicate is not a boolean expression: b, data type: Bool: invalid parameter",
		"a\xff":    "cannot parse expression: the filter is not valid UTF-8: invalid parameter",
		"i64 + 1":  "predicate is not a boolean expression: i64 + 1, data type: Int64: invalid parameter",
		"nope > 1": "cannot parse expression: nope > 1, error: field nope not exist: invalid parameter",
	} {
		_, err := Parse(filter, c, nil)
		require.EqualError(t, err, want)
		require.True(t, merr.Is(err, merr.ParameterInvalid))
	}
	_, err := Parse("id in ["+strings.Repeat("'a', ", 1<<20), c, nil)
	require.Error(t, err)
	require.Less(t, len(err.Error()), 10_000)
}

// TestDepth: filters of any depth and length end, quickly, in a plan or an
// error.
func TestDepth(t *testing.T) {
	deep := func(open string, n int, inner, closing string) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(closing, n)
	}
	for name, filter := range map[string]string{
		"1000 brackets":  deep("(", 1000, "id > 1", ")"),
		"8 MB of spaces": strings.Repeat(" ", 8<<20) + "id > 1",
		"minus 50,000":   "id > " + strings.Repeat("-", 50_000) + "1",
		"not 20,000":     strings.Repeat("not ", 20_000) + "(id > 1)",
	} {
		p := mustParse(t, filter)
		require.Equal(t, "id > 1", p.String(), name)
	}
	for name, filter := range map[string]string{
		"brackets":        deep("(", 100_000, "id > 1", ")"),
		"open brackets":   strings.Repeat("(", 100_000),
		"not of id":       strings.Repeat("not ", 20_000) + "id > 1",
		"not brackets":    deep("not (", 100_000, "id > 1", ")"),
		"lists":           "j == " + deep("[", 100_000, "1", "]"),
		"exists":          strings.Repeat("exists ", 100_000) + "j[\"a\"]",
		"exists not":      strings.Repeat("exists not ", 100_000) + "j[\"a\"]",
		"calls":           deep("f(", 100_000, "1", ")"),
		"ranges":          "1" + strings.Repeat(" < id < 2", 100_000),
		"comparisons":     "1" + strings.Repeat(" < 2", 100_000),
		"power":           "id > 9" + strings.Repeat(" ** 9", 100_000),
		"contains":        deep("json_contains(j, ", 100_000, "1", ")"),
		"text_match":      deep("text_match(t, ", 100_000, "'a'", ")"),
		"quotes":          "s == '" + strings.Repeat("'", 1000),
		"too many terms":  "id > 1" + strings.Repeat(" or f > 1", maxNodes/3+1),
		"too many unary":  "id > " + deep("(-", 100_000, "1", ")"),
		"templates":       strings.Repeat("{", 100_000),
		"brackets in and": deep("(id > 1 and ", 100_000, "id > 2", ")"),
	} {
		_, err := Parse(filter, testCollection(true), nil)
		require.Error(t, err, name)
		require.Less(t, len(err.Error()), 10_000)
	}
}

// TestLong: long chains and lists become small plans.
func TestLong(t *testing.T) {
	var or, list, texts strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&or, "id == %d or ", i)
		fmt.Fprintf(&list, "%d,", i*7_000_000_000)
		fmt.Fprintf(&texts, "'%d', ", i)
	}
	p := mustParse(t, or.String()+"id == 50000")
	keys, ok := p.PrimaryKeys()
	require.True(t, ok)
	require.Len(t, keys.Ints, 50_001)
	p = mustParse(t, "id in ["+list.String()+"]")
	keys, ok = p.PrimaryKeys()
	require.True(t, ok)
	require.Len(t, keys.Ints, 50_000)
	set := p.Root().(*In).Set
	require.True(t, set.HasInt(7_000_000_000*49_999))
	require.False(t, set.HasInt(7_000_000_001))
	p = mustParse(t, "s in ["+texts.String()+"]")
	require.True(t, p.Root().(*In).Set.HasString([]byte("49999")))
	require.Len(t, p.Root().(*In).Set.Strings(), 50_000)

	var and strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&and, "id > %d and i64 != %d and ", i, i)
	}
	p = mustParse(t, and.String()+"id < 10000")
	require.Equal(t, "4999 < id < 10000", write1(p.Root().(*And).Terms[0]))
}

func write1(n Node) string {
	var b strings.Builder
	write(&b, n)
	return b.String()
}

// TestPrimaryKeys: only plans that ask for keys and nothing else have them.
func TestPrimaryKeys(t *testing.T) {
	for filter, want := range map[string][]int64{
		"id == 7":                           {7},
		"7 == id":                           {7},
		"id in [3, 1, 3]":                   {1, 3},
		"(id in [3, 1]) or id == 9":         {1, 3, 9},
		"id in {ints}":                      {1, 2, 3},
		"id in []":                          nil,
		"not (not (id == 1))":               {1},
		"not (id != 1)":                     {1},
		"id == -9223372036854775808":        {math.MinInt64},
		"true and id in [5, 0x10, 010,0b1]": {1, 5, 8, 16},
	} {
		keys, ok := mustParse(t, filter).PrimaryKeys()
		require.True(t, ok, filter)
		require.Equal(t, want, keys.Ints, filter)
		require.Empty(t, keys.Strings)
	}
	for _, filter := range []string{"id > 1", "id == 1 and i64 == 2", "id != 1", "id not in [1]", "i64 == 1", "true", "id == 1 or id > 7"} {
		_, ok := mustParse(t, filter).PrimaryKeys()
		require.False(t, ok, filter)
	}
	p, err := Parse(`key in ["b", 'a', "b"]`, stringPKCollection(), nil)
	require.NoError(t, err)
	keys, ok := p.PrimaryKeys()
	require.True(t, ok)
	require.Equal(t, []string{"a", "b"}, keys.Strings)
}

// TestAlways: constants fold to plans that need no rows.
func TestAlways(t *testing.T) {
	for _, filter := range []string{"", " \t\r\n ", "true", "1 == 1", "not false", "1 < 2 and 'a' < 'b'", "id > 1 or true", "2 ** 3 == 8"} {
		require.True(t, mustParse(t, filter).AlwaysTrue(), filter)
		require.False(t, mustParse(t, filter).AlwaysFalse(), filter)
	}
	for _, filter := range []string{"false", "1 > 1", "id > 1 and false", "not (1 == 1.0)"} {
		require.True(t, mustParse(t, filter).AlwaysFalse(), filter)
		require.False(t, mustParse(t, filter).AlwaysTrue(), filter)
	}
	require.Empty(t, mustParse(t, "true").Fields())
	c := testCollection(true)
	require.Equal(t, []int64{c.Field("id").ID, c.Field("s").ID, c.DynamicField().ID},
		mustParse(t, "x > 1 and (s like '%a' or id in [1] and id > 3)").Fields())
}

// TestSets: membership agrees with the list that the set was made of.
func TestSets(t *testing.T) {
	seed := time.Now().UnixNano()
	rng := rand.New(rand.NewSource(seed))
	t.Logf("seed %d", seed)
	for round := range 300 {
		scale := int64(1) << rng.Intn(63)
		list := &List{}
		want := map[int64]bool{}
		for range rng.Intn(200) {
			v := rng.Int63n(scale) - scale/2
			if rng.Intn(50) == 0 {
				v = []int64{math.MinInt64, math.MaxInt64, 0, math.MinInt64 + 1}[rng.Intn(4)]
			}
			want[v] = true
			list.add(IntValue(v))
		}
		s := newSet(list)
		require.Equal(t, len(want), s.Len())
		for v := range want {
			require.True(t, s.HasInt(v), "round %d: %d", round, v)
			require.Equal(t, want[v+1], s.HasInt(v+1))
			require.GreaterOrEqual(t, s.IndexNear(float64(v)), 0)
			require.GreaterOrEqual(t, s.IndexInt(v), 0)
		}
		require.Equal(t, want[math.MinInt64], s.HasInt(math.MinInt64))
		require.Equal(t, want[math.MaxInt64], s.HasInt(math.MaxInt64))
	}
	s := newSet(NewList(FloatValue(0), FloatValue(2.5), IntValue(3), StringValue("a"), BoolValue(true)))
	require.True(t, s.HasFloat(math.Copysign(0, -1)))
	require.True(t, s.HasFloat(3))
	require.False(t, s.HasFloat(1))
	require.False(t, s.HasInt(5))
	require.True(t, s.HasBool(true))
	require.False(t, s.HasBool(false))
	require.False(t, s.HasString([]byte("b")))
	require.Equal(t, 5, s.Len())
}

// FuzzParse: no text makes the parser panic, and what it accepts has a
// canonical text that parses to itself.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`id > 1 and (s like "a%" or not (j["a"][0] in [1, "x"]))`, `1 < f <= 2.5 or x is not null`, `-9223372036854775808 == id`,
		`array_length(ints) == 3 && json_contains_any(j["k"], [1, [2]])`, `s =~ "\d+\"" and s !~ r'a\b'`, `(i64 & 4) == 4 ^ 1`,
		`"\x41\u00e9\U0001F600\101" == s`, `ts + INTERVAL 'P1D' > ISO '2025'`, `$meta["a"] == [1, 2.5]`, `{x} in [0x1F, 0b11, 017, 1e3, .5]`,
		`element_filter(st, $[a] > 1)`, `exists x["y"] is null`, `ints[0] ** 2`, `st[0][x] == 1`, "s in ['a\\\nb']", `not b == true or 1 | 2 == 3`,
	} {
		f.Add(seed)
	}
	coll := testCollection(true)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text, coll, testTemplates())
		if err != nil {
			return
		}
		canonical := p.String()
		again, err := Parse(canonical, coll, nil)
		if err != nil {
			t.Fatalf("%q became %q: %v", text, canonical, err)
		}
		if again.String() != canonical {
			t.Fatalf("%q became %q became %q", text, canonical, again.String())
		}
	})
}
