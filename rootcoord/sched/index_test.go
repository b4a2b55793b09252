package sched

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
)

func TestMissing(t *testing.T) {
	info := &role.CollectionInfo{Collection: &schema.Collection{Fields: []*schema.Field{
		{ID: 100, Type: schema.Int64, PrimaryKey: true}, {ID: 101, Type: schema.FloatVector, Dim: 4}, {ID: 102, Type: schema.VarChar}, {ID: 103, Type: schema.JSON},
	}}}
	cast := map[string]string{"json_path": "/a", "json_cast_type": "DOUBLE"}
	for _, test := range []struct {
		index schema.Index
		want  bool
	}{
		{schema.Index{ID: 1, Field: 101, Type: "HNSW"}, true},
		{schema.Index{ID: 1, Field: 101, Type: "FLAT"}, true},
		{schema.Index{ID: 1, Field: 102, Type: "INVERTED"}, true},
		{schema.Index{ID: 1, Field: 102, Type: "AUTOINDEX"}, true},
		{schema.Index{ID: 1, Field: 100, Type: "STL_SORT"}, false}, // rows are sorted by it
		{schema.Index{ID: 1, Field: 103, Type: "INVERTED", Params: cast}, true},
		{schema.Index{ID: 1, Field: 103, Type: "INVERTED"}, false}, // of nothing
		{schema.Index{ID: 1, Field: 104, Type: "INVERTED"}, false}, // of a field that is gone
	} {
		require.Equal(t, test.want, Missing(info, &test.index, &role.Segment{Rows: 10}, 10), "%+v", test.index)
		require.False(t, Missing(info, &test.index, &role.Segment{Rows: 9}, 10))
		require.False(t, Missing(info, &test.index, &role.Segment{Rows: 10, Dropped: true}, 10))
		built := &role.Segment{Rows: 10, Indexes: map[base.ID]role.IndexFile{1: {Key: "k"}}}
		require.False(t, Missing(info, &test.index, built, 10))
	}
}
