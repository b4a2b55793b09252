package sysmem

import (
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Paths of the control groups' files, relative to the root of the machine.
const (
	selfGroups = "proc/self/cgroup"
	v2Root     = "sys/fs/cgroup"
	v1Root     = "sys/fs/cgroup/memory"
	v2File     = "memory.max"
	v1File     = "memory.limit_in_bytes"
)

// noLimit is the least value that cgroup v1 shows for "no limit": the largest
// multiple of the page size in an int64, of pages up to 64 KiB.
const noLimit = 1<<63 - 64<<10

// cgroupLimit returns the smallest memory limit of the groups that the process
// is in and of their parents, 0 if there is none. Both versions are read (see
// the kernel's admin-guide/cgroup-v1/memory and cgroup-v2): a group's line in
// /proc/self/cgroup names its path below the mount point. In a container the
// path may be the host's and not exist below the mount, whose root is then the
// container's own group; walking up from the path ends there in any case.
func cgroupLimit(root fs.FS) int64 {
	text, err := fs.ReadFile(root, selfGroups)
	if err != nil {
		return 0
	}
	limit := int64(0)
	for line := range strings.Lines(string(text)) {
		// hierarchy-id:controllers:path
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 {
			continue
		}
		var found int64
		switch {
		case parts[0] == "0" && parts[1] == "":
			found = walk(root, v2Root, parts[2], v2File)
		case hasController(parts[1], "memory"):
			found = walk(root, v1Root, parts[2], v1File)
		}
		limit = smaller(limit, found)
	}
	return limit
}

func hasController(list, name string) bool {
	for c := range strings.SplitSeq(list, ",") {
		if c == name {
			return true
		}
	}
	return false
}

// walk reads the limit in each folder from mount/group up to mount.
func walk(root fs.FS, mount, group, file string) int64 {
	limit := int64(0)
	for at := path.Clean("/" + group); ; at = path.Dir(at) {
		limit = smaller(limit, readLimit(root, path.Join(mount, at, file)))
		if at == "/" {
			return limit
		}
	}
}

// readLimit reads one limit, 0 if there is none.
func readLimit(root fs.FS, name string) int64 {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n <= 0 || n >= noLimit {
		return 0
	}
	return n
}

// smaller returns the smaller of two limits, where 0 is none.
func smaller(a, b int64) int64 {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}
