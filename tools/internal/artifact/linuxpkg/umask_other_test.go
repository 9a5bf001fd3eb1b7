//go:build !unix

package linuxpkg

// setUmask does nothing: there is no umask.
func setUmask(int) (restore func()) { return func() {} }
