package exec

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
)

// benchTable has 180,000 rows without nulls, and s, i32 with a tenth of them.
func benchTable() *table {
	const n = 180_000
	rng := rand.New(rand.NewSource(1))
	c := collection()
	in := newTable(c, nil)
	in.rows = n
	col := func(name string) *column.Column { return in.columns[c.Field(name).ID] }
	words := strings.Fields("alpha beta gamma delta epsilon zeta")
	for i := range n {
		col("id").Int64s = append(col("id").Int64s, int64(i))
		col("i64").Int64s = append(col("i64").Int64s, rng.Int63n(1000))
		col("i8").Int32s = append(col("i8").Int32s, rng.Int31n(100))
		col("i32").Int32s = append(col("i32").Int32s, rng.Int31n(1000))
		col("f").Floats = append(col("f").Floats, rng.Float32())
		col("d").Doubles = append(col("d").Doubles, rng.Float64())
		col("s").Bytes.AppendString(fmt.Sprintf("%s %d", words[rng.Intn(len(words))], rng.Intn(1000)))
		text, err := json.Marshal(map[string]any{"name": words[rng.Intn(len(words))], "n": rng.Intn(1000), "tags": []int{1, rng.Intn(10)}, "x": map[string]any{"y": rng.Float64()}})
		if err != nil {
			panic(err)
		}
		col("j").Bytes.Append(text)
	}
	for _, name := range []string{"s", "i32"} {
		valid := column.NewBitset(n)
		for i := range n {
			if rng.Intn(10) > 0 {
				valid.Set(i)
			}
		}
		col(name).Valid = valid
	}
	return in
}

func BenchmarkEval(b *testing.B) {
	in := benchTable()
	c := collection()
	ids := make([]string, 10_000)
	for i := range ids {
		ids[i] = fmt.Sprint(i * 17_000_000_019)
	}
	for _, bc := range []struct{ name, filter string }{
		{"int64", "i64 < 10"},
		{"int32", "i32 < 10"},
		{"range", "10 < i64 < 500"},
		{"float", "f < 0.5"},
		{"double", "d < 0.5"},
		{"in4", "i64 in [1, 500, 7, 900]"},
		{"inHash", "i64 in [" + strings.Join(ids, ",") + "]"},
		{"mod", "i64 % 100 == 0"},
		{"and", "i64 < 500 and i32 > 500 and f < 0.5"},
		{"stringEq", `s == "alpha 7"`},
		{"stringIn", `s in ["alpha 7", "beta 9", "zeta 100"]`},
		{"like", `s like "%99%"`},
		{"regex", `s =~ "9{2}$"`},
		{"json", `j["n"] < 10`},
		{"jsonNested", `j["x"]["y"] < 0.1`},
		{"jsonSelective", `id < 1000 and j["n"] < 10`},
		{"jsonContains", `json_contains(j["tags"], 7)`},
	} {
		p, err := expr.Parse(bc.filter, c, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Eval(context.Background(), p, in); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(in.rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
