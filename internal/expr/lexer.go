package expr

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// lexer splits a filter into tokens.
type lexer struct {
	text string
	pos  int
}

// syntaxError is a complaint about one place of the text.
func syntaxError(pos int, format string, args ...any) error {
	return fmt.Errorf("line 1:%d "+format, append([]any{pos}, args...)...)
}

// next returns the next token; at the end of the text it is tokEOF.
func (l *lexer) next() (token, error) {
	l.skipSpace()
	start := l.pos
	if start >= len(l.text) {
		return token{kind: tokEOF, pos: start, end: start}, nil
	}
	c := l.text[start]
	switch {
	case isLetter(c):
		return l.word()
	case isDigit(c), c == '.' && isDigit(l.at(1)):
		return l.number()
	case c == '"' || c == '\'':
		return l.str(start, tokString)
	case c == '$':
		return l.dollar()
	}
	kind, n := l.operator()
	if n == 0 {
		_, size := utf8.DecodeRuneInString(l.text[start:])
		return token{}, syntaxError(start, "token recognition error at: '%s'", l.text[start:start+size])
	}
	l.pos += n
	return token{kind: kind, pos: start, end: l.pos}, nil
}

func (l *lexer) skipSpace() {
	for l.pos < len(l.text) {
		switch l.text[l.pos] {
		case ' ', '\t', '\n', '\r':
			l.pos++
		default:
			return
		}
	}
}

// at returns the byte i places ahead, 0 past the end.
func (l *lexer) at(i int) byte {
	if l.pos+i < len(l.text) {
		return l.text[l.pos+i]
	}
	return 0
}

// operator returns the kind and length of the operator at hand, 0 if none is.
func (l *lexer) operator() (tokenKind, int) {
	if l.pos+2 <= len(l.text) {
		switch l.text[l.pos : l.pos+2] {
		case "<=":
			return tokLE, 2
		case ">=":
			return tokGE, 2
		case "==":
			return tokEQ, 2
		case "!=":
			return tokNE, 2
		case "=~":
			return tokRegex, 2
		case "!~":
			return tokNotRegex, 2
		case "**":
			return tokPow, 2
		case "<<":
			return tokShl, 2
		case ">>":
			return tokShr, 2
		case "&&":
			return tokAnd, 2
		case "||":
			return tokOr, 2
		}
	}
	const singles = "()[]{},=<>+-*/%&|^~!"
	kinds := [...]tokenKind{
		tokLParen, tokRParen, tokLBracket, tokRBracket, tokLBrace, tokRBrace, tokComma, tokAssign,
		tokLT, tokGT, tokAdd, tokSub, tokMul, tokDiv, tokMod, tokBitAnd, tokBitOr, tokBitXor, tokBitNot, tokNot,
	}
	if i := strings.IndexByte(singles, l.text[l.pos]); i >= 0 {
		return kinds[i], 1
	}
	return tokEOF, 0
}

// word reads a keyword, a name with its accessors, or a string with a prefix.
func (l *lexer) word() (token, error) {
	start := l.pos
	name := l.name()
	if c := l.at(0); c == '"' || c == '\'' {
		switch name {
		case "r", "R":
			return l.str(start, tokRawString)
		case "u8", "u", "U", "L":
			return l.str(start, tokString)
		}
	}
	t := token{kind: keyword(name), pos: start, name: name}
	if rest := l.text[start:]; name == "is" || name == "IS" {
		// These are single tokens: one space, one case.
		for _, null := range []struct {
			text string
			kind tokenKind
		}{{"is not null", tokIsNotNull}, {"IS NOT NULL", tokIsNotNull}, {"is null", tokIsNull}, {"IS NULL", tokIsNull}} {
			if strings.HasPrefix(rest, null.text) {
				l.pos = start + len(null.text)
				return token{kind: null.kind, pos: start, end: l.pos}, nil
			}
		}
	}
	switch t.kind {
	case tokIdent:
		l.accessors(&t)
	case tokBool:
		t.value = BoolValue(name[0] == 't' || name[0] == 'T')
	default:
		t.name = strings.ToLower(name)
	}
	t.end = l.pos
	return t, nil
}

// name reads a run of letters, digits and underscores.
func (l *lexer) name() string {
	start := l.pos
	for isLetter(l.at(0)) || isDigit(l.at(0)) {
		l.pos++
	}
	return l.text[start:l.pos]
}

// dollar reads $meta, with accessors if there are any, or $[sub].
func (l *lexer) dollar() (token, error) {
	t := token{kind: tokMeta, pos: l.pos, name: "$meta"}
	if strings.HasPrefix(l.text[l.pos:], "$meta") {
		l.pos += len("$meta")
		l.accessors(&t)
		t.end = l.pos
		return t, nil
	}
	if l.at(1) == '[' && isLetter(l.at(2)) {
		l.pos += 2
		if sub := l.name(); l.at(0) == ']' {
			l.pos++
			return token{kind: tokStructSub, pos: t.pos, end: l.pos, name: "$", sub: sub}, nil
		}
		l.pos = t.pos
	}
	return token{}, syntaxError(l.pos, "token recognition error at: '$'")
}

// accessors reads the longest run of [..] that belongs to the name just read.
// It reads nothing if there is none.
func (l *lexer) accessors(t *token) {
	if t.kind != tokMeta && l.subField(t, tokStructField) {
		return
	}
	for l.at(0) == '[' {
		start := l.pos
		key, quoted, ok := l.accessor()
		if !ok {
			l.pos = start
			break
		}
		t.path, t.quoted = append(t.path, key), append(t.quoted, quoted)
	}
	if len(t.path) == 1 && !t.quoted[0] && t.kind != tokMeta && l.subField(t, tokStructIndex) {
		return
	}
	if len(t.path) > 0 {
		t.kind = tokPath
	}
}

// subField reads [sub] and makes t a token of the kind; it reads nothing if
// that is not what is at hand.
func (l *lexer) subField(t *token, kind tokenKind) bool {
	start := l.pos
	if l.at(0) == '[' && isLetter(l.at(1)) {
		l.pos++
		if sub := l.name(); l.at(0) == ']' {
			l.pos++
			t.kind, t.sub = kind, sub
			return true
		}
	}
	l.pos = start
	return false
}

// accessor reads one [0], ["key"] or [r"key"].
func (l *lexer) accessor() (key string, quoted, ok bool) {
	l.pos++
	start := l.pos
	switch c := l.at(0); {
	case isDigit(c):
		for isDigit(l.at(0)) {
			l.pos++
		}
		key = l.text[start:l.pos]
		ok = key == "0" || key[0] != '0'
	case c == '"' || c == '\'':
		t, err := l.str(start, tokString)
		key, quoted, ok = t.value.Str(), true, err == nil
	case (c == 'r' || c == 'R') && (l.at(1) == '"' || l.at(1) == '\''):
		l.pos++
		t, err := l.str(start, tokRawString)
		key, quoted, ok = t.value.Str(), true, err == nil
	}
	if !ok || l.at(0) != ']' {
		return "", false, false
	}
	l.pos++
	return key, quoted, true
}

// str reads a string whose opening quote is at hand; start is where its
// prefix began.
func (l *lexer) str(start int, kind tokenKind) (token, error) {
	open := l.pos
	quote := l.text[open]
	end := open + 1
	for ; ; end++ {
		i := strings.IndexAny(l.text[end:], string([]byte{quote, '\\', '\n', '\r'}))
		if i < 0 {
			return token{}, syntaxError(start, "unterminated string %s", abridged(l.text[start:], 32))
		}
		end += i
		if c := l.text[end]; c == quote {
			break
		} else if c != '\\' {
			return token{}, syntaxError(start, "unterminated string %s", abridged(l.text[start:end], 32))
		}
		end++ // whatever follows is part of the string
		if end < len(l.text) && (l.text[end] == '\r' || l.text[end] == '\n') {
			if kind == tokRawString {
				return token{}, syntaxError(start, "unterminated string %s", abridged(l.text[start:end], 32))
			}
			if strings.HasPrefix(l.text[end:], "\r\n") {
				end++
			}
		}
		if end >= len(l.text) {
			return token{}, syntaxError(start, "unterminated string %s", abridged(l.text[start:], 32))
		}
	}
	l.pos = end + 1
	t := token{kind: kind, pos: start, end: l.pos}
	s := l.text[open+1 : end]
	if kind == tokString {
		var err error
		if s, err = unescape(s); err != nil {
			return token{}, syntaxError(start, "%w", err)
		}
	}
	t.value = StringValue(s)
	return t, nil
}

// number reads an integer or a float.
func (l *lexer) number() (token, error) {
	start := l.pos
	isFloat := l.scanNumber()
	s := l.text[start:l.pos]
	t := token{kind: tokInt, pos: start, end: l.pos}
	if isFloat {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return token{}, fmt.Errorf("constant %s is out of the range of a double", s)
		}
		t.kind, t.value = tokFloat, FloatValue(f)
		return t, nil
	}
	i, err := strconv.ParseInt(s, 0, 64)
	switch {
	case err == nil:
		t.value = IntValue(i)
	case s == "9223372036854775808":
		t.kind = tokBigInt
	default:
		return token{}, fmt.Errorf("integer constant %s is out of the range of int64", abridged(s, 64))
	}
	return t, nil
}

// scanNumber moves past the longest number and reports whether it is a float.
func (l *lexer) scanNumber() bool {
	if l.at(0) == '0' && (l.at(1) == 'x' || l.at(1) == 'X') {
		if isFloat, ok := l.scanHex(); ok {
			return isFloat
		}
	}
	if l.at(0) == '0' && (l.at(1) == 'b' || l.at(1) == 'B') && (l.at(2) == '0' || l.at(2) == '1') {
		for l.pos += 2; l.at(0) == '0' || l.at(0) == '1'; {
			l.pos++
		}
		return false
	}
	start := l.pos
	l.skipDigits(10)
	isFloat := l.at(0) == '.'
	if isFloat {
		l.pos++
		l.skipDigits(10)
	}
	if c := l.at(0); c == 'e' || c == 'E' {
		isFloat = l.scanExponent() || isFloat
	}
	if !isFloat && l.text[start] == '0' { // octal: ends before the first 8 or 9
		l.pos = start
		l.skipDigits(8)
	}
	return isFloat
}

// scanHex moves past 0x.. ; ok is false, and nothing is read, without digits.
func (l *lexer) scanHex() (isFloat, ok bool) {
	start := l.pos
	l.pos += 2
	n := l.skipDigits(16)
	whole := l.pos
	fraction := 0
	if l.at(0) == '.' {
		l.pos++
		fraction = l.skipDigits(16)
	}
	if c := l.at(0); n+fraction > 0 && (c == 'p' || c == 'P') && l.scanExponent() {
		return true, true
	}
	l.pos = whole
	if n == 0 {
		l.pos = start
	}
	return false, n > 0
}

// scanExponent moves past e+12; it reads nothing without digits.
func (l *lexer) scanExponent() bool {
	start := l.pos
	l.pos++
	if c := l.at(0); c == '+' || c == '-' {
		l.pos++
	}
	if l.skipDigits(10) == 0 {
		l.pos = start
		return false
	}
	return true
}

func (l *lexer) skipDigits(base uint64) (n int) {
	for digit(l.at(0)) < base {
		l.pos++
		n++
	}
	return n
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// abridged returns s, cut after limit bytes.
func abridged(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "..."
}
