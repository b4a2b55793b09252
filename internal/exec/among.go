package exec

import (
	"context"
	"fmt"
	"math/bits"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
)

// sparse is the part of the rows up to which it is less work to copy the rows
// that are left than to compare all.
const sparse = 64

// among takes from left, which has n rows, those of which not all terms hold,
// by evaluating the terms over copies of these rows only.
func (e *evaluator) among(ctx context.Context, terms []expr.Node, s side, left []uint64, n int) error {
	rows := make([]int, 0, n)
	for w, x := range left {
		for ; x != 0; x &= x - 1 {
			if row := w*64 + bits.TrailingZeros64(x); row < e.rows {
				rows = append(rows, row)
			}
		}
	}
	node := terms[0]
	if len(terms) > 1 {
		node = &expr.And{Terms: terms}
	}
	words, err := newEvaluator(&chosen{of: e, rows: rows}).eval(ctx, node, s, nil)
	if err != nil {
		return err
	}
	for i, row := range rows {
		if words[i/64]>>(i%64)&1 == 0 {
			left[row/64] &^= 1 << (row % 64)
		}
	}
	return nil
}

// chosen is some of the rows of an input, copied.
type chosen struct {
	of   *evaluator
	rows []int
}

func (c *chosen) Rows() int { return len(c.rows) }

func (c *chosen) Column(field base.ID) (*column.Column, error) {
	all, err := c.of.in.Column(field)
	if err != nil || all == nil {
		return nil, err
	}
	if all.Len() < c.of.rows || !all.Valid.IsZero() && all.Valid.Len() < c.of.rows {
		return nil, fmt.Errorf("exec: column of field %d has %d of %d rows", field, all.Len(), c.of.rows)
	}
	out := all.Like()
	out.AppendRows(all, c.rows)
	return out, nil
}

func (c *chosen) Indexes(base.ID) []FieldIndex { return nil }
