//go:build !unix

// Package cpuclock reads the processor time that was used so far.
package cpuclock

import "time"

// Process is not known here.
func Process() time.Duration { return 0 }

// Thread is not known here.
func Thread() time.Duration { return 0 }
