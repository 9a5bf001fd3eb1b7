//go:build !unix

package archive

// setUmask does nothing: there is no umask.
func setUmask(int) (restore func()) { return func() {} }
