//go:build unix

// Package cpuclock reads the processor time that was used so far.
package cpuclock

import (
	"time"

	"golang.org/x/sys/unix"
)

// Process returns that of all threads of this process, 0 where it is not known.
func Process() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Thread returns that of the calling thread, 0 where it is not known.
func Thread() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
