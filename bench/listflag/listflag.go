// Package listflag has flags that are lists of numbers, with commas between.
package listflag

import (
	"fmt"
	"strings"
)

// Of is the value of such a flag; what it has before is the default.
type Of[T int | float64] []T

// String implements flag.Value.
func (l *Of[T]) String() string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint([]T(*l)), "[]"), " ", ",")
}

// Set implements flag.Value.
func (l *Of[T]) Set(text string) error {
	*l = nil
	for s := range strings.SplitSeq(text, ",") {
		var n T
		var rest string
		if got, _ := fmt.Sscan(s, &n, &rest); got != 1 {
			return fmt.Errorf("%q is not one number", s)
		}
		*l = append(*l, n)
	}
	return nil
}
