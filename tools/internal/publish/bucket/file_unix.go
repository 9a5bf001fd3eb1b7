//go:build unix

package bucket

import "os"

// syncFolder brings the names in a directory to the disk.
func syncFolder(root *os.Root, folder string) error {
	f, err := root.Open(folder)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
