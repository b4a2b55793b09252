//go:build !race

package indextest

// Race says that the race detector watches: arithmetic takes ten times as long.
const Race = false
