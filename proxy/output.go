package proxy

import (
	"regexp"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/schema"
)

// output is what a read's output_fields ask for.
type output struct {
	fields []*schema.Field // to return, each once; the primary key only if asked for by name or *
	names  []string        // as asked for, each once
	keys   []string        // of the dynamic field; none: the whole of it
	count  string          // the text of count(*), if it was asked for
}

// aggregate recognises the functions that Milvus computes in a query.
type aggregates struct{ pattern *regexp.Regexp }

// newAggregates compiles the form name(field).
func newAggregates() aggregates {
	return aggregates{regexp.MustCompile(`(?i)^(sum|count|avg|min|max)\s*\(\s*([\w\*]*)\s*\)$`)}
}

// match returns the function and its argument.
func (a aggregates) match(name string) (function, argument string, ok bool) {
	if !strings.HasSuffix(name, ")") {
		return "", "", false
	}
	m := a.pattern.FindStringSubmatch(name)
	if m == nil {
		return "", "", false
	}
	return strings.ToLower(m[1]), m[2], true
}

// output resolves output_fields against a collection.
func (s *Server) output(c *schema.Collection, names []string) (*output, error) {
	o := &output{}
	whole := false
	for _, name := range names {
		name = strings.TrimSpace(name)
		if name == "*" {
			for _, f := range c.Fields {
				o.add(f, f.Name)
			}
			whole = true
			continue
		}
		if function, argument, ok := s.aggregates.match(name); ok {
			if err := checkAggregate(c, name, function, argument); err != nil {
				return nil, err
			}
			o.count = name
			o.name(name)
			continue
		}
		if f := c.Field(name); f != nil {
			o.add(f, name)
			whole = whole || f.Dynamic
			continue
		}
		if !c.DynamicOn {
			return nil, merr.ParameterInvalid.Msg("field %s not exist", name)
		}
		key, ok := dynamicKey(name)
		if !ok {
			return nil, merr.ParameterInvalid.Msg("parse output field name failed: %s", name)
		}
		o.add(c.DynamicField(), name)
		if !slices.Contains(o.keys, key) {
			o.keys = append(o.keys, key)
		}
	}
	if whole {
		o.keys = nil
	}
	return o, nil
}

func (o *output) add(f *schema.Field, name string) {
	if !slices.Contains(o.fields, f) {
		o.fields = append(o.fields, f)
	}
	o.name(name)
}

func (o *output) name(name string) {
	if !slices.Contains(o.names, name) {
		o.names = append(o.names, name)
	}
}

// checkAggregate accepts count(*) and refuses the others, those that cannot be
// with Milvus's words.
func checkAggregate(c *schema.Collection, text, function, argument string) error {
	switch {
	case argument == "*" && function == "count":
		return nil
	case argument == "*":
		return merr.ParameterInvalid.Msg("%s(*) is not supported, only count(*) is allowed", function)
	}
	f := c.Field(argument)
	if f == nil {
		return merr.ParameterInvalid.Msg("target field %s for aggregation:%s does not exist", argument, function)
	}
	if function == "sum" || function == "avg" {
		switch f.Type {
		case schema.Int8, schema.Int16, schema.Int32, schema.Int64, schema.Float, schema.Double:
		default:
			return merr.ParameterInvalid.Msg("aggregation operator %s does not support data type %s", function, f.Type)
		}
	}
	return merr.NotSupported("the aggregation %s", text)
}

// dynamicKey reads the name of a dynamic key: key, or $meta["key"].
func dynamicKey(name string) (string, bool) {
	if rest, ok := strings.CutPrefix(name, schema.DynamicName); ok {
		rest = strings.TrimSpace(rest)
		if len(rest) < 4 || rest[0] != '[' || rest[len(rest)-1] != ']' {
			return "", false
		}
		key := strings.TrimSpace(rest[1 : len(rest)-1])
		if len(key) < 3 || key[0] != '"' && key[0] != '\'' || key[len(key)-1] != key[0] {
			return "", false
		}
		key = key[1 : len(key)-1]
		return key, !strings.ContainsAny(key, `"'\`)
	}
	for i, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return "", false
		}
	}
	return name, name != ""
}

// ids lists the fields to fetch: the primary key always comes along.
func (o *output) ids() []base.ID {
	var out []base.ID
	for _, f := range o.fields {
		if !f.PrimaryKey {
			out = append(out, f.ID)
		}
	}
	return out
}

// hasKey reports whether the primary key is asked for by name.
func (o *output) hasKey() bool {
	return slices.ContainsFunc(o.fields, func(f *schema.Field) bool { return f.PrimaryKey })
}

// data returns the fields as clients read them.
func (o *output) data(rows *column.Batch, keys *column.Column) []*schemapb.FieldData {
	out := make([]*schemapb.FieldData, 0, len(o.fields)+1)
	for _, f := range o.fields {
		c := keys
		if !f.PrimaryKey {
			c = nil
			if rows != nil {
				c = rows.Column(f.ID)
			}
		}
		if c == nil {
			c = column.New(f)
		}
		if f.Dynamic && len(o.keys) > 0 {
			c = c.SelectKeys(o.keys)
		}
		out = append(out, c.ToFieldData(f))
	}
	return out
}
