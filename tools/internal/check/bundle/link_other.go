//go:build !unix

package bundle

import "io/fs"

type fileID struct{}

func idOf(fs.FileInfo) (id fileID, several bool) { return fileID{}, false }
