//go:build !unix || aix || solaris

// Package filelock keeps processes of one machine from writing the same files at the
// same moment.
package filelock

import "errors"

// Lock does nothing where there is no flock(2): of two processes that write at the
// same moment, the later one wins.
func Lock(string) (unlock func(), err error) { return func() {}, nil }

// Try does what Lock does.
func Try(name string) (unlock func(), err error) { return Lock(name) }

// Dir does what Lock does.
func Dir(name string) (unlock func(), err error) { return Lock(name) }

// ErrHeld is for what has flock(2).
var ErrHeld = errors.New("another process holds it")
