package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// searchParams are the search_params of a request.
type searchParams struct {
	field        *schema.Field
	topK, offset int
	metric       string // as given; "": the index's
	decimals     int    // that scores are rounded to; -1: not
	index        map[string]any
	iterator     bool         // of either version
	cursor       *role.Cursor // of an iterator of version 2, whose batch is topK; else nil
	group        *grouping    // nil: the search is not by groups
}

// refuseSearch refuses by name the fields of a search that are not served.
func refuseSearch(req *milvuspb.SearchRequest) error {
	switch {
	case req.Namespace != nil:
		return merr.NotSupported("namespace of a search")
	case len(req.GetSubReqs()) > 0:
		return merr.NotSupported("sub_reqs of a search (hybrid search)")
	case req.GetSearchByPrimaryKeys() || req.GetIds() != nil:
		return merr.NotSupported("search by primary keys (ids, search_by_primary_keys)")
	case req.GetFunctionScore() != nil:
		return merr.NotSupported("function_score (rerankers) of a search")
	case req.GetHighlighter() != nil:
		return merr.NotSupported("highlighter of a search")
	case req.GetSearchAggregation() != nil:
		return merr.NotSupported("search_aggregation")
	}
	return nil
}

// searchParams reads search_params, in the order in which Milvus does.
func (s *Server) searchParams(info *role.CollectionInfo, kvs []*commonpb.KeyValuePair) (*searchParams, error) {
	p := &searchParams{iterator: isIterator(kvs)}
	name, _ := lookup(kvs, "anns_field")
	if name == "" {
		if n := len(info.VectorFields()); n != 1 {
			return nil, merr.ParameterInvalid.Msg("multiple anns_fields exist, please specify a anns_field in search_params")
		}
		p.field = info.VectorFields()[0]
	}
	var err error
	if p.topK, p.offset, err = s.topK(kvs); err != nil {
		return nil, err
	}
	p.metric, _ = lookup(kvs, "metric_type")
	if p.decimals, err = roundDecimal(kvs); err != nil {
		return nil, err
	}
	text, _ := lookup(kvs, "params")
	if p.index, err = indexParams(text); err != nil {
		return nil, err
	}
	if err := refuseSearchParams(info, kvs, p.index); err != nil {
		return nil, err
	}
	if p.group, err = s.grouping(info.Collection, kvs); err != nil {
		return nil, err
	}
	if err := checkGrouping(p); err != nil {
		return nil, err
	}
	if err := s.readCursor(kvs, p); err != nil {
		return nil, merr.ParameterInvalid.Msg("parse iterator v2 info failed: %v", err)
	}
	if p.field != nil {
		return p, nil
	}
	if p.field = info.Field(name); p.field == nil {
		return nil, merr.ParameterInvalid.Msg("failed to create query plan: failed to get field schema by name: fieldName(%s) not found", name)
	}
	if !p.field.IsVector() {
		return nil, merr.ParameterInvalid.Msg("failed to create query plan: field (%s) to search is not of vector data type", name)
	}
	return p, nil
}

// rangeOf reads radius and range_filter, nil without them. Other parameters of
// range searches are left to the index.
func rangeOf(index map[string]any, metric string) (*role.Range, error) {
	radius, given, err := vecindex.SearchFloat(index, "radius", -vecindex.MaxFloat, vecindex.MaxFloat)
	if err != nil || !given {
		return nil, err
	}
	r := &role.Range{Radius: float32(radius)}
	filter, given, err := vecindex.SearchFloat(index, "range_filter", -vecindex.MaxFloat, vecindex.MaxFloat)
	if err != nil || !given {
		return r, err
	}
	f := float32(filter)
	r.Filter = &f
	switch larger := similarity(metric); {
	case !larger && f >= r.Radius:
		return nil, merr.ParameterInvalid.Msg("metric type (%s), range_filter(%v) must be less than radius(%v)", metric, f, r.Radius)
	case larger && f <= r.Radius:
		return nil, merr.ParameterInvalid.Msg("metric type (%s), range_filter(%v) must be greater than radius(%v)", metric, f, r.Radius)
	}
	return r, nil
}

// topK reads topk and offset.
func (s *Server) topK(kvs []*commonpb.KeyValuePair) (topK, offset int, err error) {
	text, ok := lookup(kvs, "topk")
	if !ok {
		return 0, 0, merr.ParameterMissing.Msg("topk is required")
	}
	k, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		return 0, 0, merr.ParameterInvalid.Msg("topk [%s] is invalid", text)
	}
	limit := s.Limits.TopK
	if (k <= 0 || k > limit) && isIterator(kvs) {
		k = limit // the iterator goes on behind it
	}
	check := func(name string, v int64) error {
		if v <= 0 || v > limit {
			return merr.ParameterInvalid.Msg("%s [%d] is invalid, it should be in range [1, %d], but got %d", name, v, limit, v)
		}
		return nil
	}
	if err := check("topk", k); err != nil {
		return 0, 0, err
	}
	var off int64
	if text, ok := lookup(kvs, "offset"); ok {
		if off, err = strconv.ParseInt(text, 0, 64); err != nil {
			return 0, 0, merr.ParameterInvalid.Msg("offset [%s] is invalid", text)
		}
		if off != 0 {
			if err := check("offset", off); err != nil {
				return 0, 0, err
			}
		}
	}
	if err := check("offset+topk", k+off); err != nil {
		return 0, 0, err
	}
	return int(k), int(off), nil
}

func roundDecimal(kvs []*commonpb.KeyValuePair) (int, error) {
	text, ok := lookup(kvs, "round_decimal")
	if !ok {
		return -1, nil
	}
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil || n < -1 || n > 6 {
		return 0, merr.ParameterInvalid.Msg("round_decimal [%s] is invalid, should be -1 or an integer in range [0, 6]", text)
	}
	return int(n), nil
}

// indexParams decodes the JSON object of a search's index parameters; numbers
// stay as they were written.
func indexParams(text string) (map[string]any, error) {
	if text == "" {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var out map[string]any
	if err := d.Decode(&out); err != nil {
		return nil, merr.ParameterInvalid.Msg("search params is not a JSON object: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, merr.ParameterInvalid.Msg("search params is not one JSON object: there is text behind it")
	}
	return out, nil
}

// refuseSearchParams refuses by name what a search cannot do yet.
func refuseSearchParams(info *role.CollectionInfo, kvs []*commonpb.KeyValuePair, index map[string]any) error {
	for _, kv := range kvs {
		key, value := kv.GetKey(), kv.GetValue()
		off := value == "" || strings.EqualFold(value, "false")
		switch key {
		case "order_by_fields":
			if value != "" && isIterator(kvs) {
				return merr.InvalidParameter("", "", "order_by is not supported when using search iterator")
			}
			if value != "" {
				return merr.NotSupported("search parameter %s", key)
			}
		case "json_path", "json_type", "analyzer_name", "time_fields", "cluster_id":
			if value != "" {
				return merr.NotSupported("search parameter %s", key)
			}
		case "strict_cast", "page_retain_order", "pipeline_trace":
			if !off {
				return merr.NotSupported("search parameter %s", key)
			}
		case "hints":
			if value != "" && value != "iterative_filter" && value != "disable" {
				return merr.ParameterInvalid.Msg("hints: %s not supported", value)
			}
		case "timezone":
			if err := schema.CheckTimezone(value); err != nil {
				return err
			}
		case "collection_id":
			if id, err := strconv.ParseInt(value, 0, 64); err == nil && id > 0 && id != info.ID {
				return merr.ParameterInvalid.Msg("collection id:%d in the request is not consistent to that in the search context,alias or database may have been changed: %d", id, info.ID)
			}
		}
	}
	return refuseIndexParams(index)
}

func refuseIndexParams(index map[string]any) error {
	_, radius := index["radius"]
	if _, ok := index["range_filter"]; ok && !radius {
		return merr.InvalidParameter("range_filter", "", "range_filter requires radius to be set; range_filter alone is not a valid range search parameter")
	}
	if hints, ok := index["hints"].(string); ok && hints != "" && hints != "iterative_filter" && hints != "disable" {
		return merr.ParameterInvalid.Msg("hints: %s not supported", hints)
	}
	for _, key := range []string{"page_retain_order", "group_by_field", "group_size", "strict_group_size"} {
		if v, ok := index[key]; ok && v != false && v != nil {
			return merr.NotSupported("search parameter %s", key)
		}
	}
	return nil
}
