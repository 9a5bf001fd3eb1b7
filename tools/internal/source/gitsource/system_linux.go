package gitsource

import (
	"syscall"
	"unsafe"
)

// growPipe sets the size of a pipe (fcntl F_SETPIPE_SZ). It may be refused.
func growPipe(fd uintptr) {
	const setPipeSize = 1031
	_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, fd, setPipeSize, pipeSize)
}

// limitData limits the memory of a process, and of those that it will start, to
// so many bytes; what it maps of files, as packs, does not count (setrlimit(2),
// RLIMIT_DATA). It may be refused.
func limitData(pid int, bytes uint64) {
	const dataLimit = 2
	limit := syscall.Rlimit{Cur: bytes, Max: bytes}
	_, _, _ = syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), dataLimit, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
}
