// Package dirs says where things are kept on a machine, and what a caller's path means.
package dirs

import (
	"errors"
	"os"
	"path/filepath"
)

// State returns the directory that keeps what a machine remembers of releases:
// dir, else release-builder in $XDG_STATE_HOME, else in ~/.local/state
// (https://specifications.freedesktop.org/basedir-spec/latest/).
func State(dir string, env func(string) string) (string, error) {
	home := env("XDG_STATE_HOME")
	switch {
	case dir != "":
	case filepath.IsAbs(home):
		dir = filepath.Join(home, "release-builder")
	case env("HOME") != "":
		dir = filepath.Join(env("HOME"), ".local", "state", "release-builder")
	default:
		return "", errors.New("HOME is not set: set it, or XDG_STATE_HOME")
	}
	return filepath.Abs(dir)
}

// Cache returns the directory that keeps what can be fetched or built again, as
// tools/bazel finds it: RELEASE_CACHE, else release-builder in $XDG_CACHE_HOME, else
// in ~/.cache. It is empty if none of these is set.
func Cache(env func(string) string) string {
	switch {
	case env("RELEASE_CACHE") != "":
		return env("RELEASE_CACHE")
	case env("XDG_CACHE_HOME") != "":
		return filepath.Join(env("XDG_CACHE_HOME"), "release-builder")
	case env("HOME") != "":
		return filepath.Join(env("HOME"), ".cache", "release-builder")
	}
	return ""
}

// FromCaller returns a path as the caller means it: `bazel run` changes the working
// directory.
func FromCaller(name string) string {
	if dir := os.Getenv("BUILD_WORKING_DIRECTORY"); dir != "" && !filepath.IsAbs(name) {
		return filepath.Join(dir, name)
	}
	return name
}
