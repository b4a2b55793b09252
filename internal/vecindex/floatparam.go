package vecindex

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// MaxFloat is the largest value of a float parameter.
const MaxFloat = math.MaxFloat32

// Float returns the build parameter key, a number in [low, high], or below high
// if open, and whether it is given. What follows the number is passed over.
func (p Params) Float(key string, low, high float64, open bool) (float64, bool, error) {
	text, ok := p[key]
	if !ok {
		return 0, false, nil
	}
	v, ok := leadingFloat(text)
	if !ok {
		return 0, true, ParamError(fmt.Sprintf("invalid float value, key: '%s', value: '%s'", key, text))
	}
	return v, true, inRange(key, floatText(v), v, low, high, open)
}

// leadingFloat reads the number at the start of a string.
func leadingFloat(s string) (float64, bool) {
	const longest = 400 // digits of a number
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	end := 0
	for end < min(len(s), longest) && strings.IndexByte("0123456789+-.eE", s[end]) >= 0 {
		end++
	}
	for ; end > 0; end-- {
		if v, err := strconv.ParseFloat(s[:end], 64); err == nil || math.IsInf(v, 0) {
			return v, true
		}
	}
	return 0, false
}

// floatText is a float as C++ writes JSON.
func floatText(v float64) string {
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// inRange says that a value is not in [low, high], or in [low, high) if open.
func inRange(key, text string, v, low, high float64, open bool) error {
	end := "]"
	if open {
		end = ")"
	}
	if v >= low && (v < high || v == high && !open) {
		return nil
	}
	return ParamError(fmt.Sprintf("Out of range in json: param '%s' (%s) should be in range [%f, %f%s", key, text, low, high, end))
}

// SearchFloat returns the search parameter key of decoded JSON, a number in
// [low, high], and whether it is given. Numbers in strings are accepted.
func SearchFloat(p map[string]any, key string, low, high float64) (float64, bool, error) {
	return searchFloat(p, key, low, high, false)
}

// SearchFloatBelow is SearchFloat for a number in [low, high).
func SearchFloatBelow(p map[string]any, key string, low, high float64) (float64, bool, error) {
	return searchFloat(p, key, low, high, true)
}

func searchFloat(p map[string]any, key string, low, high float64, open bool) (float64, bool, error) {
	x, ok := p[key]
	if !ok {
		return 0, false, nil
	}
	var v float64
	var err error
	text := fmt.Sprint(x)
	switch x := x.(type) {
	case string:
		v, err = strconv.ParseFloat(strings.TrimSpace(x), 64)
		if err != nil {
			return 0, true, ParamError(fmt.Sprintf("invalid float value, key: '%s', value: '%s'", key, x))
		}
	case json.Number:
		v, err = x.Float64()
	case float64:
		v, text = x, floatText(x)
	case int:
		v = float64(x)
	case int64:
		v = float64(x)
	default:
		if b, err := json.Marshal(x); err == nil {
			text = string(b)
		}
		return 0, true, ParamError(fmt.Sprintf("Type conflict in json: param '%s' (%s) should be a number", key, text))
	}
	if err != nil {
		v = math.NaN() // too large for a float
	}
	if err := inRange(key, text, v, low, high, open); err != nil {
		return 0, true, err
	}
	return v, true, nil
}
