package expr

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBound(t *testing.T) {
	coll := testCollection(true)
	for _, tc := range []struct{ field, filter, want string }{
		{"id", "id > 5", "[6, ]"},
		{"id", "id >= 5", "[5, ]"},
		{"id", "id < 5", "[, 4]"},
		{"id", "id <= 5", "[, 5]"},
		{"id", "not (id > 5)", "[, 5]"},
		{"id", "id == 5", "[5, 5] of [5]"},
		{"id", "id in [5, 9]", "[5, 9] of [5, 9]"},
		{"id", "id in [5, 9] and id > 6 and s == 'x'", "[7, 9] of [5, 9]"},
		{"id", "id in [5, 9] or id == 1", "[1, 9] of [1, 5, 9]"},
		{"id", "id == 5 or (id == 9 and s == 'x')", "[5, 9] of [5, 9]"},
		{"id", "id > 5 or id < 3", "[, ]"},
		{"id", "id > 5 or (id == 3 and i64 == 1)", "[3, ]"},
		{"id", "id > 5 or i64 == 3", "none"},
		{"id", "id > 5 and i64 == 3", "[6, ]"},
		{"id", "id != 5", "none"},
		{"id", "id not in [1, 2]", "none"},
		{"id", "i64 > 5", "none"},
		{"id", "id > 9223372036854775807", "[9223372036854775807, ]"},
		{"id", "1 < id <= 7 and 3 <= id < 9", "[3, 7]"},
		{"id", "id in []", "[, ] of []"},
		{"id", "false", "[, ] of []"},
		{"id", "true", "none"},
		{"id", "id == 1 or (id in [] and s == 'x')", "[1, 1] of [1]"},
		{"f", "f > 0.1", "[0.10000000149011612, ]"},
		{"f", "f in [0.1, 2]", "[0.10000000149011612, 2.0] of [0.10000000149011612, 2.0]"},
		{"d", "0.5 <= d < 2", "[0.5, 2.0]"},
		{"s", "s >= 'b'", `["b", ]`},
		{"s", "s like 'ab%c'", `["ab", "ac"]`},
		{"s", `s like "\xff\xff%"`, `["\xff\xff", ]`},
		{"s", "s like '%c'", "none"},
		{"s", "s in ['x', 'a'] and s like 'a_'", `["a", "b"] of ["a", "x"]`},
		{"ints", "ints[0] > 5", "none"},
		{"j", "j['a'] > 5", "none"},
		{"b", "b == true", "none"},
	} {
		p := mustParse(t, tc.filter)
		b, ok := p.Bound(coll.Field(tc.field).ID)
		got := "none"
		if ok {
			got = fmt.Sprintf("[%s, %s]", b.Min, b.Max)
			if b.Set != nil {
				got += " of " + ListValue(b.Set.values()).String()
			}
		}
		require.Equal(t, tc.want, got, "%s of %s", tc.field, tc.filter)
	}
}

func TestExcludes(t *testing.T) {
	id, s, f := testCollection(true).Field("id").ID, testCollection(true).Field("s").ID, testCollection(true).Field("f").ID
	for filter, want := range map[string]bool{
		"id > 20": true, "id > 19": false, "id >= 20": false, "id < 10": true, "id <= 10": false,
		"id in [1, 9, 21]": true, "id in [1, 10]": false, "id in [1, 20, 30]": false, "id in [1, 15, 30]": false, "id in []": true,
		"id > 5 and id < 8": true, "id == 15 and i64 == 3": false,
	} {
		b, ok := mustParse(t, filter).Bound(id)
		require.True(t, ok)
		require.Equal(t, want, b.Excludes(IntValue(10), IntValue(20)), filter)
	}
	for filter, want := range map[string]bool{"s == 'c'": false, "s == 'a'": true, "s like 'bb%'": false, "s like 'e%'": true, "s in ['a', 'z']": true} {
		b, ok := mustParse(t, filter).Bound(s)
		require.True(t, ok)
		require.Equal(t, want, b.Excludes(StringValue("b"), StringValue("d")), filter)
	}
	b, ok := mustParse(t, "f in [0.1, 5]").Bound(f)
	require.True(t, ok)
	require.False(t, b.Excludes(FloatValue(float64(float32(0.1))), FloatValue(1)))
	require.True(t, b.Excludes(FloatValue(0.2), FloatValue(1)))
}
