package cli

import (
	"errors"
	"path/filepath"
)

// StateDir returns the folder that keeps what a machine remembers of releases:
// dir, else release-builder in $XDG_STATE_HOME, else in ~/.local/state
// (https://specifications.freedesktop.org/basedir-spec/latest/).
func StateDir(dir string, env func(string) string) (string, error) {
	home := env("XDG_STATE_HOME")
	switch {
	case dir != "":
	case filepath.IsAbs(home):
		dir = filepath.Join(home, "release-builder")
	case env("HOME") != "":
		dir = filepath.Join(env("HOME"), ".local", "state", "release-builder")
	default:
		return "", errors.New("HOME is not set: set it, or XDG_STATE_HOME, or say --state FOLDER")
	}
	return filepath.Abs(dir)
}
