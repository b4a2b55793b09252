//go:build e2e

package crash_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"
	"google.golang.org/protobuf/proto"
)

func pair(k, v string) *commonpb.KeyValuePair { return &commonpb.KeyValuePair{Key: k, Value: v} }

// refusal is the error of a status, nil if it is a success.
func refusal(st *commonpb.Status) error {
	if st.GetCode() == 0 {
		return nil
	}
	return fmt.Errorf("code %d: %s", st.GetCode(), st.GetReason())
}

func (s *server) create(ctx context.Context, name, kind string) error {
	schema, err := proto.Marshal(&schemapb.CollectionSchema{Name: name, Fields: []*schemapb.FieldSchema{
		{Name: "id", IsPrimaryKey: true, DataType: schemapb.DataType_Int64},
		{Name: "ver", DataType: schemapb.DataType_Int64},
		{Name: "chk", DataType: schemapb.DataType_VarChar, TypeParams: []*commonpb.KeyValuePair{pair("max_length", "64")}},
		{Name: "vec", DataType: schemapb.DataType_FloatVector, TypeParams: []*commonpb.KeyValuePair{pair("dim", fmt.Sprint(dim))}},
	}})
	if err != nil {
		return err
	}
	st, err := s.api.CreateCollection(ctx, &milvuspb.CreateCollectionRequest{CollectionName: name, Schema: schema, ShardsNum: 1})
	if err = firstOf(err, st); err != nil {
		return err
	}
	st, err = s.api.CreateIndex(ctx, &milvuspb.CreateIndexRequest{CollectionName: name, FieldName: "vec", IndexName: "vec", ExtraParams: []*commonpb.KeyValuePair{
		pair("index_type", kind), pair("metric_type", "L2"), pair("params", `{"M": 16, "efConstruction": 64}`),
	}})
	if err = firstOf(err, st); err != nil {
		return err
	}
	st, err = s.api.LoadCollection(ctx, &milvuspb.LoadCollectionRequest{CollectionName: name, ReplicaNumber: 1})
	return firstOf(err, st)
}

func firstOf(err error, st *commonpb.Status) error {
	if err != nil {
		return err
	}
	return refusal(st)
}

func fields(keys []int64, version int64) []*schemapb.FieldData {
	versions, checks := make([]int64, len(keys)), make([]string, len(keys))
	var vectors []float32
	for i, k := range keys {
		versions[i], checks[i] = version, checkOf(k, version)
		vectors = append(vectors, vectorOf(k, version)...)
	}
	long := func(name string, v []int64) *schemapb.FieldData {
		return &schemapb.FieldData{FieldName: name, Type: schemapb.DataType_Int64, Field: &schemapb.FieldData_Scalars{
			Scalars: &schemapb.ScalarField{Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: v}}},
		}}
	}
	return []*schemapb.FieldData{
		long("id", keys), long("ver", versions),
		{FieldName: "chk", Type: schemapb.DataType_VarChar, Field: &schemapb.FieldData_Scalars{
			Scalars: &schemapb.ScalarField{Data: &schemapb.ScalarField_StringData{StringData: &schemapb.StringArray{Data: checks}}},
		}},
		{FieldName: "vec", Type: schemapb.DataType_FloatVector, Field: &schemapb.FieldData_Vectors{
			Vectors: &schemapb.VectorField{Dim: dim, Data: &schemapb.VectorField_FloatVector{FloatVector: &schemapb.FloatArray{Data: vectors}}},
		}},
	}
}

func (s *server) insert(ctx context.Context, name string, keys []int64, version int64) error {
	r, err := s.api.Insert(ctx, &milvuspb.InsertRequest{CollectionName: name, FieldsData: fields(keys, version), NumRows: uint32(len(keys))})
	return firstOf(err, r.GetStatus())
}

func (s *server) upsert(ctx context.Context, name string, keys []int64, version int64) error {
	r, err := s.api.Upsert(ctx, &milvuspb.UpsertRequest{CollectionName: name, FieldsData: fields(keys, version), NumRows: uint32(len(keys))})
	return firstOf(err, r.GetStatus())
}

func (s *server) remove(ctx context.Context, name string, keys []int64) error {
	expr := []byte("id in [")
	for i, k := range keys {
		if i > 0 {
			expr = append(expr, ',')
		}
		expr = fmt.Append(expr, k)
	}
	r, err := s.api.Delete(ctx, &milvuspb.DeleteRequest{CollectionName: name, Expr: string(append(expr, ']'))})
	return firstOf(err, r.GetStatus())
}

func (s *server) flush(ctx context.Context, name string) error {
	r, err := s.api.Flush(ctx, &milvuspb.FlushRequest{CollectionNames: []string{name}})
	return firstOf(err, r.GetStatus())
}

// rows reads the whole collection at Strong consistency: key to version. Every
// check value and vector is compared with what its key and version make.
func (s *server) rows(ctx context.Context, name string) (map[int64]int64, []string, error) {
	r, err := s.api.Query(ctx, &milvuspb.QueryRequest{
		CollectionName: name, Expr: "id >= 0", OutputFields: []string{"id", "ver", "chk", "vec"},
		ConsistencyLevel: commonpb.ConsistencyLevel_Strong,
	})
	if err := firstOf(err, r.GetStatus()); err != nil {
		return nil, nil, err
	}
	var ids, versions []int64
	var checks []string
	var vectors []float32
	for _, f := range r.GetFieldsData() {
		switch f.GetFieldName() {
		case "id":
			ids = f.GetScalars().GetLongData().GetData()
		case "ver":
			versions = f.GetScalars().GetLongData().GetData()
		case "chk":
			checks = f.GetScalars().GetStringData().GetData()
		case "vec":
			vectors = f.GetVectors().GetFloatVector().GetData()
		}
	}
	if len(versions) != len(ids) || len(checks) != len(ids) || len(vectors) != dim*len(ids) {
		return nil, nil, fmt.Errorf("columns of %d, %d, %d and %d values", len(ids), len(versions), len(checks), len(vectors))
	}
	found := make(map[int64]int64, len(ids))
	var wrong []string
	for i, id := range ids {
		if _, twice := found[id]; twice {
			wrong = append(wrong, fmt.Sprintf("key %d comes twice", id))
		}
		found[id] = versions[i]
		if checks[i] != checkOf(id, versions[i]) || !bytes.Equal(floats(vectors[i*dim:(i+1)*dim]), floats(vectorOf(id, versions[i]))) {
			wrong = append(wrong, fmt.Sprintf("key %d, version %d: the row is torn: %s", id, versions[i], checks[i]))
		}
	}
	return found, wrong, nil
}

// nearest returns the key of the row that is nearest to the vector.
func (s *server) nearest(ctx context.Context, name string, v []float32) (int64, error) {
	group, err := proto.Marshal(&commonpb.PlaceholderGroup{Placeholders: []*commonpb.PlaceholderValue{
		{Tag: "$0", Type: commonpb.PlaceholderType_FloatVector, Values: [][]byte{floats(v)}},
	}})
	if err != nil {
		return 0, err
	}
	r, err := s.api.Search(ctx, &milvuspb.SearchRequest{
		CollectionName: name, Nq: 1, DslType: commonpb.DslType_BoolExprV1, ConsistencyLevel: commonpb.ConsistencyLevel_Strong,
		SearchInput:  &milvuspb.SearchRequest_PlaceholderGroup{PlaceholderGroup: group},
		SearchParams: []*commonpb.KeyValuePair{pair("anns_field", "vec"), pair("topk", "1"), pair("metric_type", "L2"), pair("params", `{"ef": 200}`)},
	})
	if err := firstOf(err, r.GetStatus()); err != nil {
		return 0, err
	}
	ids := r.GetResults().GetIds().GetIntId().GetData()
	if len(ids) == 0 {
		return 0, fmt.Errorf("no hit")
	}
	return ids[0], nil
}

func floats(v []float32) []byte {
	b, err := binary.Append(nil, binary.LittleEndian, v)
	if err != nil {
		panic(err) // a slice of a fixed-size type is always encodable
	}
	return b
}
