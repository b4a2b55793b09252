package proxy

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/reduce"
	"github.com/redkite-db/redkite/internal/role"
)

// isIterator reads the flag of both versions of search iterators.
func isIterator(kvs []*commonpb.KeyValuePair) bool {
	text, _ := lookup(kvs, "iterator")
	return text == "True" || text == "true"
}

// cursor reads the parameters of a search iterator of version 2; nil if the
// search is none. The batch is of size hits.
func (s *Server) cursor(kvs []*commonpb.KeyValuePair, offset int) (c *role.Cursor, size int, err error) {
	text, _ := lookup(kvs, "search_iter_v2")
	if on, err := strconv.ParseBool(text); err != nil || !on {
		return nil, 0, nil
	}
	if !isIterator(kvs) {
		return nil, 0, merr.ParameterMissing.Msg("both iterator and search_iter_v2 must be set in the SDK")
	}
	if offset > 0 {
		return nil, 0, merr.InvalidParameter("", "", "Setting an offset is not permitted when using a search iterator v2")
	}
	c = &role.Cursor{}
	if c.Token, _ = lookup(kvs, "search_iter_id"); c.Token == "" {
		c.Token = s.newToken()
	} else if !isToken(c.Token) {
		return nil, 0, merr.ParameterInvalid.Msg("invalid token format")
	}
	text, _ = lookup(kvs, "search_iter_batch_size")
	if text == "" {
		return nil, 0, merr.ParameterMissing.Msg("batch size is required")
	}
	batch, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		return nil, 0, merr.ParameterInvalid.Msg("batch size is invalid, %v", err)
	}
	if batch <= 0 || batch > s.Limits.TopK {
		return nil, 0, merr.ParameterInvalid.Msg("batch size is invalid, it should be in range [1, %d], but got %d", s.Limits.TopK, batch)
	}
	if text, _ = lookup(kvs, "search_iter_last_bound"); text != "" {
		bound, err := strconv.ParseFloat(text, 32)
		if err != nil || bound != bound {
			return nil, 0, merr.ParameterInvalid.Msg("failed to parse input last bound, %q is not a number", text)
		}
		score := float32(bound)
		c.Bound = &score
	}
	return c, int(batch), nil
}

// newToken returns a random UUID (RFC 9562, version 4).
func (s *Server) newToken() string {
	b := make([]byte, 16)
	s.Random(b)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// isToken reports whether text is a UUID, with hyphens or without.
func isToken(text string) bool {
	if len(text) == 36 {
		for _, at := range []int{8, 13, 18, 23} {
			if text[at] != '-' {
				return false
			}
		}
		text = strings.ReplaceAll(text, "-", "")
	}
	raw, err := hex.DecodeString(text)
	return err == nil && len(raw) == 16
}

// iteratorPoint is readPoint for an iterator: with a timestamp, which is that
// of its first page, it reads what was there then.
func (s *Server) iteratorPoint(info *role.CollectionInfo, r readRequest) (role.ReadPoint, error) {
	ts := base.Timestamp(r.GetGuaranteeTimestamp())
	if ts <= boundedTime {
		return s.readPoint(info, r)
	}
	if latest := s.now().Add(s.Limits.MaxAhead); ts > latest {
		return role.ReadPoint{}, s.tooFarAhead(ts)
	}
	return role.ReadPoint{Consistency: commonpb.ConsistencyLevel_Customized, Guarantee: ts, Exactly: ts}, nil
}

// runIterator asks the shards for the next batch of an iterator.
func (s *Server) runIterator(ctx context.Context, r *role.SearchRequest, p *searchParams, out *output) (*milvuspb.SearchResults, error) {
	r.Cursor.Together = r.Collection.Shards > 1
	parts, err := s.searchShards(ctx, r)
	if err != nil {
		return nil, err
	}
	best := parts[0]
	if len(parts) > 1 {
		best = mergeBatch(parts, r)
	}
	bound := float32(-math.MaxFloat32) // nothing was found yet: any hit is behind it
	if r.Metric != "L2" {
		bound = math.MaxFloat32
	}
	if r.Cursor.Bound != nil {
		bound = *r.Cursor.Bound
	}
	if best.Bound != nil {
		bound = *best.Bound
	}
	a := s.searchAnswer(r, p, out, best)
	a.Results.SearchIteratorV2Results = &schemapb.SearchIteratorV2Results{Token: r.Cursor.Token, LastBound: bound}
	return a, nil
}

// mergeBatch makes one batch of those of several shards. A shard that has more
// hits has them all behind its bound, so those of others that are as far are
// left for the next batch; and like a shard (see role.Cursor) it ends where the
// score changes.
func mergeBatch(parts []*role.SearchResult, r *role.SearchRequest) *role.SearchResult {
	larger := r.Metric != "L2"
	behind := func(a, b float32) bool { return a != b && (a < b) == larger } // a is worse than b
	hits, keys, rows := make([]reduce.Hits, len(parts)), make([]*column.Column, len(parts)), make([]*column.Batch, len(parts))
	out := &role.SearchResult{Bound: r.Cursor.Bound}
	var limit *float32
	all := 0
	for i, part := range parts {
		hits[i] = reduce.Hits{Counts: part.Counts, Scores: part.Scores, Keys: part.Keys}
		keys[i], rows[i] = part.Keys, part.Rows
		all += len(part.Scores)
		out.At = max(out.At, part.At)
		out.More = out.More || part.More
		if part.More && part.Bound != nil && (limit == nil || behind(*limit, *part.Bound)) {
			limit = part.Bound
		}
	}
	top := reduce.TopK(hits, 1, 0, all, larger)
	n := len(top.Scores)
	for limit != nil && n > 0 && behind(top.Scores[n-1], *limit) {
		n--
	}
	if cut := r.K; n > cut {
		for cut > 0 && top.Scores[cut-1] == top.Scores[cut] {
			cut--
		}
		if cut == 0 { // more of one score than asked for
			for cut = r.K; cut < n && top.Scores[cut] == top.Scores[0]; {
				cut++
			}
		}
		// Late hits, nearer than what was delivered before, are not told apart.
		for cut < n && r.Cursor.Bound != nil && !behind(top.Scores[cut], *r.Cursor.Bound) {
			cut++
		}
		n, out.More = cut, true
	}
	picks := top.Picks[:n]
	out.Counts, out.Scores = []int{n}, top.Scores[:n]
	if n > 0 && (out.Bound == nil || behind(out.Scores[n-1], *out.Bound)) {
		out.Bound = &out.Scores[n-1]
	}
	out.Keys = reduce.Gather(keys, picks)
	out.Rows = reduce.GatherBatch(rows, r.Output, picks)
	return out
}
