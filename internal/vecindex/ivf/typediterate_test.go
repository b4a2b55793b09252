package ivf_test

import (
	"fmt"
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// TestIteratesTyped is TestIterates over the other types of vectors.
func TestIteratesTyped(t *testing.T) {
	indextest.SlowUnderRace(t)
	kern := vec.All()[0]
	for _, name := range []string{"IVF_FLAT", "IVF_PQ", "IVF_RABITQ"} { // iterators of the others are the same
		for _, e := range []vecindex.Element{vecindex.Float16, vecindex.BFloat16} {
			t.Run(fmt.Sprintf("%s/%v", name, e), func(t *testing.T) {
				indextest.Run(t, indextest.Config{
					Kernels: kern, Element: e, Recall: 0.9,
					Params: vecindex.SearchParams{NProbe: 12}, Wide: vecindex.SearchParams{NProbe: 1 << 16},
					Build: func(t *testing.T, src vecindex.Source, m vecindex.Metric) vecindex.Index {
						return build(t, kindOf(t, kern, name), src, m, needed(name, src.Dim(), "nlist", "100"), vecindex.BuildOptions{})
					},
				})
			})
		}
	}
}
