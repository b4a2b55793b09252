//go:build !linux

package main

import "errors"

// dropCache refuses: there is no call for it.
func dropCache(string) error {
	return errors.New("this system cannot drop the cached pages of one file")
}
