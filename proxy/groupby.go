package proxy

import (
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/reduce"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
)

// grouping is what a search says of groups.
type grouping struct {
	role.Group
	fields []*schema.Field // of Group.Fields
}

// grouping reads group_by_field, or group_by_fields, group_size and
// strict_group_size; nil without the first two.
func (s *Server) grouping(c *schema.Collection, kvs []*commonpb.KeyValuePair) (*grouping, error) {
	text, _ := lookup(kvs, "group_by_field")
	names := []string{text}
	if strings.TrimSpace(text) == "" {
		text, _ = lookup(kvs, "group_by_fields")
		names = strings.Split(text, ",")
	}
	g := &grouping{}
	for _, name := range names {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		if err := g.add(c, name); err != nil {
			return nil, err
		}
		if g.JSON && len(g.fields) > 1 {
			return nil, merr.ParameterInvalid.Msg("group_by with json path is not supported for multi-field group_by, field:%s", name)
		}
	}
	g.Size = 1
	if text, ok := lookup(kvs, "group_size"); ok {
		size, err := strconv.ParseInt(text, 0, 64)
		switch {
		case err != nil:
			return nil, merr.ParameterInvalid.Msg("failed to parse input group size:%s", text)
		case size <= 0:
			return nil, merr.ParameterInvalid.Msg("input group size:%d is negative, failed to do search_groupby", size)
		case size > s.Limits.GroupSize:
			return nil, merr.ParameterInvalid.Msg("input group size:%d exceeds configured max group size:%d", size, s.Limits.GroupSize)
		}
		g.Size = int(size)
	}
	text, _ = lookup(kvs, "strict_group_size")
	g.Strict, _ = strconv.ParseBool(text)
	if len(g.fields) == 0 {
		return nil, nil
	}
	return g, nil
}

// add groups by a field, or by what lies in a JSON field.
func (g *grouping) add(c *schema.Collection, name string) error {
	outer, _, path := strings.Cut(name, "[")
	f := c.Field(outer)
	switch {
	case f == nil && c.DynamicOn, f != nil && f.Type == schema.JSON:
		ref, err := expr.ParsePath(name, c)
		if err != nil {
			return err
		}
		g.JSON, g.Path = true, ref.Path
		// Clients get its text.
		g.fields = append(g.fields, &schema.Field{ID: ref.Field.ID, Name: name, Type: schema.VarChar, Nullable: true})
		g.Fields = append(g.Fields, ref.Field.ID)
		return nil
	case f == nil:
		return merr.FieldNotFound.Text("groupBy field not found in schema: %s[field=%s]", merr.FieldNotFound.Message, name)
	case !reduce.CanGroup(f.Type):
		return merr.ParameterInvalid.Msg("unsupported data type %s for group by operator", engineType(f.Type))
	case path:
		return merr.ParameterInvalid.Msg("group_by_field %s: field %s is not of type JSON", name, outer)
	}
	g.fields, g.Fields = append(g.fields, f), append(g.Fields, f.ID)
	return nil
}

// engineType is the name of a type in messages of Milvus's engine.
func engineType(t schemapb.DataType) string {
	if t == schema.FloatVector {
		return "VECTOR_FLOAT"
	}
	return strings.ToUpper(t.String())
}

// checkGrouping refuses what does not go with groups.
func checkGrouping(p *searchParams) error {
	if p.group == nil {
		return nil
	}
	if p.iterator {
		return merr.InvalidParameter("", "", "Not allowed to do groupBy when doing iteration")
	}
	if _, ok := p.index["radius"]; ok {
		return merr.InvalidParameter("", "", "Not allowed to do range-search when doing search-group-by")
	}
	return nil
}

// mergeGroups merges the groups of several shards, or cuts the first ones off.
func mergeGroups(parts []*role.SearchResult, r *role.SearchRequest, p *searchParams) *role.SearchResult {
	hits := make([]reduce.Grouped, len(parts))
	for i, of := range hitsOf(parts) {
		columns := make([]*column.Column, len(r.Group.Fields))
		for j, id := range r.Group.Fields {
			columns[j] = parts[i].Groups.Column(id)
		}
		hits[i] = reduce.Grouped{Hits: of, Groups: reduce.GroupKeys(columns, len(of.Scores))}
	}
	return gather(parts, r, reduce.Groups(hits, r.NQ, p.offset, p.topK, r.Group.Size, similarity(r.Metric)))
}

// setGroups puts the groups' values into an answer: of one field where clients
// of every version look for them, of several in their list.
func (g *grouping) setGroups(data *schemapb.SearchResultData, values *column.Batch) {
	if g == nil {
		return
	}
	for _, f := range g.fields {
		c := values.Column(f.ID)
		if c == nil {
			c = column.New(f)
		}
		data.GroupByFieldValues = append(data.GroupByFieldValues, c.ToFieldData(f))
	}
	if len(g.fields) == 1 {
		data.GroupByFieldValue, data.GroupByFieldValues = data.GroupByFieldValues[0], nil
	}
}
