package gitsource

import (
	"syscall"
	"unsafe"
)

// growPipe sets the size of a pipe (fcntl F_SETPIPE_SZ). The system may refuse it.
func growPipe(fd uintptr) {
	const setPipeSize = 1031
	_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, fd, setPipeSize, pipeSize)
}

// limitData limits the memory of a process and of its future children, in bytes. Mapped
// files, such as packs, do not count (setrlimit(2), RLIMIT_DATA). The system may refuse it.
func limitData(pid int, bytes uint64) {
	const dataLimit = 2
	limit := syscall.Rlimit{Cur: bytes, Max: bytes}
	_, _, _ = syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), dataLimit, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
}
