//go:build !unix || aix || solaris

// Package filelock provides advisory file locks between processes.
package filelock

import "errors"

// Lock does nothing: this system has no flock(2).
func Lock(string) (unlock func(), err error) { return func() {}, nil }

// Try does nothing.
func Try(name string) (unlock func(), err error) { return Lock(name) }

// Dir does nothing.
func Dir(name string) (unlock func(), err error) { return Lock(name) }

// ErrHeld is never returned on this system.
var ErrHeld = errors.New("another process holds it")
