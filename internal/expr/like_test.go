package expr

import (
	"math/rand"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPattern(t *testing.T) {
	for _, tc := range []struct {
		pattern string
		yes, no []string
	}{
		{"abc", []string{"abc"}, []string{"", "ab", "abcd", "ABC"}},
		{"", []string{""}, []string{"a"}},
		{"%", []string{"", "a", "中文"}, nil},
		{"%%", []string{"", "a"}, nil},
		{"_", []string{"a", "中", "🙂"}, []string{"", "ab"}},
		{"__", []string{"ab", "中🙂"}, []string{"a", "abc"}},
		{"a%", []string{"a", "abc", "a\nb"}, []string{"", "ba"}},
		{"%a", []string{"a", "ba"}, []string{"ab"}},
		{"%a%", []string{"a", "bab"}, []string{"", "b"}},
		{"a%a", []string{"aa", "aba"}, []string{"a", "ab"}},
		{"ab%ba", []string{"abba", "abxba"}, []string{"aba"}},
		{"%a%b%c%", []string{"abc", "xaxbxcx"}, []string{"acb", "ab"}},
		{"a_c", []string{"abc", "a中c"}, []string{"ac", "abbc"}},
		{"%_b", []string{"ab", "中b"}, []string{"b"}},
		{"%a_", []string{"ab", "xa中"}, []string{"a", "abc"}},
		{"%_%", []string{"a", "中"}, []string{""}},
		{"_%_", []string{"ab", "中中", "abc"}, []string{"a", "中"}},
		{"%_a%_b", []string{"xaxb"}, []string{"axb", "xab"}},
		{`a\%b`, []string{"a%b"}, []string{"axb"}},
		{`a\_b`, []string{"a_b"}, []string{"axb"}},
		{`\\%`, []string{`\`, `\x`}, []string{"x"}},
		{`\a\中`, []string{"a中"}, []string{`\a`}},
		{"%\xff_", []string{"\xffa", "x\xff\xfe"}, []string{"\xff"}},
	} {
		p, err := NewPattern(tc.pattern)
		require.NoError(t, err)
		require.Equal(t, tc.pattern, p.String())
		for _, s := range tc.yes {
			require.True(t, p.Match([]byte(s)), "%q like %q", s, tc.pattern)
		}
		for _, s := range tc.no {
			require.False(t, p.Match([]byte(s)), "%q like %q", s, tc.pattern)
		}
	}
	for _, bad := range []string{`\`, `abc\`, `%\`, `\\\`} {
		_, err := NewPattern(bad)
		require.Error(t, err, bad)
	}
}

// TestPatternModel compares patterns with regular expressions that mean the
// same.
func TestPatternModel(t *testing.T) {
	seed := time.Now().UnixNano()
	rng := rand.New(rand.NewSource(seed))
	t.Logf("seed %d", seed)
	draw := func(alphabet []string, limit int) string {
		var b strings.Builder
		for range rng.Intn(limit) {
			b.WriteString(alphabet[rng.Intn(len(alphabet))])
		}
		return b.String()
	}
	for range 3000 {
		pattern := draw([]string{"a", "b", "中", "%", "%", "_", `\%`, `\_`, `\\`}, 8)
		p, err := NewPattern(pattern)
		require.NoError(t, err)
		re := likeRegexp(pattern)
		for range 20 {
			s := draw([]string{"a", "b", "中", "%", "_", `\`, "\n"}, 10)
			require.Equal(t, re.MatchString(s), p.Match([]byte(s)), "%q like %q", s, pattern)
		}
		if lit, ok := p.Literal(); ok {
			require.True(t, p.Match([]byte(lit)))
		}
	}
}

func likeRegexp(pattern string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	escaped := false
	for _, r := range pattern {
		switch {
		case escaped:
			b.WriteString(regexp.QuoteMeta(string(r)))
			escaped = false
		case r == '\\':
			escaped = true
		case r == '%':
			b.WriteString(".*")
		case r == '_':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return regexp.MustCompile(b.String() + `\z`)
}

// TestPatternBomb: patterns that make a backtracking matcher run for ever.
func TestPatternBomb(t *testing.T) {
	text := []byte(strings.Repeat("a", 65_535))
	for _, pattern := range []string{
		strings.Repeat("%a", 5000) + "b",
		strings.Repeat("%a", 5000) + "%",
		strings.Repeat("a%", 5000) + "b",
		strings.Repeat("%_a", 5000) + "%b%",
		"%" + strings.Repeat("_a", 100) + "b%",
	} {
		p, err := NewPattern(pattern)
		require.NoError(t, err)
		p.Match(text)
	}
}
