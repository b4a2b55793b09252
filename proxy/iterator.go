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

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/reduce"
	"github.com/redkite-db/redkite/internal/role"
)

// isIterator reads the flag of both versions of search iterators.
func isIterator(kvs []*commonpb.KeyValuePair) bool {
	text, _ := lookup(kvs, "iterator")
	return text == "True" || text == "true"
}

// readCursor reads the parameters of a search iterator of version 2, whose batch
// is topK; nothing if the search is none.
func (s *Server) readCursor(kvs []*commonpb.KeyValuePair, p *searchParams) error {
	text, _ := lookup(kvs, "search_iter_v2")
	if on, err := strconv.ParseBool(text); err != nil || !on {
		return nil
	}
	if !isIterator(kvs) {
		return merr.ParameterMissing.Msg("both iterator and search_iter_v2 must be set in the SDK")
	}
	if p.offset > 0 {
		return merr.InvalidParameter("", "", "Setting an offset is not permitted when using a search iterator v2")
	}
	c := &role.Cursor{}
	if c.Token, _ = lookup(kvs, "search_iter_id"); c.Token == "" {
		c.Token = s.newToken()
	} else if !isToken(c.Token) {
		return merr.ParameterInvalid.Msg("invalid token format")
	}
	text, _ = lookup(kvs, "search_iter_batch_size")
	if text == "" {
		return merr.ParameterMissing.Msg("batch size is required")
	}
	batch, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		return merr.ParameterInvalid.Msg("batch size is invalid, %v", err)
	}
	if batch <= 0 || batch > s.Limits.TopK {
		return merr.ParameterInvalid.Msg("batch size is invalid, it should be in range [1, %d], but got %d", s.Limits.TopK, batch)
	}
	if text, _ = lookup(kvs, "search_iter_last_bound"); text != "" {
		bound, err := strconv.ParseFloat(text, 32)
		if err != nil || bound != bound {
			return merr.ParameterInvalid.Msg("failed to parse input last bound, %q is not a number", text)
		}
		score := float32(bound)
		c.Bound = &score
	}
	p.cursor, p.topK = c, int(batch)
	return nil
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
	if similarity(r.Metric) {
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
	larger := similarity(r.Metric)
	behind := func(a, b float32) bool { return a != b && (a < b) == larger } // a is worse than b
	var limit *float32
	all, more := 0, false
	for _, part := range parts {
		all += len(part.Scores)
		more = more || part.More
		if part.More && part.Bound != nil && (limit == nil || behind(*limit, *part.Bound)) {
			limit = part.Bound
		}
	}
	top := reduce.TopK(hitsOf(parts), 1, 0, all, larger)
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
		n, more = cut, true
	}
	out := gather(parts, r, reduce.Top{Counts: []int{n}, Scores: top.Scores[:n], Picks: top.Picks[:n]})
	out.Bound, out.More = r.Cursor.Bound, more
	if n > 0 && (out.Bound == nil || behind(out.Scores[n-1], *out.Bound)) {
		out.Bound = &out.Scores[n-1]
	}
	return out
}
