package mem

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// mapFile maps the first size > 0 bytes of f read-only.
func mapFile(f *os.File, size int) ([]byte, func() error, error) {
	h, err := windows.CreateFileMapping(windows.Handle(f.Fd()), nil, windows.PAGE_READONLY,
		uint32(uint64(size)>>32), uint32(uint64(size)), nil)
	if err != nil {
		return nil, nil, os.NewSyscallError("CreateFileMapping", err)
	}
	addr, err := windows.MapViewOfFile(h, windows.FILE_MAP_READ, 0, 0, uintptr(size))
	// The view keeps the mapping object alive: its handle is not needed again.
	_ = windows.CloseHandle(h)
	if err != nil {
		return nil, nil, os.NewSyscallError("MapViewOfFile", err)
	}
	return bytesAt(addr, size), func() error { return windows.UnmapViewOfFile(addr) }, nil
}

// reserve takes size bytes of address space that no memory backs yet.
func reserve(size int) ([]byte, func() error, error) {
	addr, err := windows.VirtualAlloc(0, uintptr(size), windows.MEM_RESERVE, windows.PAGE_NOACCESS)
	if err != nil {
		return nil, nil, os.NewSyscallError("VirtualAlloc", err)
	}
	return bytesAt(addr, size), func() error { return windows.VirtualFree(addr, 0, windows.MEM_RELEASE) }, nil
}

// commit makes bytes [from, to) of a reserved range readable and writable.
// Pages that are committed already keep their content.
func commit(b []byte, from, to int) error {
	addr := uintptr(unsafe.Pointer(&b[from]))
	_, err := windows.VirtualAlloc(addr, uintptr(to-from), windows.MEM_COMMIT, windows.PAGE_READWRITE)
	return os.NewSyscallError("VirtualAlloc", err)
}

// bytesAt makes a slice of memory that the system handed out, which the
// garbage collector neither moves nor frees.
func bytesAt(addr uintptr, size int) []byte {
	p := *(*unsafe.Pointer)(unsafe.Pointer(&addr))
	return unsafe.Slice((*byte)(p), size)
}
