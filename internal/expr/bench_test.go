package expr

import (
	"fmt"
	"strings"
	"testing"
)

func BenchmarkParse(b *testing.B) {
	chain := make([]string, 5000)
	ids := make([]string, 200_000)
	for i := range chain {
		chain[i] = fmt.Sprintf("id == %d", i*3)
	}
	for i := range ids {
		ids[i] = fmt.Sprint(10_000_000 + i*1001)
	}
	coll := testCollection(true)
	for _, bc := range []struct{ name, filter string }{
		{"simple", "i64 > 10 and s == 'abc'"},
		{"mixed", `(i64 % 10 == 3 or s like "a%b") and j["a"]["b"] in [1, 2, 3] and f > 0.5`},
		{"or5000", strings.Join(chain, " or ")},
		{"in200k", "id in [" + strings.Join(ids, ",") + "]"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(bc.filter, coll, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
