package mem

import "golang.org/x/sys/unix"

// hugePage is the size from which huge pages can pay (x86-64 and arm64 with 4
// KiB pages).
const hugePage = 2 << 20

// adviseHuge asks for huge pages, which spare a graph walk most of its misses
// in the address cache. It is advice: a kernel without them says no, and that
// is fine.
func adviseHuge(b []byte) {
	if len(b) >= hugePage {
		_ = unix.Madvise(b, unix.MADV_HUGEPAGE)
	}
}
