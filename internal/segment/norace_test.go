//go:build !race

package segment

const fewer = 1
