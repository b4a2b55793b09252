//go:build !windows

package server

import (
	"errors"
	"syscall"
)

// isInUse reports whether another process listens there.
func isInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
