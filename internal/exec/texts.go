package exec

import (
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/schema"
)

// JSONTexts returns what lies under a path in each value of a JSON column, as
// text: of a string what it says, of anything else as it is written. It is null
// where there is nothing, or null.
func JSONTexts(c *column.Column, path []string) *column.Column {
	rows := c.Len()
	out := &column.Column{Type: schema.VarChar, Valid: column.NewBitset(rows)}
	at := steps(path)
	for row := range rows {
		text, ok := []byte(nil), false
		if !c.IsNull(row) {
			text, ok = jsonText(c.Bytes.At(row), at)
		}
		if ok {
			out.Valid.Set(row)
		}
		out.Bytes.Append(text)
	}
	return out
}

func jsonText(doc []byte, path []step) ([]byte, bool) {
	pos := locate(doc, path)
	switch v, _ := valueAt(doc, pos); {
	case v.kind == jsonNone || v.kind == jsonNull:
		return nil, false
	case v.kind == jsonString && v.escaped:
		return unescapeJSON(nil, v.raw)
	case v.kind == jsonString:
		return v.raw, true
	}
	end := skipValue(doc, pos)
	if end < 0 {
		return nil, false
	}
	return doc[pos:end], true
}
