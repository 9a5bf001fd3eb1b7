//go:build !unix

package bucket

import "os"

// syncFolder does nothing where a directory cannot be synced.
func syncFolder(*os.Root, string) error { return nil }
