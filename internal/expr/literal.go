package expr

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// unescape returns the string that the text between the quotes of a literal
// stands for. The escapes are those of C and \uXXXX, \UXXXXXXXX; a backslash
// before any other character stays, with the character: patterns need it.
func unescape(s string) (string, error) {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s, nil
	}
	var b strings.Builder
	b.Grow(len(s))
	for i >= 0 {
		b.WriteString(s[:i])
		n, err := unescapeOne(&b, s[i:])
		if err != nil {
			return "", err
		}
		s = s[i+n:]
		i = strings.IndexByte(s, '\\')
	}
	b.WriteString(s)
	return b.String(), nil
}

// unescapeOne writes what the escape at the start of s stands for and returns
// its length.
func unescapeOne(b *strings.Builder, s string) (int, error) {
	const named, values = `abfnrtv"'\?`, "\a\b\f\n\r\t\v\"'\\?"
	if len(s) < 2 {
		b.WriteByte('\\')
		return len(s), nil
	}
	c := s[1]
	if k := strings.IndexByte(named, c); k >= 0 {
		b.WriteByte(values[k])
		return 2, nil
	}
	switch {
	case c == '\n': // a line that goes on
		return 2, nil
	case c == '\r':
		if len(s) > 2 && s[2] == '\n' {
			return 3, nil
		}
		return 2, nil
	case c >= '0' && c <= '7':
		v, n := digits(s[1:], 3, 8)
		if v > 255 {
			return 0, fmt.Errorf("invalid escape %s: the value is above 255", s[:1+n])
		}
		b.WriteByte(byte(v))
		return 1 + n, nil
	case c == 'x':
		if v, n := digits(s[2:], 2, 16); n > 0 {
			b.WriteByte(byte(v))
			return 2 + n, nil
		}
	case c == 'u' || c == 'U':
		if r, n := unicodeEscape(s); n > 0 {
			if !utf8.ValidRune(r) {
				return 0, fmt.Errorf("invalid escape %s: not a character", s[:n])
			}
			b.WriteRune(r)
			return n, nil
		}
	}
	_, n := utf8.DecodeRuneInString(s[1:])
	b.WriteString(s[:1+n])
	return 1 + n, nil
}

// unicodeEscape reads \uXXXX, a surrogate pair of two of them, or \UXXXXXXXX;
// n is 0 if digits are missing.
func unicodeEscape(s string) (r rune, n int) {
	want := 4
	if s[1] == 'U' {
		want = 8
	}
	v, got := digits(s[2:], want, 16)
	if got < want {
		return 0, 0
	}
	n = 2 + want
	if want == 4 && utf16.IsSurrogate(rune(v)) && strings.HasPrefix(s[n:], `\u`) {
		if low, got := digits(s[n+2:], 4, 16); got == 4 {
			if pair := utf16.DecodeRune(rune(v), rune(low)); pair != utf8.RuneError {
				return pair, n + 6
			}
		}
	}
	if v > utf8.MaxRune {
		return -1, n
	}
	return rune(v), n
}

// digits reads up to limit digits of the base.
func digits(s string, limit int, base uint64) (v uint64, n int) {
	for n < len(s) && n < limit {
		d := digit(s[n])
		if d >= base {
			break
		}
		v = v*base + d
		n++
	}
	return v, n
}

// digit returns the value of a digit of a base up to 16, 255 if c is none.
func digit(c byte) uint64 {
	switch {
	case c >= '0' && c <= '9':
		return uint64(c - '0')
	case c >= 'a' && c <= 'f':
		return uint64(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return uint64(c-'A') + 10
	}
	return 255
}

// regexText returns the pattern that a quoted regular expression stands for:
// only the quote and the backslash are escapes of the literal, all others are
// the pattern's own.
func regexText(quoted string) string {
	quote, s := quoted[0], quoted[1:len(quoted)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
			if s[i] != quote && s[i] != '\\' {
				b.WriteByte('\\')
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// writeQuoted writes s as a literal that unescape reads back.
func writeQuoted(b *strings.Builder, s string) {
	const hex = "0123456789abcdef"
	b.WriteByte('"')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			switch {
			case c == '"' || c == '\\':
				b.WriteByte('\\')
				b.WriteByte(c)
			case c < ' ' || c == 0x7f:
				b.WriteString(`\x`)
				b.WriteByte(hex[c>>4])
				b.WriteByte(hex[c&15])
			default:
				b.WriteByte(c)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			b.WriteString(`\x`)
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	b.WriteByte('"')
}

// writeRegex writes a pattern as a literal that regexText reads back. The
// pattern has no line breaks.
func writeRegex(b *strings.Builder, pattern string) {
	b.WriteByte('"')
	for i := 0; i < len(pattern); i++ {
		if c := pattern[i]; c == '"' || c == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(pattern[i])
	}
	b.WriteByte('"')
}
