package server

import (
	"errors"

	"golang.org/x/sys/windows"
)

// isInUse reports whether another process listens there.
func isInUse(err error) bool { return errors.Is(err, windows.WSAEADDRINUSE) }
