package column

import (
	"bytes"
	"encoding/json"
	"iter"
	"slices"
)

// members walks the members of a JSON object, whose text is valid: keys as
// they read, without escapes, and the text of values. Anything but an object
// has no members.
func members(raw []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		i := skipSpace(raw, 0)
		if i >= len(raw) || raw[i] != '{' {
			return
		}
		for i = skipSpace(raw, i+1); i < len(raw) && raw[i] == '"'; {
			end := endOfString(raw, i)
			key := keyText(raw[i:end])
			at := skipSpace(raw, skipSpace(raw, end)+1) // behind the colon
			i = endOfValue(raw, at)
			if !yield(key, bytes.TrimRight(raw[at:i], " \t\r\n")) {
				return
			}
			i = skipSpace(raw, i+1) // behind the comma or brace
		}
	}
}

func skipSpace(raw []byte, i int) int {
	for i < len(raw) && (raw[i] == ' ' || raw[i] == '\t' || raw[i] == '\n' || raw[i] == '\r') {
		i++
	}
	return i
}

// endOfString returns the place behind the string that begins at i.
func endOfString(raw []byte, i int) int {
	for i++; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(raw)
}

// endOfValue returns the place of the comma or brace behind the value at i.
func endOfValue(raw []byte, i int) int {
	for depth := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			i = endOfString(raw, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return len(raw)
}

// keyText returns what a quoted key says.
func keyText(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var text string
	_ = json.Unmarshal(quoted, &text) // it is valid
	return text
}

// SelectKeys returns a column of JSON objects cut down to the listed top-level
// keys; a row that is no object stays as it is. Of a key that a row has twice
// the last stays.
func (c *Column) SelectKeys(keys []string) *Column {
	out := &Column{Type: c.Type, Valid: c.Valid}
	names, values := make([][]byte, len(keys)), make([][]byte, len(keys))
	for i, k := range keys {
		names[i], _ = json.Marshal(k) // a string always has a JSON form
	}
	var b bytes.Buffer
	for row := range c.Bytes.Len() {
		raw := c.Bytes.At(row)
		if i := skipSpace(raw, 0); i >= len(raw) || raw[i] != '{' {
			out.Bytes.Append(raw)
			continue
		}
		clear(values)
		for key, value := range members(raw) {
			if i := slices.Index(keys, key); i >= 0 {
				values[i] = value
			}
		}
		b.Reset()
		b.WriteByte('{')
		for i, v := range values {
			if v == nil {
				continue
			}
			if b.Len() > 1 {
				b.WriteByte(',')
			}
			b.Write(names[i])
			b.WriteByte(':')
			b.Write(v)
		}
		b.WriteByte('}')
		out.Bytes.Append(b.Bytes())
	}
	return out
}
