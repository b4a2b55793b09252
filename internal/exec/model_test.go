package exec

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand"
	"strings"

	"github.com/redkite-db/redkite/internal/expr"
)

// The model: filters are drawn together with a function that says, from the
// values of one row, what they are. It shares nothing with the parser or the
// evaluator but the numbers of truth.

// pred is a filter and its meaning.
type pred struct {
	text string
	of   func(r row) truth
}

func negate(v truth) truth {
	switch v {
	case isTrue:
		return isFalse
	case isFalse:
		return isTrue
	}
	return unknown
}

func conjunction(a, b truth) truth {
	switch {
	case a == isFalse || b == isFalse:
		return isFalse
	case a == unknown || b == unknown:
		return unknown
	}
	return isTrue
}

func notPred(p pred) pred {
	return pred{"not (" + p.text + ")", func(r row) truth { return negate(p.of(r)) }}
}

func andPred(a, b pred) pred {
	return pred{"(" + a.text + " and " + b.text + ")", func(r row) truth { return conjunction(a.of(r), b.of(r)) }}
}

func orPred(a, b pred) pred {
	return pred{"(" + a.text + " || " + b.text + ")", func(r row) truth {
		return negate(conjunction(negate(a.of(r)), negate(b.of(r))))
	}}
}

// model draws rows and filters.
type model struct{ *rand.Rand }

func pick[T any](m model, from ...T) T { return from[m.Intn(len(from))] }

var (
	modelInts    = []int64{-3, -1, 0, 1, 2, 3, 5}
	modelFloats  = []float64{-1.5, math.Copysign(0, -1), 0.1, 1, 2, 2.5}
	modelStrings = []string{"", "a", "ab", "b", "é", "a%"}
)

// scalar draws a value of one of the kinds; ints, floats and strings come from
// a few, so that they meet.
func (m model) scalar(kind string) any {
	switch kind {
	case "int":
		return pick(m, modelInts...)
	case "float":
		return pick(m, modelFloats...)
	case "string":
		return pick(m, modelStrings...)
	}
	return m.Intn(2) == 0
}

var fieldKinds = map[string]string{"b": "bool", "i8": "int", "i32": "int", "i64": "int", "f": "float", "d": "float", "s": "string", "t": "string"}

var arrayKinds = map[string]string{"ints": "int", "longs": "int", "floats": "float", "doubles": "float", "strs": "string", "bools": "bool"}

func (m model) row() row {
	r := row{}
	for name, kind := range fieldKinds {
		if m.Intn(4) > 0 {
			r[name] = m.scalar(kind)
		}
	}
	for name, kind := range arrayKinds {
		if m.Intn(4) > 0 {
			items := make([]any, m.Intn(4))
			for i := range items {
				items[i] = m.scalar(kind)
			}
			r[name] = items
		}
	}
	if m.Intn(5) > 0 {
		text, err := json.Marshal(m.document(2))
		if err != nil {
			panic(err)
		}
		r["j"] = json.RawMessage(text)
	}
	return r
}

// document draws a JSON value with keys a, b, c.
func (m model) document(depth int) any {
	if depth > 0 {
		switch m.Intn(3) {
		case 0:
			list := make([]any, m.Intn(3))
			for i := range list {
				list[i] = m.document(depth - 1)
			}
			return list
		case 1:
			object := map[string]any{}
			for _, key := range []string{"a", "b", "c"} {
				if m.Intn(3) > 0 {
					object[key] = m.document(depth - 1)
				}
			}
			return object
		}
	}
	if m.Intn(6) == 0 {
		return nil
	}
	return m.scalar(pick(m, "bool", "int", "float", "string"))
}

func literalOf(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = literalOf(v[i])
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case float64:
		return expr.FloatValue(v).String()
	}
	return fmt.Sprint(v)
}

// compareValues returns the order of two scalars; ok is false if their kinds
// do not compare.
func compareValues(a, b any) (d int, ok bool) {
	number := func(v any) (float64, bool) {
		switch v := v.(type) {
		case int64:
			return float64(v), true
		case float64:
			return v, true
		}
		return 0, false
	}
	switch a := a.(type) {
	case string:
		b, ok := b.(string)
		return strings.Compare(a, b), ok
	case bool:
		b, ok := b.(bool)
		return int(bit(a)) - int(bit(b)), ok
	}
	x, okX := number(a)
	y, okY := number(b)
	switch {
	case x < y:
		d = -1
	case x > y:
		d = 1
	}
	return d, okX && okY
}

var opNames = []string{"==", "!=", "<", "<=", ">", ">="}

func applies(op string, d int) bool {
	return map[string]bool{"==": d == 0, "!=": d != 0, "<": d < 0, "<=": d <= 0, ">": d > 0, ">=": d >= 0}[op]
}

// source is something that a filter reads: its text, what kind of constant
// suits it, and its value in a row, nil if there is none.
type source struct {
	text string
	kind string
	of   func(r row) any
}

func (m model) source() source {
	switch m.Intn(3) {
	case 0:
		name := pick(m, "ints", "longs", "floats", "doubles", "strs", "bools")
		index := m.Intn(3)
		return source{fmt.Sprintf("%s[%d]", name, index), arrayKinds[name], func(r row) any {
			items, _ := r[name].([]any)
			if index >= len(items) {
				return nil
			}
			return rounded(name, items[index])
		}}
	case 1:
		path, of := m.path()
		return source{path, pick(m, "bool", "int", "float", "string"), of}
	}
	name := pick(m, "b", "i8", "i32", "i64", "f", "d", "s", "t")
	return source{name, fieldKinds[name], func(r row) any { return rounded(name, r[name]) }}
}

// rounded returns a value as the field stores it.
func rounded(name string, v any) any {
	if f, ok := v.(float64); ok && (name == "f" || name == "floats") {
		return float64(float32(f))
	}
	return v
}

// constantFor returns the constant as a comparison with the source sees it.
func constantFor(s source, v any) any { return rounded(strings.Split(s.text, "[")[0], v) }

// path draws a JSON path and the function that follows it.
func (m model) path() (string, func(r row) any) {
	var keys []string
	text := "j"
	for range m.Intn(3) {
		key := pick(m, "a", "b", "c", "0", "1")
		keys = append(keys, key)
		if m.Intn(2) == 0 && (key == "0" || key == "1") {
			text += "[" + key + "]"
		} else {
			text += fmt.Sprintf("[%q]", key)
		}
	}
	return text, func(r row) any {
		raw, ok := r["j"].(json.RawMessage)
		if !ok {
			return nil
		}
		v := decodeJSON(raw)
		for _, key := range keys {
			switch c := v.(type) {
			case map[string]any:
				v = c[key]
			case []any:
				if i := int(key[0] - '0'); key < ":" && i < len(c) {
					v = c[i]
				} else {
					v = nil
				}
			default:
				return nil
			}
		}
		return v
	}
}

// decodeJSON decodes with whole numbers as int64.
func decodeJSON(raw []byte) any {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		panic(err)
	}
	return withInts(v)
}

func withInts(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		f, err := v.Float64()
		if err != nil {
			panic(err)
		}
		return f
	case []any:
		for i := range v {
			v[i] = withInts(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = withInts(v[k])
		}
	}
	return v
}

// leaf draws a predicate without and, or, not.
func (m model) leaf() pred {
	switch m.Intn(9) {
	case 0:
		return m.nullTest()
	case 1:
		return m.listTest()
	case 2:
		return m.membership()
	case 3:
		return m.textTest()
	case 4:
		return m.arithTest()
	case 5:
		return m.rangeTest()
	}
	s := m.source()
	op, c := pick(m, opNames...), m.scalar(s.kind)
	want := constantFor(s, c)
	return pred{s.text + " " + op + " " + literalOf(c), func(r row) truth {
		d, ok := compareValues(s.of(r), want)
		if !ok {
			return unknown
		}
		return truthOf(applies(op, d))
	}}
}

func (m model) nullTest() pred {
	if m.Intn(3) == 0 {
		text, of := m.path()
		if text == "j" {
			text, of = `j["a"]`, nil
		}
		if of != nil {
			return pred{"exists " + text, func(r row) truth { return truthOf(content(of(r))) }}
		}
	}
	name := pick(m, "b", "i8", "f", "s", "j", "ints", "strs")
	return pred{name + " is null", func(r row) truth { return truthOf(r[name] == nil) }}
}

// content reports whether there is anything but null in a JSON value.
func content(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case []any:
		for _, e := range v {
			if content(e) {
				return true
			}
		}
		return false
	case map[string]any:
		for _, e := range v {
			if content(e) {
				return true
			}
		}
		return false
	}
	return true
}

// listTest draws a test of lengths or contents of a list.
func (m model) listTest() pred {
	name := pick(m, "ints", "longs", "floats", "doubles", "strs", "bools")
	kind := arrayKinds[name]
	of := func(r row) any { return r[name] }
	if m.Intn(2) == 0 {
		name, of = m.path()
		kind = pick(m, "int", "string", "bool", "float")
	}
	wanted := make([]any, 1+m.Intn(3))
	for i := range wanted {
		wanted[i] = m.scalar(kind)
	}
	onList := func(test func(items []any) bool) func(r row) truth {
		return func(r row) truth {
			items, ok := of(r).([]any)
			if !ok {
				return unknown
			}
			return truthOf(test(items))
		}
	}
	has := func(items []any, v any) bool {
		for _, e := range items {
			if d, ok := compareValues(rounded(name, e), rounded(name, v)); ok && d == 0 {
				return true
			}
		}
		return false
	}
	switch m.Intn(5) {
	case 0:
		n, op := int64(m.Intn(4)), pick(m, opNames...)
		return pred{fmt.Sprintf("array_length(%s) %s %d", name, op, n), onList(func(items []any) bool {
			return applies(op, len(items)-int(n))
		})}
	case 1:
		return pred{fmt.Sprintf("array_contains_all(%s, %s)", name, literalOf(wanted)), onList(func(items []any) bool {
			for _, v := range wanted {
				if !has(items, v) {
					return false
				}
			}
			return true
		})}
	case 2:
		return pred{fmt.Sprintf("json_contains_any(%s, %s)", name, literalOf(wanted)), onList(func(items []any) bool {
			for _, v := range wanted {
				if has(items, v) {
					return true
				}
			}
			return false
		})}
	case 3:
		return pred{fmt.Sprintf("%s == %s", name, literalOf(wanted)), onList(func(items []any) bool {
			return sameLists(name, items, wanted)
		})}
	}
	return pred{fmt.Sprintf("array_contains(%s, %s)", name, literalOf(wanted[0])), onList(func(items []any) bool {
		return has(items, wanted[0])
	})}
}

// sameLists compares element by element; in JSON an integer is not 1.0.
func sameLists(name string, items, wanted []any) bool {
	if len(items) != len(wanted) {
		return false
	}
	for i, v := range wanted {
		d, ok := compareValues(rounded(name, items[i]), rounded(name, v))
		_, wantInt := v.(int64)
		_, isFloat := items[i].(float64)
		if !ok || d != 0 || wantInt && isFloat {
			return false
		}
	}
	return true
}

func (m model) membership() pred {
	s := m.source()
	values := make([]any, m.Intn(6))
	for i := range values {
		values[i] = m.scalar(s.kind)
	}
	op := pick(m, "in", "not in")
	return pred{fmt.Sprintf("%s %s %s", s.text, op, literalOf(values)), func(r row) truth {
		v := s.of(r)
		if _, ok := compareValues(v, constantFor(s, m.sample(s.kind))); !ok && (len(values) > 0 || v == nil) {
			return unknown
		}
		found := false
		for _, c := range values {
			if d, ok := compareValues(v, constantFor(s, c)); ok && d == 0 {
				found = true
			}
		}
		return truthOf(found == (op == "in"))
	}}
}

// sample returns some value of the kind, always the same.
func (m model) sample(kind string) any {
	return map[string]any{"int": int64(0), "float": 0.0, "string": "", "bool": false}[kind]
}

func (m model) textTest() pred {
	s := m.source()
	for s.kind != "string" {
		s = m.source()
	}
	onText := func(test func(string) bool) func(r row) truth {
		return func(r row) truth {
			v, ok := s.of(r).(string)
			if !ok {
				return unknown
			}
			return truthOf(test(v))
		}
	}
	a := pick(m, modelStrings...)
	switch m.Intn(4) {
	case 0:
		return pred{s.text + ` like "` + strings.ReplaceAll(a, "%", `\\%`) + `%"`, onText(func(v string) bool { return strings.HasPrefix(v, a) })}
	case 1:
		return pred{s.text + ` like "%` + strings.ReplaceAll(a, "%", `\%`) + `"`, onText(func(v string) bool { return strings.HasSuffix(v, a) })}
	case 2:
		return pred{s.text + ` like "_"`, onText(func(v string) bool { return len([]rune(v)) == 1 })}
	}
	return pred{s.text + ` !~ "` + a + `"`, onText(func(v string) bool { return !strings.Contains(v, a) })}
}

// arithTest draws (x op c) cmp k over integers; JSON doubles compute as such.
func (m model) arithTest() pred {
	s := m.source()
	for s.kind != "int" {
		s = m.source()
	}
	op, c := pick(m, "+", "-", "*"), pick(m, modelInts...)
	by, k := pick(m, opNames...), pick(m, modelInts...)
	compute := func(x float64) float64 {
		switch op {
		case "+":
			return x + float64(c)
		case "-":
			return x - float64(c)
		}
		return x * float64(c)
	}
	return pred{fmt.Sprintf("(%s %s %d) %s %d", s.text, op, c, by, k), func(r row) truth {
		var x float64
		switch v := s.of(r).(type) {
		case int64:
			x = float64(v)
		case float64:
			x = v
		default:
			return unknown
		}
		d, _ := compareValues(compute(x), k)
		return truthOf(applies(by, d))
	}}
}

// rangeTest draws two bounds of one value, or a comparison of two fields.
func (m model) rangeTest() pred {
	if m.Intn(3) == 0 {
		kind := pick(m, []string{"i8", "i32", "i64", "f", "d", "ints[0]", "doubles[1]"}, []string{"s", "t", "strs[0]"}, []string{"b", "bools[1]"})
		left, right, op := pick(m, kind...), pick(m, kind...), pick(m, opNames...)
		of := func(r row, text string) any {
			name, index, ok := strings.Cut(text, "[")
			if !ok {
				return rounded(name, r[name])
			}
			items, _ := r[name].([]any)
			if i := int(index[0] - '0'); i < len(items) {
				return rounded(name, items[i])
			}
			return nil
		}
		return pred{left + " " + op + " " + right, func(r row) truth {
			d, ok := compareValues(of(r, left), of(r, right))
			if !ok {
				return unknown
			}
			return truthOf(applies(op, d))
		}}
	}
	s := m.source()
	for s.kind == "bool" {
		s = m.source()
	}
	a, b := m.scalar(s.kind), m.scalar(s.kind)
	op1, op2 := pick(m, ">", ">="), pick(m, "<", "<=")
	bound := func(op string, c any) pred {
		return pred{s.text + " " + op + " " + literalOf(c), func(r row) truth {
			d, ok := compareValues(s.of(r), constantFor(s, c))
			if !ok {
				return unknown
			}
			return truthOf(applies(op, d))
		}}
	}
	return andPred(bound(op1, a), bound(op2, b))
}

func (m model) pred(depth int) pred {
	if depth == 0 {
		return m.leaf()
	}
	switch m.Intn(4) {
	case 0:
		return notPred(m.pred(depth - 1))
	case 1:
		return andPred(m.pred(depth-1), m.pred(depth-1))
	case 2:
		return orPred(m.pred(depth-1), m.pred(depth-1))
	}
	return m.leaf()
}
