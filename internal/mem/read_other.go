//go:build !linux

package mem

import "os"

// readCached reports false: there is no call that reads without waiting.
func readCached(*os.File, []byte, int64) bool { return false }

func adviseRandom(*os.File) {}
