// Package runfile finds the files that Bazel hands to what it runs.
package runfile

import (
	"path/filepath"

	"github.com/bazelbuild/rules_go/go/runfiles"
)

// Path returns the path of a runfile that a BUILD file names, or the name itself if it
// names none.
func Path(name string) string {
	if name == "" {
		return ""
	}
	if path, err := runfiles.Rlocation(name); err == nil {
		return path
	}
	return name
}

// Real is Path without symbolic links: the go command looks for its library beside itself.
func Real(name string) string {
	path := Path(name)
	if real, err := filepath.EvalSymlinks(path); err == nil && path != "" {
		return real
	}
	return path
}
