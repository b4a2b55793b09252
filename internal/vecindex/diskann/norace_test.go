//go:build !race

package diskann_test

const raceEnabled = false
