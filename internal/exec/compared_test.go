package exec

import (
	"encoding/json"
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestModel compares random filters over random rows with the model, and what
// they are equal to by logic.
func TestModel(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	m := model{rand.New(rand.NewSource(seed))}
	coll := collection()
	for _, n := range []int{1, 63, 64, 65, 200} {
		rows := make([]row, n)
		for i := range rows {
			rows[i] = m.row()
		}
		in := newTable(coll, rows)
		for range 150 {
			p, q := m.pred(3), m.pred(2)
			for _, f := range []pred{p, q, notPred(p), notPred(notPred(p)), notPred(andPred(p, q)), orPred(notPred(p), notPred(q)), andPred(p, orPred(q, p))} {
				got := truths(t, coll, in, f.text)
				for i, r := range rows {
					if want := f.of(r); got[i] != want {
						raw, _ := json.Marshal(r)
						require.Equal(t, want, got[i], "%s over row %s", f.text, raw)
					}
				}
			}
		}
	}
}
