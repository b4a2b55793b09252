package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// Keys of index parameters.
const (
	indexTypeKey  = "index_type"
	metricTypeKey = "metric_type"
	paramsKey     = "params"
)

// CreateIndex describes an index on a field; it is built in the background. An
// identical one is a success.
func (s *Server) CreateIndex(ctx context.Context, req *milvuspb.CreateIndexRequest) (*commonpb.Status, error) {
	ref := role.CollectionRef{DB: dbOf(ctx, req), Name: req.GetCollectionName()}
	info, err := s.Root.Collection(ctx, ref)
	if err != nil {
		return nil, err
	}
	if err := s.Limits.Schema.CheckIndexName(req.GetIndexName()); err != nil {
		return nil, err
	}
	f := info.Field(req.GetFieldName())
	if f == nil {
		f = info.DynamicField() // a key of it
	}
	if f == nil {
		return nil, merr.ParameterInvalid.Msg("cannot create index on non-exist field: %s", req.GetFieldName())
	}
	params, err := s.expandIndexParams(req.GetExtraParams())
	if err != nil {
		return nil, err
	}
	index := &schema.Index{Name: strings.TrimSpace(req.GetIndexName()), UserParams: req.GetExtraParams()}
	if f.IsVector() {
		err = s.vectorIndex(info, f, index, params)
	} else {
		err = scalarIndex(info, req.GetFieldName(), f, index, params)
	}
	if err != nil {
		return nil, err
	}
	return s.do(ctx, role.CreateIndex{CollectionRef: ref, Field: f.Name, Index: index})
}

// expandIndexParams flattens the parameters: those in the JSON object "params"
// stand beside the others.
func (s *Server) expandIndexParams(kvs []*commonpb.KeyValuePair) (vecindex.Params, error) {
	size := 0
	out := make(vecindex.Params, len(kvs))
	seen := make(map[string]bool, len(kvs))
	for _, kv := range kvs {
		key, value := kv.GetKey(), kv.GetValue()
		if size += len(key) + len(value); size > s.Limits.IndexParams {
			return nil, merr.ParameterInvalid.Msg("index params size exceeds limit: %d > %d", size, s.Limits.IndexParams)
		}
		if seen[key] {
			return nil, merr.ParameterInvalid.Msg("duplicated index param (key=%s) (value=%s) found", key, value)
		}
		seen[key] = true
		if key != paramsKey {
			out[key] = value
			continue
		}
		object, err := indexParams(value)
		if err != nil {
			return nil, merr.ParameterInvalid.Msg("index params cannot be read: %v", err)
		}
		for k, v := range object {
			out[k] = paramText(v)
		}
	}
	return out, nil
}

// paramText writes a value of JSON as a parameter's text.
func paramText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return v.String()
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// vectorIndex completes the description of an index on a vector field.
func (s *Server) vectorIndex(info *role.CollectionInfo, f *schema.Field, x *schema.Index, p vecindex.Params) error {
	x.UserType = p[indexTypeKey]
	if err := checkIndexType(x.UserType, p); err != nil {
		return err
	}
	metric, metricGiven := p[metricTypeKey]
	kindName, implied := vecindex.Resolve(x.UserType)
	if x.UserType == "" || x.UserType == vecindex.AutoIndex {
		for key := range p {
			if key != indexTypeKey && key != metricTypeKey {
				return merr.ParameterInvalid.Msg("only metric type can be passed when use AutoIndex")
			}
		}
		if !metricGiven {
			metric, metricGiven = vecindex.AutoMetric.String(), true
		}
		x.UserType, p = vecindex.AutoIndex, implied
		x.UserParams = []*commonpb.KeyValuePair{{Key: indexTypeKey, Value: x.UserType}, {Key: metricTypeKey, Value: metric}}
	}
	bad := func(why string) error {
		return merr.InvalidParameter("valid index params", "invalid index params", "%s", why)
	}
	if !metricGiven || metric == "" {
		return bad("metric type not set for vector index")
	}
	m, err := vecindex.ParseMetric(metric)
	if err != nil {
		return bad(err.Error())
	}
	kind, ok := s.kinds[kindName]
	if !ok {
		return unservedIndex(info, f, x.Name, kindName)
	}
	if err := kind.Check(p, f.Dim, m); err != nil {
		return bad(err.Error())
	}
	x.Type, x.Metric, x.Params = kind.Name, m.String(), make(map[string]string, len(p))
	for k, v := range p {
		if k != indexTypeKey && k != metricTypeKey {
			x.Params[k] = v
		}
	}
	return nil
}

// unservedIndex is the error for an index type that Milvus knows and this
// version does not have. That the field has an index already is told first.
func unservedIndex(info *role.CollectionInfo, f *schema.Field, name, kind string) error {
	for _, x := range info.Indexes {
		if x.Field == f.ID && (name == "" || name == x.Name) {
			return merr.ParameterInvalid.Msg("at most one distinct index is allowed per field")
		}
		if x.Field == f.ID {
			return merr.ParameterInvalid.Msg("CreateIndex failed: creating multiple indexes on same field is not supported")
		}
	}
	switch kind {
	case "BIN_FLAT", "BIN_IVF_FLAT", "MINHASH_LSH", "SPARSE_INVERTED_INDEX", "SPARSE_WAND",
		"INVERTED", "STL_SORT", "ASCENEDING", "TRIE", "MARISA-TRIE", "BITMAP", "NGRAM", "RTREE":
		return merr.ParameterInvalid.Msg("data type %s can't build with this index %s", f.Type, kind)
	}
	return merr.NotSupported("index type %s", kind)
}

// knownIndexType reports whether Milvus has an index type of that name that a
// user may ask for.
func knownIndexType(name string) bool {
	switch name {
	case "", vecindex.AutoIndex, "FLAT", "IVF_FLAT", "IVF_FLAT_CC", "IVF_SQ8", "IVF_PQ", "IVF_RABITQ", "IVF_RABITQ_FASTSCAN", "SCANN",
		"HNSW", "HNSW_SQ", "HNSW_PQ", "HNSW_PRQ", "DISKANN", "ANNOY", "AISAQ", "FAISS",
		"BIN_FLAT", "BIN_IVF_FLAT", "MINHASH_LSH", "SPARSE_INVERTED_INDEX", "SPARSE_WAND",
		"INVERTED", "STL_SORT", "Asceneding", "Trie", "TRIE", "marisa-trie", "BITMAP", "NGRAM", "RTREE":
		return true
	}
	return false
}

// checkIndexType checks what all types have in common.
func checkIndexType(name string, p vecindex.Params) error {
	if !knownIndexType(name) {
		return merr.InvalidParameter("valid index", "invalid index type: "+name, "")
	}
	return checkIndexProperties(name, p)
}

// checkIndexProperties checks the parameters that may be altered later.
func checkIndexProperties(name string, p vecindex.Params) error {
	if v, ok := p[schema.MmapKey]; ok {
		if _, err := schema.Truth(v); err != nil {
			return merr.ParameterInvalid.Msg("invalid mmap.enabled value: %s, expected: true, false", v)
		}
		if name == "DISKANN" || name == "STL_SORT" || name == "RTREE" {
			return merr.ParameterInvalid.Msg("invalid mmap index params: index type %s does not support mmap", name)
		}
	}
	if v, ok := p["indexoffsetcache.enabled"]; ok {
		if name != "BITMAP" {
			return merr.ParameterInvalid.Msg("invalid offset cache index params: only bitmap index support indexoffsetcache.enabled now")
		}
		if _, err := schema.Truth(v); err != nil {
			return merr.ParameterInvalid.Msg("invalid offset cache index params: invalid indexoffsetcache.enabled value: %s, expected: true, false", v)
		}
	}
	if v, ok := p[schema.WarmupKey]; ok && v != "disable" && v != "sync" && v != "async" {
		return merr.ParameterInvalid.Msg("invalid warmup params: invalid warmup policy: %s, must be 'disable', 'sync' or 'async'", v)
	}
	return nil
}

// AlterIndex changes properties of an index that do not change what it is.
func (s *Server) AlterIndex(ctx context.Context, req *milvuspb.AlterIndexRequest) (*commonpb.Status, error) {
	ref := role.CollectionRef{DB: dbOf(ctx, req), Name: req.GetCollectionName()}
	info, err := s.Root.Collection(ctx, ref)
	if err != nil {
		return nil, err
	}
	for _, x := range info.Indexes {
		if x.Name != req.GetIndexName() {
			continue
		}
		p := make(vecindex.Params)
		for _, kv := range req.GetExtraParams() {
			p[kv.GetKey()] = kv.GetValue()
		}
		if err := checkIndexProperties(x.Type, p); err != nil {
			return nil, err
		}
	}
	return s.do(ctx, role.AlterIndex{CollectionRef: ref, Index: req.GetIndexName(), Set: req.GetExtraParams(), Delete: req.GetDeleteKeys()})
}

// DropIndex drops an index by its name, or by its field's; a missing one is a
// success.
func (s *Server) DropIndex(ctx context.Context, req *milvuspb.DropIndexRequest) (*commonpb.Status, error) {
	ref := role.CollectionRef{DB: dbOf(ctx, req), Name: req.GetCollectionName()}
	if _, err := s.Root.Collection(ctx, ref); err != nil {
		return nil, err
	}
	name := req.GetIndexName()
	if name == "" {
		name = req.GetFieldName()
	}
	return s.do(ctx, role.DropIndex{CollectionRef: ref, Index: name})
}
