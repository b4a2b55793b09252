package querynode

import (
	"context"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/reduce"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/segment"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// grouped answers a search that groups; see role.Group. For each vector it
// iterates over all segments, the nearest rows first, until there are enough
// groups.
func (n *Node) grouped(ctx context.Context, r *role.SearchRequest, metric vecindex.Metric) (*role.SearchResult, error) {
	readers, at, err := n.readers(ctx, r.Collection, r.Shard, r.Partitions, r.At, r.IgnoreGrowing)
	if err != nil {
		return nil, err
	}
	defer closeReaders(readers)
	parts, err := n.prepared(ctx, readers, segmentRequest(r, metric))
	if err != nil {
		return nil, searchError(err)
	}
	defer closePrepared(parts)
	found := make([][]groupHit, r.NQ)
	var next atomic.Int64
	err = n.each(min(r.NQ, cap(n.fan)+1), func(int) error {
		for q := int(next.Add(1)) - 1; q < r.NQ; q = int(next.Add(1)) - 1 {
			var err error
			if found[q], err = n.group(ctx, r, readers, parts, metric, q); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, searchError(err)
	}
	n.wantIndex(r)
	return groupAnswer(readers, found, r, metric, at)
}

// groupHit is a hit of a group.
type groupHit struct {
	part  int
	row   uint32
	score float32
	group string
}

// group finds the hits of the best groups for one vector.
func (n *Node) group(ctx context.Context, r *role.SearchRequest, readers []*segment.Reader, parts []*segment.Prepared, metric vecindex.Metric, q int) ([]groupHit, error) {
	m, err := n.newMerge(ctx, parts, metric, q)
	if err != nil {
		return nil, err
	}
	defer m.close()
	groups, keys := make([][]string, len(m.streams)), make([][]string, len(m.streams))
	m.filled = func(i int, hits []vecindex.Hit) error {
		reader := readers[m.streams[i].part]
		rows := make([]uint32, len(hits))
		for j, h := range hits {
			rows[j] = h.Row
		}
		b, err := fetchGroups(reader, rows, r.Group)
		if err != nil {
			return err
		}
		groups[i] = reduce.GroupKeys(columnsOf(b, r.Group.Fields), len(rows))
		keys[i] = reduce.GroupKeys([]*column.Column{reader.Keys(rows)}, len(rows))
		return nil
	}
	step := max(r.K, 32)
	if err := m.prepare(ctx, n, step); err != nil {
		return nil, err
	}
	var out []groupHit
	size, seen, full := map[string]int{}, map[string]bool{}, 0
	for hits := 0; len(size) < r.K || r.Group.Strict && full < r.K || hits < r.K*r.Group.Size; hits++ {
		i, err := m.next(ctx, step)
		if err != nil {
			return nil, err
		}
		if i < 0 {
			break
		}
		s := &m.streams[i]
		h, group, key := s.hits[s.at], groups[i][s.at], keys[i][s.at]
		s.at++
		count, known := size[group]
		if !known && len(size) == r.K || count == r.Group.Size || seen[key] {
			continue
		}
		seen[key] = true
		if size[group] = count + 1; count+1 == r.Group.Size {
			full++
		}
		out = append(out, groupHit{part: s.part, row: h.Row, score: h.Score, group: group})
	}
	return out, nil
}

// fetchGroups reads what rows are grouped by.
func fetchGroups(r *segment.Reader, rows []uint32, g *role.Group) (*column.Batch, error) {
	if !g.JSON {
		return r.Fetch(rows, g.Fields)
	}
	texts, err := r.FetchTexts(rows, g.Fields[0], g.Path)
	if err != nil {
		return nil, err
	}
	b := &column.Batch{Rows: len(rows)}
	b.Add(g.Fields[0], texts)
	return b, nil
}

func columnsOf(b *column.Batch, fields []base.ID) []*column.Column {
	out := make([]*column.Column, len(fields))
	for i, id := range fields {
		out[i] = b.Column(id)
	}
	return out
}

// groupAnswer puts the groups of all vectors in order and fetches the fields of
// their hits.
func groupAnswer(readers []*segment.Reader, found [][]groupHit, r *role.SearchRequest, metric vecindex.Metric, at base.Timestamp) (*role.SearchResult, error) {
	parts, rows := make([]reduce.Grouped, len(readers)), make([][]uint32, len(readers))
	for i := range parts {
		parts[i].Counts = make([]int, r.NQ)
	}
	for q, hits := range found {
		for _, h := range hits {
			p := &parts[h.part]
			p.Counts[q]++
			p.Scores, p.Groups = append(p.Scores, h.score), append(p.Groups, h.group)
			rows[h.part] = append(rows[h.part], h.row)
		}
	}
	keys, groups := make([]*column.Column, len(parts)), make([]*column.Batch, len(parts))
	for i := range parts {
		parts[i].Keys = readers[i].Keys(rows[i])
		keys[i] = parts[i].Keys
		var err error
		if groups[i], err = fetchGroups(readers[i], rows[i], r.Group); err != nil {
			return nil, err
		}
	}
	top := reduce.Groups(parts, r.NQ, 0, r.K, r.Group.Size, metric.IsSimilarity())
	result := &role.SearchResult{Counts: top.Counts, Scores: top.Scores, Keys: reduce.Gather(keys, top.Picks), At: at}
	if result.Keys == nil {
		result.Keys = column.New(r.Collection.Primary())
	}
	var err error
	result.Groups = reduce.GatherBatch(groups, r.Group.Fields, top.Picks)
	result.Rows, err = fetch(readers, rows, top.Picks, r.Collection.Collection, r.Output, 0)
	return result, err
}
