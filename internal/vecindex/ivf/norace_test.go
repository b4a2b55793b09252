//go:build !race

package ivf_test

const raceEnabled = false
