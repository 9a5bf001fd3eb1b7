//go:build !unix

package main

import "os"

// peakMemory does not know.
func peakMemory(*os.ProcessState) (int64, bool) { return 0, false }
