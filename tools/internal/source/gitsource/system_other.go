//go:build !linux

package gitsource

// growPipe does nothing: pipes have a fixed size.
func growPipe(uintptr) {}

// limitData does nothing: one process cannot limit another.
func limitData(int, uint64) {}
