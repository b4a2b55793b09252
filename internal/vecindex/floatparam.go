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

// SearchFloat returns the search parameter key of decoded JSON, a number in
// [low, high], and whether it is given. Numbers in strings are accepted.
func SearchFloat(p map[string]any, key string, low, high float64) (float64, bool, error) {
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
		v = x
		if text = strconv.FormatFloat(x, 'f', -1, 64); !strings.Contains(text, ".") {
			text += ".0" // a float, as C++ writes JSON
		}
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
	if err != nil || !(v >= low && v <= high) {
		return 0, true, ParamError(fmt.Sprintf("Out of range in json: param '%s' (%s) should be in range [%f, %f]", key, text, low, high))
	}
	return v, true, nil
}
