package proxy

import (
	"slices"
	"strconv"
	"strings"

	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/scalarindex"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// scalarIndex completes the description of an index on a scalar field, or on
// what the name means in the dynamic one. What a type cannot be built on is
// told as Milvus tells it.
func scalarIndex(info *role.CollectionInfo, name string, f *schema.Field, x *schema.Index, p vecindex.Params) error {
	x.UserType = p[indexTypeKey]
	if err := checkIndexType(x.UserType, p); err != nil {
		return err
	}
	if f.Type == schema.JSON {
		if err := checkJSONIndex(x.UserType, p); err != nil {
			return err
		}
	}
	x.Params = map[string]string{}
	switch x.UserType {
	case "", scalarindex.Auto:
		x.Type, x.UserType = scalarindex.Auto, scalarindex.Auto
	case "Asceneding":
		x.Type = scalarindex.Sort
	case "Trie", "marisa-trie":
		x.Type = scalarindex.Trie
	default:
		x.Type = x.UserType
	}
	if x.Type != scalarindex.Auto {
		if err := checkScalarType(f, x.UserType, p); err != nil {
			return merr.InvalidParameter("valid index params", "invalid index params", "%v", err)
		}
	}
	if f.Type == schema.JSON {
		path, ok := p[scalarindex.PathParam]
		if !ok {
			path = name
		}
		ref, err := expr.ParsePath(path, info.Collection)
		if err != nil {
			return err
		}
		if ref.Field.ID != f.ID {
			return merr.ParameterInvalid.Msg("fieldID not match with field name")
		}
		x.Params[scalarindex.PathParam] = scalarindex.Pointer(ref.Path)
		x.Params[scalarindex.CastParam] = castType(p)
	}
	if x.Type == scalarindex.Ngram {
		x.Params[scalarindex.MinGramParam], x.Params[scalarindex.MaxGramParam] = p[scalarindex.MinGramParam], p[scalarindex.MaxGramParam]
	}
	return nil
}

// checkJSONIndex checks the cast of an index on a JSON field.
func checkJSONIndex(name string, p vecindex.Params) error {
	if _, ok := p[scalarindex.CastParam]; !ok {
		return merr.ParameterMissing.Text("json index must specify cast type: missing parameter[missing_param=%s]", scalarindex.CastParam)
	}
	cast := castType(p)
	if !slices.Contains([]string{"BOOL", "DOUBLE", "VARCHAR", "ARRAY_BOOL", "ARRAY_DOUBLE", "ARRAY_VARCHAR", "JSON"}, cast) {
		return merr.ParameterInvalid.Msg("json_cast_type %s is not supported", cast)
	}
	if fn, ok := p["json_cast_function"]; ok {
		switch fn = strings.ToUpper(strings.TrimSpace(fn)); {
		case fn != "STRING_TO_DOUBLE":
			return merr.ParameterInvalid.Msg("json_cast_function %s is not supported", fn)
		case cast != "DOUBLE":
			return merr.ParameterInvalid.Msg("json_cast_function %s is not supported for json_cast_type %s", fn, cast)
		}
	}
	switch {
	case name == "STL_SORT" && cast != "DOUBLE" && cast != "VARCHAR":
		return merr.ParameterInvalid.Msg("json_cast_type %s is not supported for STL_SORT index", cast)
	case name == "BITMAP" && cast != "BOOL" && cast != "VARCHAR":
		return merr.ParameterInvalid.Msg("json_cast_type %s is not supported for BITMAP index", cast)
	}
	return nil
}

// castType returns which values of a JSON field an index is of.
func castType(p vecindex.Params) string {
	return strings.ToUpper(strings.TrimSpace(p[scalarindex.CastParam]))
}

// checkScalarType says why a type of index cannot be on a field.
func checkScalarType(f *schema.Field, name string, p vecindex.Params) error {
	invalid := func(text string) error { return merr.ParameterInvalid.Msg("%s", text) }
	isInt := func(t schema.Type) bool { return t >= schema.Int8 && t <= schema.Int64 }
	numeric := isInt(f.Type) || f.Type == schema.Float || f.Type == schema.Double
	switch name {
	case "INVERTED":
	case "STL_SORT", "Asceneding":
		if !numeric && f.Type != schema.VarChar && f.Type != schema.JSON {
			return merr.ParameterInvalid.Msg("STL_SORT are only supported on numeric, varchar or timestamptz field, got %s", f.Type)
		}
	case "BITMAP":
		switch t := f.Type; {
		case f.PrimaryKey:
			return invalid("create bitmap index on primary key not supported")
		case t == schema.Array && f.Element != schema.Bool && !isInt(f.Element) && f.Element != schema.VarChar:
			return invalid("bitmap index are only supported on bool, int, string for array field")
		case t != schema.Bool && !isInt(t) && t != schema.VarChar && t != schema.Array && t != schema.JSON:
			return invalid("bitmap index are only supported on bool, int, string and array field")
		}
	case "Trie", "TRIE", "marisa-trie":
		if f.Type != schema.VarChar {
			return invalid("TRIE are only supported on varchar field")
		}
	case "NGRAM":
		return checkNgram(f, p)
	case "RTREE":
		return invalid("RTREE index can only be built on geometry field")
	default:
		return merr.ParameterInvalid.Msg("data type %s can't build with this index %s", f.Type, name)
	}
	return nil
}

func checkNgram(f *schema.Field, p vecindex.Params) error {
	if f.Type != schema.VarChar && f.Type != schema.JSON {
		return merr.ParameterInvalid.Msg("Ngram index can only be created on VARCHAR or JSON field")
	}
	if cast := castType(p); f.Type == schema.JSON && cast != "VARCHAR" {
		return merr.ParameterInvalid.Msg("JSON field with ngram index only supports VARCHAR cast type, got: %s", cast)
	}
	low, okLow := p[scalarindex.MinGramParam]
	high, okHigh := p[scalarindex.MaxGramParam]
	if !okLow || !okHigh {
		return merr.ParameterMissing.Msg("Ngram index must specify both min_gram and max_gram")
	}
	a, err := strconv.Atoi(low)
	if err != nil {
		return merr.ParameterInvalid.Msg("min_gram for Ngram index must be an integer, got: %s", low)
	}
	b, err := strconv.Atoi(high)
	if err != nil {
		return merr.ParameterInvalid.Msg("max_gram for Ngram index must be an integer, got: %s", high)
	}
	if a <= 0 || b <= 0 || a > b {
		return merr.ParameterInvalid.Msg("invalid min_gram or max_gram value for Ngram index, min_gram: %d, max_gram: %d", a, b)
	}
	return nil
}
