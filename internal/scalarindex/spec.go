package scalarindex

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/redkite-db/redkite/internal/schema"
)

// The types of scalar indexes that a user may ask for, as schema.Index.Type
// has them. All but Ngram hold the values themselves.
const (
	Auto     = "AUTOINDEX"
	Inverted = "INVERTED"
	Sort     = "STL_SORT"
	Bitmap   = "BITMAP"
	Trie     = "TRIE"
	Ngram    = "NGRAM"
)

// Parameters of schema.Index.Params.
const (
	PathParam    = "json_path"      // of a JSON field: a JSON pointer (RFC 6901)
	CastParam    = "json_cast_type" // of a JSON field: which values are keys
	MinGramParam = "min_gram"       // of Ngram: characters of the shortest pieces
	MaxGramParam = "max_gram"       // of Ngram: characters of the longest pieces
)

// Spec says which keys a row has in an index.
type Spec struct {
	// Type of the keys: the field's, or that of an array's elements; Bool,
	// Double or VarChar of a JSON field, whose other values are no keys.
	Type schema.Type
	// Items makes keys of the elements of an array or JSON list.
	Items bool
	// JSON makes keys of what is found under Path in a JSON field.
	JSON bool
	Path []string
	// Whole makes keys of all scalars under Path, at any depth, each beside its
	// own path. Type is VarChar then, whatever the scalars are.
	Whole bool
	// MinGram and MaxGram, unless 0, make keys of the pieces of these numbers
	// of characters in place of the whole string.
	MinGram, MaxGram int
}

// SpecOf returns what an index on a field that is no vector holds. It returns
// false if the index has no file: filters on a primary key search the rows,
// which ascend by it.
func SpecOf(f *schema.Field, x *schema.Index) (Spec, bool) {
	s := Spec{Type: f.Type}
	switch f.Type {
	case schema.Array:
		s.Type, s.Items = f.Element, true
	case schema.JSON:
		s.JSON, s.Path = true, Keys(x.Params[PathParam])
		cast, items := strings.CutPrefix(x.Params[CastParam], "ARRAY_")
		switch s.Items = items; cast {
		case "BOOL":
			s.Type = schema.Bool
		case "DOUBLE":
			s.Type = schema.Double
		case "VARCHAR":
			s.Type = schema.VarChar
		case "JSON":
			s.Type, s.Whole = schema.VarChar, true
		default:
			return Spec{}, false
		}
	}
	if x.Type == Ngram {
		s.MinGram, _ = strconv.Atoi(x.Params[MinGramParam])
		s.MaxGram, _ = strconv.Atoi(x.Params[MaxGramParam])
		if s.Type != schema.VarChar || s.Items || s.Whole || s.MinGram < 1 || s.MaxGram < s.MinGram {
			return Spec{}, false
		}
	}
	switch s.Type {
	case schema.Bool, schema.Int8, schema.Int16, schema.Int32, schema.Int64, schema.Float, schema.Double, schema.VarChar:
		return s, !f.PrimaryKey
	}
	return Spec{}, false
}

// Strings reports whether the keys are strings; others are numbers.
func (s Spec) Strings() bool { return s.Type == schema.VarChar }

// String returns the spec as a file names it.
func (s Spec) String() string {
	var b strings.Builder
	if s.JSON {
		fmt.Fprintf(&b, "JSON %q ", Pointer(s.Path))
	}
	if s.Items {
		b.WriteString("items of ")
	}
	if s.Whole {
		b.WriteString("with paths")
	} else {
		b.WriteString(s.Type.String())
	}
	if s.MinGram > 0 {
		fmt.Fprintf(&b, " grams of %d to %d", s.MinGram, s.MaxGram)
	}
	return b.String()
}

// Pointer returns a path as a JSON pointer (RFC 6901), "" for the whole value.
func Pointer(path []string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, key := range path {
		b.WriteString("/" + escape.Replace(key))
	}
	return b.String()
}

// Keys returns the path of a JSON pointer.
func Keys(pointer string) []string {
	if pointer == "" {
		return nil
	}
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	path := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i, key := range path {
		path[i] = unescape.Replace(key)
	}
	return path
}
