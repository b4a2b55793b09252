package column

import (
	"bytes"
	"encoding/json"
)

// SelectKeys returns a column of JSON objects cut down to the listed top-level
// keys, in the order of the keys; a row that is no object stays as it is.
func (c *Column) SelectKeys(keys []string) *Column {
	out := &Column{Type: c.Type, Valid: c.Valid}
	names := make([][]byte, len(keys))
	for i, k := range keys {
		names[i], _ = json.Marshal(k) // a string always has a JSON form
	}
	for i := range c.Bytes.Len() {
		out.Bytes.Append(selectKeys(c.Bytes.At(i), keys, names))
	}
	return out
}

func selectKeys(raw []byte, keys []string, names [][]byte) []byte {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		return raw
	}
	var b bytes.Buffer
	b.WriteByte('{')
	for i, k := range keys {
		v, ok := object[k]
		if !ok {
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
	return b.Bytes()
}
