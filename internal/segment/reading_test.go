package segment

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// TestReading: a request makes its views of all segments first; what is in RAM
// has to be checked as each is read, for each vector.
func TestReading(t *testing.T) {
	times := 0
	e := NewEngine(EngineOptions{Kernels: vec.Detect(), Threads: 1, Reading: func() { times++ }})
	c, store := testCollection(schema.Int64), newStore()
	var readers []*Reader
	for i := range 2 {
		g := newTestGrowing(e, c)
		require.NoError(t, g.Insert(numbered(c, 100*i, 100), 10))
		s := seal(t, e, store, c, base.ID(2+i), g)
		defer s.Close()
		r, err := s.View(10, c)
		require.NoError(t, err)
		defer r.Close()
		readers = append(readers, r)
	}
	for i, r := range readers {
		before := times
		_, err := r.Search(t.Context(), &SearchRequest{Field: vectorID, Metric: vecindex.L2, Vectors: make([]float32, 3*dim), NQ: 3, K: 1})
		require.NoError(t, err)
		require.GreaterOrEqual(t, times-before, 3, "search of segment %d", i)
		before = times
		_, err = r.Retrieve(t.Context(), nil, 10)
		require.NoError(t, err)
		require.Greater(t, times, before, "query of segment %d", i)
	}
}
