//go:build !linux && !darwin && !freebsd

package publish

func writable(string, int64) error { return nil }
