// Package dirs finds the project's directories on a machine, and resolves the paths that
// a caller passes.
package dirs

import (
	"errors"
	"os"
	"path/filepath"
)

// State returns the state directory, which has plans, receipts and embedded stages: dir,
// else release-builder in $XDG_STATE_HOME, else in ~/.local/state
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

// Cache returns the cache directory, as tools/bazel does: RELEASE_CACHE, else
// release-builder in $XDG_CACHE_HOME, else in ~/.cache. Its content can be fetched or
// built again. The result is empty if none of these is set.
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

// FromCaller resolves a path relative to the caller's working directory, which `bazel run`
// changes.
func FromCaller(name string) string {
	if dir := os.Getenv("BUILD_WORKING_DIRECTORY"); dir != "" && !filepath.IsAbs(name) {
		return filepath.Join(dir, name)
	}
	return name
}
