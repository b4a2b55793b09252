package expr

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"
)

// Pattern is a compiled LIKE pattern: % matches any run of characters, _ one
// character, and a backslash takes the meaning from the byte after it. It
// matches whole strings, in time of at most the product of both lengths.
type Pattern struct {
	text     string
	segments []segment // what stands between the %s; one if there is no %
	least    int       // bytes that a match has at the least
}

// segment is a part of a pattern without %: runs of text, each after a number
// of single characters, and the characters after the last.
type segment struct {
	runs  []run
	tail  int // _ after the last run
	chars int // characters that it matches
}

type run struct {
	skip int // _ before the text
	text []byte
}

// NewPattern compiles a pattern.
func NewPattern(text string) (*Pattern, error) {
	p := &Pattern{text: text}
	var seg segment
	var lit []byte
	skip := 0
	flush := func() {
		if len(lit) > 0 {
			seg.runs = append(seg.runs, run{skip, lit})
			seg.chars += utf8.RuneCount(lit)
			p.least += len(lit)
			lit, skip = nil, 0
		}
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\\':
			if i++; i == len(text) {
				return nil, errors.New("invalid LIKE pattern: trailing backslash with nothing to escape")
			}
			lit = append(lit, text[i])
		case '%':
			flush()
			seg.tail = skip
			p.segments = append(p.segments, seg)
			seg, skip = segment{}, 0
		case '_':
			flush()
			skip++
			seg.chars++
			p.least++
		default:
			lit = append(lit, c)
		}
	}
	flush()
	seg.tail = skip
	p.segments = append(p.segments, seg)
	return p, nil
}

// String returns the pattern as written.
func (p *Pattern) String() string { return p.text }

// Literal returns the only string that the pattern matches, if it has no
// wildcards.
func (p *Pattern) Literal() (string, bool) {
	if len(p.segments) > 1 {
		return "", false
	}
	s := p.segments[0]
	switch {
	case s.chars == 0:
		return "", true
	case len(s.runs) == 1 && s.runs[0].skip == 0 && s.tail == 0:
		return string(s.runs[0].text), true
	}
	return "", false
}

// Prefix returns what every match begins with.
func (p *Pattern) Prefix() string {
	if s := p.segments[0]; len(s.runs) > 0 && s.runs[0].skip == 0 {
		return string(s.runs[0].text)
	}
	return ""
}

// Literals returns texts that every match has in it.
func (p *Pattern) Literals() [][]byte {
	var out [][]byte
	for i := range p.segments {
		for _, r := range p.segments[i].runs {
			out = append(out, r.text)
		}
	}
	return out
}

// Match reports whether the pattern matches the whole of b.
func (p *Pattern) Match(b []byte) bool {
	if len(b) < p.least {
		return false
	}
	first, last := &p.segments[0], &p.segments[len(p.segments)-1]
	pos := first.matchAt(b, 0)
	if len(p.segments) == 1 {
		return pos == len(b)
	}
	if pos < 0 {
		return false
	}
	// What stands after the last % ends where the string ends.
	end := last.suffix(b, pos)
	if end < 0 {
		return false
	}
	// Leftmost matches leave the most room for those that follow.
	for i := 1; i < len(p.segments)-1; i++ {
		if pos = p.segments[i].find(b[:end], pos); pos < 0 {
			return false
		}
	}
	return true
}

// matchAt returns where the segment ends if it matches b from pos on, else -1.
func (s *segment) matchAt(b []byte, pos int) int {
	for i := range s.runs {
		r := &s.runs[i]
		if pos = skipRunes(b, pos, r.skip); pos < 0 || !bytes.HasPrefix(b[pos:], r.text) {
			return -1
		}
		pos += len(r.text)
	}
	return skipRunes(b, pos, s.tail)
}

// suffix returns where the segment begins if it matches the end of b, at or
// after pos, else -1.
func (s *segment) suffix(b []byte, pos int) int {
	start := len(b)
	if len(s.runs) == 1 && s.runs[0].skip == 0 && s.tail == 0 {
		start -= len(s.runs[0].text)
	} else {
		for range s.chars {
			_, n := utf8.DecodeLastRune(b[:start])
			start -= n
		}
	}
	if start < pos || s.matchAt(b, start) != len(b) {
		return -1
	}
	return start
}

// find returns where the leftmost match at or after pos ends, -1 if there is
// none.
func (s *segment) find(b []byte, pos int) int {
	for pos <= len(b) {
		if len(s.runs) > 0 && s.runs[0].skip == 0 {
			i := bytes.Index(b[pos:], s.runs[0].text)
			if i < 0 {
				return -1
			}
			pos += i
		}
		if end := s.matchAt(b, pos); end >= 0 {
			return end
		}
		_, n := utf8.DecodeRune(b[pos:])
		pos += max(n, 1)
	}
	return -1
}

// skipRunes returns the place n characters after pos, -1 if b ends before.
func skipRunes(b []byte, pos, n int) int {
	for range n {
		if pos >= len(b) {
			return -1
		}
		if b[pos] < utf8.RuneSelf {
			pos++
			continue
		}
		_, size := utf8.DecodeRune(b[pos:])
		pos += size
	}
	return pos
}

// prefixPattern returns the text of the pattern that matches what begins with
// the prefix.
func prefixPattern(prefix string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(prefix) + "%"
}
