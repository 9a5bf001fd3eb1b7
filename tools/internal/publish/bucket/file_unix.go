//go:build unix

package bucket

import "os"

// syncFolder syncs the entries of a directory.
func syncFolder(root *os.Root, folder string) error {
	f, err := root.Open(folder)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
