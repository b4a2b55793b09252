//go:build !linux

package main

import (
	"errors"
	"time"
)

// dropCache refuses: there is no call for it.
func dropCache(string) error {
	return errors.New("this system cannot drop the cached pages of one file")
}

// cpuTime is not known.
func cpuTime() time.Duration { return 0 }
