package hostile

import "syscall"

// adopt makes this process the parent of processes that its children leave behind.
func adopt() error {
	const setChildSubreaper = 36 // prctl(2)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0); errno != 0 {
		return errno
	}
	return nil
}
