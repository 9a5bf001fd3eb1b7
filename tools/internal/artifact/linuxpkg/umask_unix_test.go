//go:build unix

package linuxpkg

import "syscall"

// setUmask sets the umask and returns a function that restores it.
func setUmask(mask int) (restore func()) {
	old := syscall.Umask(mask)
	return func() { syscall.Umask(old) }
}
