package proxy

import (
	"context"
	"math"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"
	"google.golang.org/protobuf/proto"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/reduce"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// Search returns the rows nearest to each query vector.
func (s *Server) Search(ctx context.Context, req *milvuspb.SearchRequest) (*milvuspb.SearchResults, error) {
	info, err := s.Root.Collection(ctx, role.CollectionRef{DB: dbOf(ctx, req), Name: req.GetCollectionName()})
	if err != nil {
		return nil, err
	}
	if err := refuseSearch(req); err != nil {
		return nil, err
	}
	r := &role.SearchRequest{Collection: info}
	if r.Partitions, err = s.readPartitions(info, req.GetPartitionNames()); err != nil {
		return nil, err
	}
	out, err := s.output(info.Collection, req.GetOutputFields())
	if err != nil {
		return nil, err
	}
	if out.count != "" {
		return nil, merr.ParameterInvalid.Msg("aggregates are not supported in search request")
	}
	if err := s.checkNQ(req); err != nil {
		return nil, err
	}
	if r.IgnoreGrowing, err = ignoresGrowing(req.GetSearchParams()); err != nil {
		return nil, err
	}
	p, err := s.searchParams(info, req.GetSearchParams())
	if err != nil {
		return nil, err
	}
	if r.Plan, err = s.plan(info, req.GetDsl(), req.GetExprTemplateValues()); err != nil {
		return nil, merr.ParameterInvalid.Msg("failed to create query plan: %v", err)
	}
	if r.Plan.AlwaysTrue() {
		r.Plan = nil
	}
	if len(r.Partitions) == 0 {
		r.Partitions = prune(info, r.Plan)
	}
	if err := s.searchVectors(r, req, p); err != nil {
		return nil, err
	}
	if r.At, err = s.readPoint(info, req, p.iterator); err != nil {
		return nil, err
	}
	if err := checkLoaded(info, r.Partitions, req.GetPartitionNames()); err != nil {
		return nil, merr.Wrap(err, "failed to search")
	}
	if err := s.searchIndex(r, p); err != nil {
		return nil, err
	}
	r.Output = out.ids()
	if err := s.checkResultSize(ctx, r, p, out); err != nil {
		return nil, err
	}
	if r.Cursor != nil {
		return s.runIterator(ctx, r, p, out)
	}
	return s.runSearch(ctx, r, p, out)
}

// checkNQ checks the number of queries that a request claims to have; what is
// in the placeholder group is compared later.
func (s *Server) checkNQ(req *milvuspb.SearchRequest) error {
	nq := req.GetNq()
	if nq == 0 {
		g := &commonpb.PlaceholderGroup{}
		if err := proto.Unmarshal(req.GetPlaceholderGroup(), g); err != nil {
			return merr.ParameterInvalid.Msg("the placeholder group cannot be read: %v", err)
		}
		for _, p := range g.GetPlaceholders() {
			nq += int64(len(p.GetValues()))
		}
	}
	if nq <= 0 || nq > s.Limits.NQ {
		return merr.ParameterInvalid.Msg("nq [%d] is invalid, nq (number of search vector per search request) should be in range [1, %d], but got %d", nq, s.Limits.NQ, nq)
	}
	return nil
}

// searchVectors fills in the vectors to search for.
func (s *Server) searchVectors(r *role.SearchRequest, req *milvuspb.SearchRequest, p *searchParams) error {
	var err error
	if r.Vectors, r.NQ, err = queryVectors(req.GetPlaceholderGroup(), p.field); err != nil {
		return err
	}
	if nq := req.GetNq(); nq != 0 && nq != int64(r.NQ) || int64(r.NQ) > s.Limits.NQ {
		return merr.InvalidParameter(nq, r.NQ, "nq (%d) is not equal to the number of vectors (%d) in the placeholder group", nq, r.NQ)
	}
	if p.cursor != nil && r.NQ > 1 {
		return merr.ParameterInvalid.Msg("a search iterator is of one vector, not of %d", r.NQ)
	}
	r.Field, r.K, r.Cursor = p.field.ID, p.topK+p.offset, p.cursor
	if p.group != nil {
		r.Group = &p.group.Group
	}
	return nil
}

// searchIndex checks metric and parameters against the field's index.
func (s *Server) searchIndex(r *role.SearchRequest, p *searchParams) error {
	index := indexOf(r.Collection, r.Field)
	if index == nil {
		return merr.ParameterInvalid.Msg("field index of the field: %s is not loaded, please reload the collection", p.field.Name)
	}
	if p.metric != "" && !strings.EqualFold(p.metric, index.Metric) {
		return merr.Wrap(merr.InvalidParameter(index.Metric, p.metric, "metric type not match"), "failed to search")
	}
	r.Metric, r.Params = index.Metric, p.index
	var err error
	if r.Range, err = rangeOf(p.index, index.Metric); err != nil {
		return merr.ParameterInvalid.Msg("failed to search: %v", err)
	}
	if kind, ok := s.kinds[index.Type]; ok && kind.CheckSearch != nil {
		k := r.K
		if r.Range != nil || r.Cursor != nil || r.Group != nil {
			k = 1 // the index iterates: there need not be candidates for all
		}
		params, err := kind.CheckSearch(p.index, k)
		if err != nil {
			return merr.ParameterInvalid.Msg("failed to search: %v", err)
		}
		if params.Ef > s.Limits.Ef {
			return merr.ParameterInvalid.Msg("failed to search: Out of range in json: param 'ef' (%d) should be in range [1, %d]", params.Ef, s.Limits.Ef)
		}
	}
	return nil
}

// manyHits is the number of hits from which the size of an answer is estimated.
const manyHits = 1 << 20

// checkResultSize refuses a search whose answer could not be sent.
func (s *Server) checkResultSize(ctx context.Context, r *role.SearchRequest, p *searchParams, out *output) error {
	each := int64(8)
	for _, f := range out.fields {
		if each++; f.IsVector() {
			each += int64(4 * f.Dim)
		}
	}
	hits := int64(r.NQ) * int64(p.topK)
	if r.Group != nil {
		hits *= int64(r.Group.Size)
	}
	if hits*each <= int64(s.Limits.SendBytes) || hits < manyHits && len(out.fields) == 0 {
		return nil
	}
	rows, err := s.countRows(ctx, r.Collection, nil)
	if err != nil {
		return err
	}
	hits = int64(r.NQ) * min(int64(p.topK), rows)
	if hits*each > int64(s.Limits.SendBytes) {
		return merr.ParameterInvalid.Msg("number of result entries is too large: nq %d x topk %d of about %d bytes each exceed the largest message, %d bytes", r.NQ, p.topK, each, s.Limits.SendBytes)
	}
	return nil
}

// runSearch asks the shards and merges their hits.
func (s *Server) runSearch(ctx context.Context, r *role.SearchRequest, p *searchParams, out *output) (*milvuspb.SearchResults, error) {
	parts, err := s.searchShards(ctx, r)
	if err != nil {
		return nil, err
	}
	best := parts[0]
	switch many := len(parts) > 1 || p.offset > 0; {
	case many && r.Group != nil:
		best = mergeGroups(parts, r, p)
	case many:
		best = mergeHits(parts, r, p)
	}
	return s.searchAnswer(r, p, out, best), nil
}

// searchShards asks every shard.
func (s *Server) searchShards(ctx context.Context, r *role.SearchRequest) ([]*role.SearchResult, error) {
	parts := make([]*role.SearchResult, r.Collection.Shards)
	err := eachShard(ctx, r.Collection, func(ctx context.Context, i int, shard base.Shard) (err error) {
		one := *r
		one.Shard = shard
		parts[i], err = s.Deps.Query.Search(ctx, &one)
		return err
	})
	if err != nil {
		return nil, merr.Wrap(err, "failed to search")
	}
	s.metrics.searched.Add(float64(r.NQ))
	return parts, nil
}

// searchAnswer is the response with the hits of best.
func (s *Server) searchAnswer(r *role.SearchRequest, p *searchParams, out *output, best *role.SearchResult) *milvuspb.SearchResults {
	info := r.Collection
	pk := info.Primary()
	keys := primary(pk, best.Keys)
	data := &schemapb.SearchResultData{
		NumQueries: int64(r.NQ), Topks: make([]int64, r.NQ), Scores: best.Scores, Ids: keys.ToIDs(),
		FieldsData: out.data(best.Rows, keys), OutputFields: out.names, PrimaryFieldName: pk.Name,
	}
	for i, n := range best.Counts {
		data.Topks[i] = int64(n)
		data.TopK = max(data.TopK, int64(n))
	}
	p.group.setGroups(data, best.Groups)
	if p.decimals >= 0 {
		data.Scores = rounded(data.Scores, p.decimals)
	}
	return &milvuspb.SearchResults{Status: success(), Results: data, CollectionName: info.Name, SessionTs: max(1, uint64(best.At))}
}

// mergeHits merges the hits of several shards, or cuts the first ones off.
func mergeHits(parts []*role.SearchResult, r *role.SearchRequest, p *searchParams) *role.SearchResult {
	return gather(parts, r, reduce.TopK(hitsOf(parts), r.NQ, p.offset, p.topK, similarity(r.Metric)))
}

// hitsOf returns the hits of several shards as reduce takes them.
func hitsOf(parts []*role.SearchResult) []reduce.Hits {
	hits := make([]reduce.Hits, len(parts))
	for i, part := range parts {
		hits[i] = reduce.Hits{Counts: part.Counts, Scores: part.Scores, Keys: part.Keys}
	}
	return hits
}

// gather makes one result of the hits that were picked from several shards.
func gather(parts []*role.SearchResult, r *role.SearchRequest, top reduce.Top) *role.SearchResult {
	keys, rows, groups := make([]*column.Column, len(parts)), make([]*column.Batch, len(parts)), make([]*column.Batch, len(parts))
	out := &role.SearchResult{Counts: top.Counts, Scores: top.Scores}
	for i, part := range parts {
		keys[i], rows[i], groups[i] = part.Keys, part.Rows, part.Groups
		out.At = max(out.At, part.At)
	}
	out.Keys = reduce.Gather(keys, top.Picks)
	out.Rows = reduce.GatherBatch(rows, r.Output, top.Picks)
	if r.Group != nil {
		out.Groups = reduce.GatherBatch(groups, r.Group.Fields, top.Picks)
	}
	return out
}

// similarity reports whether the larger of two scores of an index's metric is
// the better one.
func similarity(metric string) bool {
	m, err := vecindex.ParseMetric(metric)
	return err == nil && m.IsSimilarity()
}

// rounded returns the scores rounded to a number of decimals.
func rounded(scores []float32, decimals int) []float32 {
	scale := math.Pow10(decimals)
	out := slices.Clone(scores)
	for i, v := range out {
		out[i] = float32(math.Round(float64(v)*scale) / scale)
	}
	return out
}

// indexOf returns the index of a field, nil if it has none.
func indexOf(info *role.CollectionInfo, field base.ID) *schema.Index {
	for _, x := range info.Indexes {
		if x.Field == field {
			return x
		}
	}
	return nil
}
