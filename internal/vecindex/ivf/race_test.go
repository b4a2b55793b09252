//go:build race

package ivf_test

const raceEnabled = true
