package exec

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// This file finds values in JSON texts without decoding them. Texts were
// checked when they were written: a text that is not JSON leads to some value
// or none, never to a panic, and is not reported. Of equal keys in one object
// the first counts.

// jsonKind is the type of a JSON value.
type jsonKind uint8

const (
	jsonNone jsonKind = iota // nothing there, or no JSON
	jsonNull
	jsonBool
	jsonInt    // a number without fraction and exponent that fits int64
	jsonDouble // any other number
	jsonString
	jsonArray
	jsonObject
)

// jsonValue is one value of a text.
type jsonValue struct {
	kind    jsonKind
	escaped bool    // of jsonString: raw has escapes
	i       int64   // of jsonInt; 1 or 0 of jsonBool
	f       float64 // of jsonDouble
	raw     []byte  // of jsonString: what is between the quotes; of arrays and objects: from the bracket on
}

// step is one key of a path.
type step struct {
	key   string
	index int // the key as the index of an element, -1 if it is none
}

// steps returns a path as steps.
func steps(path []string) []step {
	out := make([]step, len(path))
	for i, key := range path {
		out[i] = step{key, -1}
		if n, err := strconv.Atoi(key); err == nil && n >= 0 && strconv.Itoa(n) == key {
			out[i].index = n
		}
	}
	return out
}

// find returns the value under a path.
func find(doc []byte, path []step) jsonValue {
	v, _ := valueAt(doc, locate(doc, path))
	return v
}

// locate returns where the value under a path begins, -1 if there is none.
func locate(doc []byte, path []step) int {
	pos := skipSpace(doc, 0)
	for i := range path {
		if pos < 0 || pos >= len(doc) {
			return -1
		}
		switch doc[pos] {
		case '{':
			pos = findKey(doc, pos, path[i].key)
		case '[':
			pos = findElement(doc, pos, path[i].index)
		default:
			return -1
		}
	}
	return pos
}

// valueAt returns the value at pos and, unless it is an array or object, where
// it ends; -1 if there is none.
func valueAt(doc []byte, pos int) (jsonValue, int) {
	if pos < 0 || pos >= len(doc) {
		return jsonValue{}, -1
	}
	switch c := doc[pos]; {
	case c == '"':
		end, escaped := skipString(doc, pos)
		if end < 0 {
			return jsonValue{}, -1
		}
		return jsonValue{kind: jsonString, raw: doc[pos+1 : end-1], escaped: escaped}, end
	case c == '{':
		return jsonValue{kind: jsonObject, raw: doc[pos:]}, pos
	case c == '[':
		return jsonValue{kind: jsonArray, raw: doc[pos:]}, pos
	case c == '-' || c >= '0' && c <= '9':
		return numberAt(doc, pos)
	case bytes.HasPrefix(doc[pos:], []byte("true")):
		return jsonValue{kind: jsonBool, i: 1}, pos + 4
	case bytes.HasPrefix(doc[pos:], []byte("false")):
		return jsonValue{kind: jsonBool}, pos + 5
	case bytes.HasPrefix(doc[pos:], []byte("null")):
		return jsonValue{kind: jsonNull}, pos + 4
	}
	return jsonValue{}, -1
}

// numberAt returns the number at pos and where it ends.
func numberAt(doc []byte, pos int) (jsonValue, int) {
	end, whole := pos, true
	for ; end < len(doc); end++ {
		switch c := doc[end]; {
		case c >= '0' && c <= '9' || c == '-' && end == pos:
			continue
		case c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-':
			whole = false
			continue
		}
		break
	}
	text := doc[pos:end]
	if whole {
		if i, ok := parseInt(text); ok {
			return jsonValue{kind: jsonInt, i: i}, end
		}
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil && !math.IsInf(f, 0) {
		return jsonValue{}, -1
	}
	return jsonValue{kind: jsonDouble, f: f}, end
}

// parseInt reads digits, perhaps after a minus; ok is false if there are none
// or the integer does not fit.
func parseInt(b []byte) (v int64, ok bool) {
	digits := b
	if len(b) > 0 && b[0] == '-' {
		digits = b[1:]
	}
	if len(digits) == 0 {
		return 0, false
	}
	if len(digits) > 18 {
		v, err := strconv.ParseInt(string(b), 10, 64)
		return v, err == nil
	}
	for _, c := range digits {
		v = v*10 + int64(c-'0')
	}
	if len(digits) < len(b) {
		v = -v
	}
	return v, true
}

func skipSpace(doc []byte, pos int) int {
	for pos < len(doc) {
		switch doc[pos] {
		case ' ', '\t', '\n', '\r':
			pos++
		default:
			return pos
		}
	}
	return pos
}

// shortString is how far a string is searched byte by byte.
const shortString = 32

// skipString returns the place after the string whose opening quote is at pos,
// -1 if it has no end, and whether there are escapes in it.
func skipString(doc []byte, pos int) (end int, escaped bool) {
	i := pos + 1
	for stop := min(len(doc), i+shortString); i < stop; i++ {
		if doc[i] == '"' {
			return i + 1, false
		}
		if doc[i] == '\\' {
			break
		}
	}
	for ; ; i++ {
		n := bytes.IndexByte(doc[i:], '"')
		if n < 0 {
			return -1, false
		}
		i += n
		slashes := 0
		for doc[i-1-slashes] == '\\' { // ends at the opening quote
			slashes++
		}
		if slashes%2 == 0 {
			return i + 1, bytes.IndexByte(doc[pos:i], '\\') >= 0
		}
	}
}

// skipValue returns the place after the value at pos, -1 if it has no end.
func skipValue(doc []byte, pos int) int {
	depth := 0
	for pos < len(doc) {
		switch doc[pos] {
		case '"':
			if pos, _ = skipString(doc, pos); pos < 0 {
				return -1
			}
			if depth == 0 {
				return pos
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return pos // the end of what holds the value
			}
			if depth--; depth == 0 {
				return pos + 1
			}
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return pos
			}
		}
		pos++
	}
	if depth == 0 {
		return pos
	}
	return -1
}

// findKey returns the place of a member's value in the object at pos, -1 if
// it has no such member.
func findKey(doc []byte, pos int, key string) int {
	for {
		pos = skipSpace(doc, pos+1)
		if pos >= len(doc) || doc[pos] != '"' {
			return -1
		}
		end, escaped := skipString(doc, pos)
		if end < 0 {
			return -1
		}
		name := doc[pos+1 : end-1]
		if pos = skipSpace(doc, end); pos >= len(doc) || doc[pos] != ':' {
			return -1
		}
		pos = skipSpace(doc, pos+1)
		if !escaped && string(name) == key || escaped && sameKey(name, key) {
			return pos
		}
		if pos = skipValue(doc, pos); pos < 0 {
			return -1
		}
		if pos = skipSpace(doc, pos); pos >= len(doc) || doc[pos] != ',' {
			return -1
		}
	}
}

// sameKey reports whether a key of a text, as written with escapes, is the key.
func sameKey(written []byte, key string) bool {
	plain, ok := unescapeJSON(nil, written)
	return ok && string(plain) == key
}

// findElement returns the place of an element of the array at pos, -1 if it
// has none of that index.
func findElement(doc []byte, pos, index int) int {
	it := elements{doc: doc, pos: pos}
	for i := 0; it.next(); i++ {
		if i == index {
			return it.pos
		}
	}
	return -1
}

// elements walks over an array: it begins at its bracket, and after each next
// that returns true it is at an element.
type elements struct {
	doc     []byte
	pos     int
	started bool
}

func (it *elements) next() bool {
	if it.started {
		end := skipValue(it.doc, it.pos)
		if end < 0 {
			return false
		}
		it.pos = skipSpace(it.doc, end)
		if it.pos >= len(it.doc) || it.doc[it.pos] != ',' {
			return false
		}
	}
	it.started = true
	it.pos = skipSpace(it.doc, it.pos+1)
	return it.pos < len(it.doc) && it.doc[it.pos] != ']'
}

// value returns the element.
func (it *elements) value() jsonValue {
	v, _ := valueAt(it.doc, it.pos)
	return v
}

// members walks over an object: it begins at its brace, and after each next
// that returns true it is at a member.
type members struct {
	doc     []byte
	pos     int
	started bool
	key     string // as it is after unescaping
}

func (it *members) next() bool {
	if it.started {
		end := skipValue(it.doc, it.pos)
		if end < 0 {
			return false
		}
		if it.pos = skipSpace(it.doc, end); it.pos >= len(it.doc) || it.doc[it.pos] != ',' {
			return false
		}
	}
	it.started = true
	it.pos = skipSpace(it.doc, it.pos+1)
	if it.pos >= len(it.doc) || it.doc[it.pos] != '"' {
		return false
	}
	end, escaped := skipString(it.doc, it.pos)
	if end < 0 {
		return false
	}
	name := it.doc[it.pos+1 : end-1]
	if it.pos = skipSpace(it.doc, end); it.pos >= len(it.doc) || it.doc[it.pos] != ':' {
		return false
	}
	it.pos = skipSpace(it.doc, it.pos+1)
	if escaped {
		name, _ = unescapeJSON(nil, name) // a key that none is found by is ""
	}
	it.key = string(name)
	return true
}

// value returns the member's value.
func (it *members) value() jsonValue {
	v, _ := valueAt(it.doc, it.pos)
	return v
}

// hasContent reports whether a value has a string, number or boolean in it,
// at any depth.
func hasContent(v jsonValue) bool {
	switch v.kind {
	case jsonNone, jsonNull:
		return false
	case jsonArray, jsonObject:
	default:
		return true
	}
	doc, depth := v.raw, 0
	for pos := 0; pos < len(doc); pos++ {
		switch doc[pos] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return false
			}
		case '"':
			end, _ := skipString(doc, pos)
			if end < 0 {
				return false
			}
			next := skipSpace(doc, end)
			if next >= len(doc) || doc[next] != ':' { // not a key
				return true
			}
			pos = next
		case 'n':
			pos += len("null") - 1
		case ',', ' ', '\t', '\n', '\r':
		default:
			return true
		}
	}
	return false
}

// unescapeJSON appends the string that is written as s; ok is false if an
// escape is none of JSON's. Half a surrogate pair becomes U+FFFD.
func unescapeJSON(dst, s []byte) (out []byte, ok bool) {
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			dst = append(dst, s[i])
			i++
			continue
		}
		if i+1 >= len(s) {
			return nil, false
		}
		const names, values = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
		if k := strings.IndexByte(names, s[i+1]); k >= 0 {
			dst = append(dst, values[k])
			i += 2
			continue
		}
		r, ok := hexEscape(s[i:])
		if !ok {
			return nil, false
		}
		i += 6
		if utf16.IsSurrogate(r) {
			low, ok := hexEscape(s[i:])
			if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
				r = pair
				i += 6
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, true
}

// hexEscape reads \uXXXX.
func hexEscape(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range s[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
