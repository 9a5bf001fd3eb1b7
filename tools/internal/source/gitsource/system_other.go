//go:build !linux

package gitsource

// growPipe does nothing where pipes have one size.
func growPipe(uintptr) {}

// limitData does nothing where one process cannot limit another.
func limitData(int, uint64) {}
