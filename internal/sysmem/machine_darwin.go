package sysmem

import "golang.org/x/sys/unix"

// machine returns the machine's memory in bytes, 0 if unknown.
func machine() int64 {
	n, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return 0
	}
	return int64(n)
}

// controlGroup is 0: there are none.
func controlGroup() int64 { return 0 }
