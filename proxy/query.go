package proxy

import (
	"context"
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"

	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
)

// Query returns the rows of a filter in key order, or counts them.
func (s *Server) Query(ctx context.Context, req *milvuspb.QueryRequest) (*milvuspb.QueryResults, error) {
	if req.Namespace != nil {
		return nil, merr.NotSupported("namespace of a query")
	}
	info, err := s.collection(ctx, req)
	if err != nil {
		return nil, err
	}
	for _, name := range req.GetPartitionNames() {
		if err := s.Limits.Schema.CheckPartitionName(name, false); err != nil {
			return nil, err
		}
	}
	r := &role.RetrieveRequest{Collection: info, MaxBytes: s.Limits.ResultBytes}
	if r.IgnoreGrowing, err = ignoresGrowing(req.GetQueryParams()); err != nil {
		return nil, err
	}
	window, err := s.queryWindow(info, req.GetQueryParams())
	if err != nil {
		return nil, err
	}
	if r.Plan, err = s.plan(info, req.GetExpr(), req.GetExprTemplateValues()); err != nil {
		return nil, merr.ParameterInvalid.Msg("failed to create query plan: %v", err)
	}
	out, err := s.output(info.Collection, req.GetOutputFields())
	if err != nil {
		return nil, err
	}
	if err := checkQuery(r.Plan, out, window); err != nil {
		return nil, err
	}
	if r.Partitions, err = s.readPartitions(info, req.GetPartitionNames()); err != nil {
		return nil, err
	}
	if len(r.Partitions) == 0 {
		r.Partitions = prune(info, r.Plan)
	}
	if r.At, err = s.readPoint(info, req, window.iterator); err != nil {
		return nil, err
	}
	if err := checkLoaded(info, r.Partitions, req.GetPartitionNames()); err != nil {
		return nil, merr.Wrap(err, "failed to query")
	}
	r.Limit, r.CountOnly, r.Output = window.limit, out.count != "", out.ids()
	return s.runQuery(ctx, info, r, out, window.offset)
}

func (s *Server) runQuery(ctx context.Context, info *role.CollectionInfo, r *role.RetrieveRequest, out *output, offset int) (*milvuspb.QueryResults, error) {
	found, err := s.retrieve(ctx, info, r, offset)
	if err != nil {
		return nil, merr.Wrap(err, "failed to query")
	}
	pk := info.Primary()
	a := &milvuspb.QueryResults{
		Status: success(), CollectionName: info.Name, OutputFields: out.names, PrimaryFieldName: pk.Name, SessionTs: max(1, uint64(found.At)),
	}
	if out.count != "" {
		a.FieldsData = []*schemapb.FieldData{counted(out.count, found.Count)}
		return a, nil
	}
	if size := resultBytes(found); size > s.Limits.ResultBytes {
		return nil, merr.ParameterInvalid.Msg("query results exceed the maxOutputSize Limit %d", s.Limits.ResultBytes)
	}
	if !out.hasKey() {
		out.add(pk, pk.Name)
	}
	a.FieldsData, a.OutputFields = out.data(found.Rows, primary(pk, found.Keys)), out.names
	return a, nil
}

func resultBytes(r *role.RetrieveResult) int64 {
	var n int64
	if r.Keys != nil {
		n += r.Keys.Size()
	}
	if r.Rows != nil {
		n += r.Rows.Size()
	}
	return n
}

// counted is the answer to count(*).
func counted(name string, n int64) *schemapb.FieldData {
	return &schemapb.FieldData{Type: schema.Int64, FieldName: name, Field: &schemapb.FieldData_Scalars{Scalars: &schemapb.ScalarField{
		Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: []int64{n}}},
	}}}
}

// checkQuery checks how filter, output and limit go together.
func checkQuery(plan *expr.Plan, out *output, w window) error {
	if out.count != "" {
		for _, f := range out.fields {
			return merr.ParameterInvalid.Msg("output field '%s' is not allowed", f.Name)
		}
		if w.limit >= 0 {
			return merr.ParameterInvalid.Msg("count entities with pagination is not allowed")
		}
		return nil
	}
	if plan.AlwaysTrue() && w.limit < 0 {
		return merr.ParameterInvalid.Msg("empty expression should be used with limit")
	}
	return nil
}

// window is the part of a result that is asked for; limit < 0: all.
type window struct {
	limit, offset int
	iterator      bool // the request is a page of a query iterator, which filters by the last key
}

// queryWindow reads query_params.
func (s *Server) queryWindow(info *role.CollectionInfo, params []*commonpb.KeyValuePair) (window, error) {
	w := window{limit: -1}
	if err := refuseQueryParams(info, params); err != nil {
		return w, err
	}
	w.iterator = isQueryIterator(params)
	text, ok := lookup(params, "limit")
	if !ok {
		return w, nil
	}
	limit, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		return w, merr.ParameterInvalid.Msg("limit [%s] is invalid", text)
	}
	var offset int64
	if text, ok := lookup(params, "offset"); ok {
		if offset, err = strconv.ParseInt(text, 0, 64); err != nil {
			return w, merr.ParameterInvalid.Msg("offset [%s] is invalid", text)
		}
	}
	bad := func(format string, args ...any) error {
		return merr.ParameterInvalid.Msg("invalid max query result window, %v", merr.ParameterInvalid.Msg(format, args...))
	}
	switch {
	case offset < 0:
		return w, bad("offset [%d] is invalid, should be gte than 0", offset)
	case limit <= 0:
		return w, bad("limit [%d] is invalid, should be greater than 0", limit)
	case limit > s.Limits.Window || offset > s.Limits.Window || limit+offset > s.Limits.Window:
		return w, bad("(offset+limit) should be in range [1, %d], but got %d", s.Limits.Window, uint64(limit)+uint64(offset))
	}
	w.limit, w.offset = int(limit), int(offset)
	return w, nil
}

// isQueryIterator reads the flag of a page of a query iterator.
func isQueryIterator(params []*commonpb.KeyValuePair) bool {
	text, _ := lookup(params, "iterator")
	on, err := strconv.ParseBool(text)
	return err == nil && on
}

// refuseQueryParams refuses by name what a query cannot do yet.
func refuseQueryParams(info *role.CollectionInfo, params []*commonpb.KeyValuePair) error {
	for _, kv := range params {
		key, value := kv.GetKey(), kv.GetValue()
		switch key {
		case "reduce_stop_for_best", "iterator":
			if _, err := strconv.ParseBool(value); err != nil {
				name := key
				if key == "iterator" {
					name = "iterator field"
				}
				return merr.InvalidParameter("true or false", value, "value for %s is invalid", name)
			}
		case "query_iter_last_pk", "query_iter_last_element_offset":
			if !isQueryIterator(params) {
				return merr.ParameterInvalid.Msg("invalid query iterator cursor params: query_iter_last_pk and query_iter_last_element_offset can only be used when iterator=true")
			}
			return merr.NotSupported("query parameter %s", key)
		case "group_by_fields":
			if strings.Trim(value, " ,") != "" {
				return merr.NotSupported("group_by_fields of a query")
			}
		case "order_by_fields":
			if strings.Trim(value, " ,") != "" {
				if isQueryIterator(params) {
					return merr.ParameterInvalid.Msg("ORDER BY with iterator is not supported")
				}
				return merr.NotSupported("order_by_fields of a query")
			}
		case "time_fields":
			return merr.NotSupported("time_fields of a query")
		case "timezone":
			if value != "" {
				if err := schema.CheckTimezone(value); err != nil {
					return err
				}
			}
		case "collection_id":
			id, err := strconv.ParseInt(value, 0, 64)
			if err != nil {
				return merr.InvalidParameter("int value for collection_id", value, "value for collection id is invalid")
			}
			if id > 0 && id != info.ID {
				return merr.ParameterInvalid.Msg("Input collection id is not consistent to collectionID in the context,alias or database may have changed")
			}
		}
	}
	return nil
}
