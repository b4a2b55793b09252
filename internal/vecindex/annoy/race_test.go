//go:build race

package annoy_test

const raceEnabled = true
