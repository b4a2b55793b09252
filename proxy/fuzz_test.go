package proxy

import (
	"context"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/redkite-db/redkite/internal/schema"
)

func FuzzQueryVectors(f *testing.F) {
	f.Add(placeholders([]float32{1, 2, 3, 4}, []float32{5, 6, 7, 8}))
	f.Add([]byte{})
	field := &schema.Field{Name: "v", Type: schema.FloatVector, Dim: 4}
	f.Fuzz(func(t *testing.T, raw []byte) {
		vectors, nq, err := queryVectors(raw, field)
		if err == nil && (nq == 0 || len(vectors) != nq*field.Dim) {
			t.Fatalf("%d floats for %d queries", len(vectors), nq)
		}
	})
}

func FuzzIndexParams(f *testing.F) {
	for _, s := range []string{"", "{}", `{"ef":64,"x":[1,{"y":null}]}`, `{"radius":1e999}`, "[[[["} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		p, err := indexParams(text)
		if err != nil {
			return
		}
		if refuseIndexParams(p) == nil {
			for _, v := range p {
				_ = paramText(v)
			}
		}
	})
}

// Whatever bytes come as a search or a query are answered.
func FuzzRequests(f *testing.F) {
	s := fuzzServer(f)
	search := searchOf("c", 3, []float32{1, 0, 0, 0})
	search.Dsl, search.OutputFields = "id > 3 and s like 's%'", []string{"id", "d"}
	for i, m := range []proto.Message{
		search,
		&milvuspb.QueryRequest{CollectionName: "c", Expr: "id in [1,2,3] or n < 4", OutputFields: []string{"id", "s", "v"}, QueryParams: kv("limit", "9")},
		&milvuspb.InsertRequest{CollectionName: "c", FieldsData: rowData(true, 1, 2), NumRows: 2},
		&milvuspb.DeleteRequest{CollectionName: "c", Expr: "id in [1000000]"},
	} {
		raw, err := proto.Marshal(m)
		require.NoError(f, err)
		f.Add(byte(i), raw)
	}
	for _, params := range [][]string{
		{"iterator", "True", "search_iter_v2", "True", "search_iter_batch_size", "2", "search_iter_last_bound", "1.5", "search_iter_id", "00000000000000000000000000000000"},
		{"group_by_field", "s", "group_size", "2", "strict_group_size", "true", "params", `{"ef": 9}`},
		{"group_by_fields", "d", "params", `{"radius": 9, "range_filter": "-1"}`},
	} {
		m := searchOf("c", 3, []float32{1, 0, 0, 0})
		m.SearchParams = append(m.SearchParams, kv(params...)...)
		raw, err := proto.Marshal(m)
		require.NoError(f, err)
		f.Add(byte(0), raw)
	}
	ctx := context.Background()
	f.Fuzz(func(t *testing.T, kind byte, raw []byte) {
		switch kind % 4 {
		case 0:
			if r := (&milvuspb.SearchRequest{}); proto.Unmarshal(raw, r) == nil {
				answered(t)(s.Search(ctx, r))
			}
		case 1:
			if r := (&milvuspb.QueryRequest{}); proto.Unmarshal(raw, r) == nil {
				answered(t)(s.Query(ctx, r))
			}
		case 2:
			if r := (&milvuspb.InsertRequest{}); proto.Unmarshal(raw, r) == nil && r.NumRows < 100 {
				answered(t)(s.Insert(ctx, r))
			}
		case 3:
			if r := (&milvuspb.DeleteRequest{}); proto.Unmarshal(raw, r) == nil {
				answered(t)(s.Delete(ctx, r))
			}
		}
	})
}

// answered checks that there is either an answer, which can be sent, or an error.
func answered(t *testing.T) func(r proto.Message, err error) {
	return func(r proto.Message, err error) {
		if err != nil {
			return
		}
		if _, err := proto.Marshal(r); err != nil {
			t.Fatal(err)
		}
	}
}
