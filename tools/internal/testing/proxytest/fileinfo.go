package proxytest

import (
	"io/fs"
	"path"
	"time"
)

// fileInfo describes a zipFile.
type fileInfo struct{ f zipFile }

func (i fileInfo) Name() string       { return path.Base(i.f.path) }
func (i fileInfo) Size() int64        { return int64(len(i.f.data)) }
func (i fileInfo) Mode() fs.FileMode  { return 0o644 }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return false }
func (i fileInfo) Sys() any           { return nil }
