package vecindex

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Params are build parameters as the client gave them: strings on the wire,
// the "params" JSON object flattened into them.
type Params map[string]string

// ParamError says that a parameter is not acceptable, in Milvus's words; the
// server gives it code 1100.
type ParamError string

func (e ParamError) Error() string { return string(e) }

// MaxInt is the largest value of an integer parameter.
const MaxInt = math.MaxInt32

// Int returns the build parameter key, a decimal number in [low, high], or def
// when it is not given.
func (p Params) Int(key string, def, low, high int) (int, error) {
	s, ok := p[key]
	if !ok {
		return def, nil
	}
	v, err := parseInt(key, s)
	if err != nil {
		return 0, err
	}
	return checkRange(key, v, low, high)
}

// Bool returns the build parameter key, or def when it is not given.
func (p Params) Bool(key string, def bool) (bool, error) {
	switch s, ok := p[key]; {
	case !ok:
		return def, nil
	case s == "true" || s == "True" || s == "TRUE":
		return true, nil
	case s == "false" || s == "False" || s == "FALSE":
		return false, nil
	default:
		return false, ParamError(fmt.Sprintf("Type conflict in json: param '%s' (%q) should be a boolean", key, s))
	}
}

// SearchInt returns the search parameter key of decoded JSON, an integer in
// [low, high], and whether it is given. Numbers in strings are accepted.
func SearchInt(p map[string]any, key string, low, high int) (int, bool, error) {
	x, ok := p[key]
	if !ok {
		return 0, false, nil
	}
	var v int64
	var err error
	switch x := x.(type) {
	case string:
		v, err = parseInt(key, x)
	case json.Number:
		v, err = jsonInt(key, x.String())
	case float64:
		v, err = jsonInt(key, strconv.FormatFloat(x, 'f', -1, 64))
	case int:
		v = int64(x)
	case int64:
		v = x
	default:
		err = notInteger(key, x)
	}
	if err != nil {
		return 0, true, err
	}
	n, err := checkRange(key, v, low, high)
	return n, true, err
}

// parseInt reads an integer in a string: a number followed by anything else is
// of a wrong type, no number at all is an invalid value.
func parseInt(key, s string) (int64, error) {
	t := strings.TrimLeft(s, " \t\n\v\f\r")
	end := 0
	for end < len(t) && (t[end] >= '0' && t[end] <= '9' || end == 0 && (t[0] == '-' || t[0] == '+')) {
		end++
	}
	v, err := strconv.ParseInt(t[:end], 10, 64)
	switch {
	case err != nil && strings.Trim(t[:end], "+-") != "":
		return 0, ParamError(fmt.Sprintf("integer value out of range, key: '%s', value: '%s'", key, s))
	case err != nil:
		return 0, ParamError(fmt.Sprintf("invalid integer value, key: '%s', value: '%s'", key, s))
	case end != len(t):
		return 0, ParamError(fmt.Sprintf("wrong data type in json, key: '%s', value: '%s'", key, s))
	}
	return v, nil
}

// jsonInt reads an integer written as a JSON number.
func jsonInt(key, s string) (int64, error) {
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		return v, nil
	}
	if strings.ContainsAny(s, ".eE") {
		return 0, notInteger(key, json.Number(s))
	}
	return 0, overflow(key, s)
}

func checkRange(key string, v int64, low, high int) (int, error) {
	if v > MaxInt {
		return 0, overflow(key, strconv.FormatInt(v, 10))
	}
	if v < int64(low) || v > int64(high) {
		return 0, ParamError(fmt.Sprintf("Out of range in json: param '%s' (%d) should be in range [%d, %d]", key, v, low, high))
	}
	return int(v), nil
}

func overflow(key, v string) error {
	return ParamError(fmt.Sprintf("Arithmetic overflow: param '%s' (%s) should not bigger than %d", key, v, MaxInt))
}

func notInteger(key string, x any) error {
	text, err := json.Marshal(x)
	if err != nil {
		text = fmt.Append(nil, x)
	}
	return ParamError(fmt.Sprintf("Type conflict in json: param '%s' (%s) should be integer", key, text))
}
