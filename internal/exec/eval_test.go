package exec

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/schema"
)

// TestScripts runs the scripts: a table command gives rows, one JSON object a
// line; an eval command gives filters, one a line, and the answer is the ids
// of the rows that are true, and of those that are unknown.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/eval", func(t *testing.T, path string) {
		coll := collection()
		var in *table
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out strings.Builder
			switch d.Cmd {
			case "table":
				var rows []row
				for line := range strings.Lines(d.Input) {
					r, err := decodeRow(coll, []byte(line))
					if err != nil {
						d.Fatalf(t, "%s: %v", line, err)
					}
					rows = append(rows, r)
				}
				in = newTable(coll, rows)
				fmt.Fprintf(&out, "%d rows\n", in.rows)
			case "eval":
				for line := range strings.Lines(d.Input) {
					var sets [3][]int
					for i, v := range truths(t, coll, in, strings.TrimRight(line, "\n")) {
						sets[v] = append(sets[v], i)
					}
					fmt.Fprintf(&out, "%v unknown %v\n", sets[isTrue], sets[unknown])
				}
			default:
				d.Fatalf(t, "unknown command %s", d.Cmd)
			}
			return out.String()
		})
	})
}

// failing is an Input whose columns cannot be read, or are wrong.
type failing struct {
	rows int
	col  *column.Column
	err  error
}

func (f failing) Rows() int { return f.rows }

func (f failing) Column(base.ID) (*column.Column, error) { return f.col, f.err }

func (f failing) Indexes(base.ID) []FieldIndex { return nil }

func TestErrors(t *testing.T) {
	coll := collection()
	p, err := expr.Parse("i64 > 1 and (f > 2 or not (i64 < 7))", coll, nil)
	require.NoError(t, err)
	ctx := context.Background()

	boom := fmt.Errorf("boom")
	_, err = Eval(ctx, p, failing{rows: 3, err: boom})
	require.ErrorIs(t, err, boom)
	_, err = Eval(ctx, p, failing{rows: 3, col: &column.Column{Type: schema.Int64, Int64s: []int64{1, 2}}})
	require.ErrorContains(t, err, "2 of 3 rows")
	_, err = Eval(ctx, p, failing{rows: 2, col: &column.Column{Type: schema.Double, Doubles: []float64{1, 2}}})
	require.ErrorContains(t, err, "of type Double, not Int64")
	set, err := Eval(ctx, p, failing{rows: 0, err: boom})
	require.NoError(t, err)
	require.Zero(t, set.Len())

	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = Eval(cancelled, p, newTable(coll, []row{{}}))
	require.ErrorIs(t, err, context.Canceled)
}

// TestCancelWhileRunning: an evaluation of many rows looks at its context.
func TestCancelWhileRunning(t *testing.T) {
	e := newEvaluator(failing{rows: 1 << 20})
	ctx, cancel := context.WithCancel(context.Background())
	seen := 0
	_, err := e.where(ctx, nil, func(int) bool {
		if seen++; seen == 100 {
			cancel()
		}
		return true
	})
	require.ErrorIs(t, err, context.Canceled)
	require.LessOrEqual(t, seen, 64*checkEvery)
}

// TestResultIsOwned: a result shares nothing with the input or another result.
func TestResultIsOwned(t *testing.T) {
	coll := collection()
	in := newTable(coll, []row{{"i64": int64(1)}, {}, {"i64": int64(3)}})
	p, err := expr.Parse("i64 is not null", coll, nil)
	require.NoError(t, err)
	first, err := Eval(context.Background(), p, in)
	require.NoError(t, err)
	require.Equal(t, 2, first.Count())
	first.Fill()
	second, err := Eval(context.Background(), p, in)
	require.NoError(t, err)
	require.Equal(t, 2, second.Count())
}
