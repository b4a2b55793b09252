package sysmem

import (
	"os"

	"golang.org/x/sys/unix"
)

// machine returns the machine's memory in bytes, 0 if unknown.
func machine() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return int64(uint64(info.Totalram) * uint64(info.Unit))
}

// controlGroup returns the limit of this process's control groups, 0 if none.
func controlGroup() int64 { return cgroupLimit(os.DirFS("/")) }
