package expr

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/schema"
)

func TestParsePath(t *testing.T) {
	c := &schema.Collection{Fields: []*schema.Field{
		{ID: 100, Name: "id", Type: schema.Int64, PrimaryKey: true}, {ID: 101, Name: "j", Type: schema.JSON}, {ID: 102, Name: "$meta", Type: schema.JSON, Dynamic: true},
	}}
	for _, test := range []struct {
		text  string
		field string
		path  []string
	}{
		{"j", "j", nil},
		{"j['a'][\"b\"][0]", "j", []string{"a", "b", "0"}},
		{"my_json['a/b']", "$meta", []string{"my_json", "a/b"}},
		{"$meta['k']", "$meta", []string{"k"}},
		{"id", "id", nil},
	} {
		r, err := ParsePath(test.text, c)
		require.NoError(t, err, test.text)
		require.Equal(t, test.field, r.Field.Name, test.text)
		require.Equal(t, test.path, r.Path, test.text)
	}
	for _, text := range []string{"", "/", "1", "1.0", "j['a'", "j == 1", "id['a']", "'j'", "\xff"} {
		_, err := ParsePath(text, c)
		require.ErrorContains(t, err, "cannot parse identifier: "+text, text)
	}
}

func TestLiterals(t *testing.T) {
	for pattern, want := range map[string][]string{
		"%": nil, "": nil, "abc": {"abc"}, "a%b_c": {"a", "b", "c"}, `%\%x\_%`: {"%x_"}, "__": nil, "é%とん": {"é", "とん"},
	} {
		p, err := NewPattern(pattern)
		require.NoError(t, err)
		var got []string
		for _, text := range p.Literals() {
			got = append(got, string(text))
		}
		require.Equal(t, want, got, pattern)
	}
}
