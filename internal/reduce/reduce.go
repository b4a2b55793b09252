// Package reduce merges the answers of several parts, segments or shards, into
// one: the nearest hits of each query, or rows in key order, each key once. It
// works on primary keys and scores, and says which rows of which part make up
// the answer, so that other columns are fetched for those alone.
package reduce

import (
	"bytes"
	"cmp"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/schema"
)

// Pick names one row of one part.
type Pick struct{ Part, Row int32 }

// CompareKeys compares row i of a with row j of b: two columns of primary keys
// of one type, Int64 or VarChar.
func CompareKeys(a *column.Column, i int, b *column.Column, j int) int {
	if a.Type == schema.VarChar {
		return bytes.Compare(a.Bytes.At(i), b.Bytes.At(j))
	}
	return cmp.Compare(a.Int64s[i], b.Int64s[j])
}

// Gather returns the picked rows of one field, whose column in part p is
// parts[p]. A single part that is picked whole and in order is returned as it
// is; otherwise the rows are copied.
func Gather(parts []*column.Column, picks []Pick) *column.Column {
	var like *column.Column
	for _, p := range parts {
		if p != nil {
			like = p
			break
		}
	}
	if like == nil {
		return nil
	}
	if len(parts) == 1 && isWhole(picks, like.Len()) {
		return like
	}
	out := like.Like()
	for i := 0; i < len(picks); {
		j := i + 1 // a run of neighbouring rows is copied at once
		for j < len(picks) && picks[j].Part == picks[i].Part && picks[j].Row == picks[j-1].Row+1 {
			j++
		}
		out.AppendRange(parts[picks[i].Part], int(picks[i].Row), int(picks[j-1].Row)+1)
		i = j
	}
	return out
}

func isWhole(picks []Pick, rows int) bool {
	if len(picks) != rows {
		return false
	}
	for i, p := range picks {
		if int(p.Row) != i {
			return false
		}
	}
	return true
}

// GatherBatch returns the picked rows of every field.
func GatherBatch(parts []*column.Batch, fields []base.ID, picks []Pick) *column.Batch {
	out := &column.Batch{Rows: len(picks)}
	columns := make([]*column.Column, len(parts))
	for _, f := range fields {
		for i, b := range parts {
			columns[i] = nil
			if b != nil {
				columns[i] = b.Column(f)
			}
		}
		if c := Gather(columns, picks); c != nil {
			out.Add(f, c)
		}
	}
	return out
}
