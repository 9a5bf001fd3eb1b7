// Package runfile finds runfiles: the files that Bazel provides to a program.
package runfile

import (
	"path/filepath"

	"github.com/bazelbuild/rules_go/go/runfiles"
)

// Path returns the path of a runfile, or the name itself if there is no such runfile.
func Path(name string) string {
	if name == "" {
		return ""
	}
	if path, err := runfiles.Rlocation(name); err == nil {
		return path
	}
	return name
}

// Real is Path with symbolic links resolved: the go command looks for its library beside
// itself.
func Real(name string) string {
	path := Path(name)
	if real, err := filepath.EvalSymlinks(path); err == nil && path != "" {
		return real
	}
	return path
}
