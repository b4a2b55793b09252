//go:build !race && !windows

package coderhnsw_test

const raceEnabled = false
