package configs

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseSize parses a number of bytes: an integer with an optional suffix of B,
// K, M, G, T (of 1024, in either case, with "B" or "iB" behind). It fails for
// negative and for too large numbers.
func ParseSize(text string) (int64, error) { return parseSize(text, 1) }

// parseSize parses a size; a number without a suffix counts unit bytes.
func parseSize(text string, unit int64) (int64, error) {
	digits := strings.TrimRight(strings.TrimSpace(text), "bBiIkKmMgGtT ")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is not a size", text)
	}
	switch strings.ToLower(strings.TrimSpace(strings.TrimSpace(text)[len(digits):])) {
	case "":
	case "b":
		unit = 1
	case "k", "kb", "kib":
		unit = 1 << 10
	case "m", "mb", "mib":
		unit = 1 << 20
	case "g", "gb", "gib":
		unit = 1 << 30
	case "t", "tb", "tib":
		unit = 1 << 40
	default:
		return 0, fmt.Errorf("%q is not a size", text)
	}
	if n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%q is too large", text)
	}
	return n * unit, nil
}

// formatSize writes a size with the largest suffix that divides it.
func formatSize(n int64) string {
	for _, s := range []struct {
		unit int64
		name string
	}{{1 << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n != 0 && n%s.unit == 0 {
			return strconv.FormatInt(n/s.unit, 10) + s.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// parseDuration parses a duration: a number that counts unit, or a number and
// a unit as in "90s", "1h30m", "250ms".
func parseDuration(text string, unit time.Duration) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		if d := n * float64(unit); d >= 0 && d < math.MaxInt64 {
			return time.Duration(d), nil
		}
		return 0, fmt.Errorf("%q is out of range", text)
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a duration", text)
	}
	return d, nil
}

// formatDuration writes a duration without the zero parts of the standard
// form: 1h rather than 1h0m0s.
func formatDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// parseBool parses the spellings that Milvus takes for a boolean.
func parseBool(text string) (bool, error) {
	return strconv.ParseBool(strings.ToLower(strings.TrimSpace(text)))
}

// kind is the type of an accepted key's values.
type kind string

// The kinds of keys.tsv. secret is text that is never shown; group stands for
// all keys below a prefix; alias is another name of a key.
const (
	kindBool     kind = "bool"
	kindInt      kind = "int"
	kindFloat    kind = "float"
	kindSize     kind = "size"
	kindDuration kind = "duration"
	kindString   kind = "string"
	kindSecret   kind = "secret"
	kindGroup    kind = "group"
	kindAlias    kind = "alias"
)

// same reports whether two texts are one value of the kind: 1 and 1.0, true
// and True, 64m and 67108864.
func (k kind) same(a, b string) bool {
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	if a == b {
		return true
	}
	switch k {
	case kindBool:
		x, err := parseBool(a)
		y, err2 := parseBool(b)
		return err == nil && err2 == nil && x == y
	case kindInt, kindFloat:
		x, err := strconv.ParseFloat(a, 64)
		y, err2 := strconv.ParseFloat(b, 64)
		return err == nil && err2 == nil && x == y
	case kindSize:
		x, err := parseSize(a, 1)
		y, err2 := parseSize(b, 1)
		return err == nil && err2 == nil && x == y
	case kindDuration:
		x, err := parseDuration(a, time.Second)
		y, err2 := parseDuration(b, time.Second)
		return err == nil && err2 == nil && x == y
	default:
		return false
	}
}
