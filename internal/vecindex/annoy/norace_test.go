//go:build !race

package annoy_test

const raceEnabled = false
