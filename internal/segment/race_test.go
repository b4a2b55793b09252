//go:build race

package segment

// fewer divides the number of random runs: the race detector is slow, and
// races do not hide from a tenth of them.
const fewer = 10
