package configs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseKeys(t *testing.T) {
	keys, err := parseKeys("a.b\tint\t1\t2\nc.*\tgroup\t\nd\talias\ta.b\n")
	require.NoError(t, err)
	require.Equal(t, []milvusKey{
		{name: "a.b", kind: kindInt, defaults: []string{"1", "2"}},
		{name: "c.", kind: kindGroup},
		{name: "d", kind: kindAlias, aliasOf: "a.b"},
	}, keys)
	for _, bad := range []string{"a\tint\n", "\tint\t1\n", "a\tnumber\t1\n", "a\tgroup\t\n"} {
		_, err := parseKeys(bad)
		require.Error(t, err, bad)
	}
}

// The kinds in keys.tsv fit the defaults.
func TestKindsFitDefaults(t *testing.T) {
	keys, err := parseKeys(keysTSV)
	require.NoError(t, err)
	for _, k := range keys {
		for _, d := range k.defaults {
			if d == "" {
				continue
			}
			switch k.kind {
			case kindBool:
				_, err = parseBool(d)
			case kindInt, kindFloat:
				_, err = fmt.Sscan(d, new(float64))
			case kindSize:
				_, err = ParseSize(d)
			case kindDuration:
				_, err = parseDuration(d, 1)
			}
			require.NoError(t, err, "%s = %s", k.name, d)
		}
	}
}

func TestTable(t *testing.T) {
	tab, err := newTable(&Config{})
	require.NoError(t, err)
	for _, sec := range tab.sections {
		for _, s := range sec.settings {
			e := tab.byKey[normalize(s.key)]
			require.Same(t, e.honoured, tab.byKey[normalize(e.name)].honoured)
			require.Equal(t, strings.HasPrefix(s.key, "redkite."), e.milvus == nil, s.key)
			require.True(t, strings.HasSuffix(s.help, "."), s.key)
			if e.milvus != nil {
				require.Equal(t, e.milvus.name, s.key, "Milvus spells it otherwise")
			}
		}
	}
	require.Equal(t, tab.byKey[normalize("quotaAndLimits.limits.topK")], tab.byKey[normalize("common.topKLimit")])
}

func TestSame(t *testing.T) {
	for _, c := range []struct {
		kind kind
		a, b string
		want bool
	}{
		{kindBool, "true", "True", true},
		{kindBool, "true", "1", true},
		{kindBool, "true", "yes", false},
		{kindInt, "1", "1.0", true},
		{kindInt, "16", " 16 ", true},
		{kindFloat, "0.1", "0.10", true},
		{kindFloat, "0.1", "0.11", false},
		{kindSize, "64m", "67108864", true},
		{kindSize, "64m", "64MB", true},
		{kindDuration, "60s", "1m", true},
		{kindDuration, "60", "1m", true},
		{kindString, "a", "A", false},
		{kindSecret, "a", "a", true},
	} {
		require.Equal(t, c.want, c.kind.same(c.a, c.b), "%s %q %q", c.kind, c.a, c.b)
	}
}

func TestFindRuling(t *testing.T) {
	all := []ruling{{prefix: "", reason: "none"}, {prefix: "a.", reason: "a"}, {prefix: "a.b", reason: "ab"}, {prefix: "a.b.", reason: "abx"}}
	for key, want := range map[string]string{"x": "none", "a.c": "a", "A.C": "a", "a.b": "ab", "a.bc": "a", "a.b.c": "abx"} {
		require.Equal(t, want, findRuling(all, key).reason, key)
	}
}

func TestNearest(t *testing.T) {
	require.Equal(t, "", Nearest("x", nil))
	keys := []string{"proxy.port", "proxy.ip", "rootCoord.port"}
	require.Equal(t, "proxy.port", Nearest("PROXY.PROT", keys))
	require.Equal(t, "proxy.ip", Nearest("ip", keys))
	require.Equal(t, "proxy.port", Nearest("port", keys))
	require.NotEmpty(t, Nearest(strings.Repeat("x", 100000), keys))
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1},
		{"kitten", "sitting", 3}, {"ca", "abc", 3}, {"a", "b", 1},
	} {
		require.Equal(t, c.want, distance(c.a, c.b), "%s %s", c.a, c.b)
		require.Equal(t, c.want, distance(c.b, c.a), "%s %s", c.b, c.a)
	}
}
