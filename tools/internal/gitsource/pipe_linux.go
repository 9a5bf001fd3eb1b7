package gitsource

import "syscall"

// growPipe sets the size of a pipe (fcntl F_SETPIPE_SZ). It may be refused.
func growPipe(fd uintptr) {
	const setPipeSize = 1031
	_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, fd, setPipeSize, pipeSize)
}
