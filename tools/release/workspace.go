package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// setWorkspace tells the verbs what `bazel run` tells them: the workspace, the line and its
// destinations. Outside of a workspace it tells them the line, if there is one. It returns the
// lines, if there are several and none was chosen.
func setWorkspace(line string) (several []string, err error) {
	if line == "" {
		line = os.Getenv("RELEASE_LINE")
	}
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	root := workspace(here)
	if root != "" {
		if line, several, err = choose(root, line); err != nil {
			return nil, err
		}
		if err := setenv("BUILD_WORKSPACE_DIRECTORY", root); err != nil {
			return nil, err
		}
	}
	if line == "" {
		return several, nil
	}
	if err := os.Setenv("RELEASE_LINE", line); err != nil {
		return nil, err
	}
	name := filepath.Join(root, "manifests", line, "destinations.yaml")
	if _, err := os.Stat(name); err != nil || root == "" {
		return nil, nil //nolint:nilerr // a line need not have any
	}
	return nil, setenv("RELEASE_DESTINATIONS", name)
}

// workspace returns the nearest directory upwards that has manifests, or "".
func workspace(dir string) string {
	for {
		if info, err := os.Stat(filepath.Join(dir, "manifests")); err == nil && info.IsDir() {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// choose returns the line: the named one, which has to be there, or the only one. With none it
// returns "", and with several all of them: some verbs need no line.
func choose(root, line string) (chosen string, several []string, err error) {
	files, err := filepath.Glob(filepath.Join(root, "manifests", "*", "manifest.yaml"))
	if err != nil {
		return "", nil, err
	}
	var lines []string
	for _, f := range files {
		name := filepath.Base(filepath.Dir(f))
		if name == line {
			return line, nil, nil
		}
		lines = append(lines, name)
	}
	switch {
	case line != "":
		err := fmt.Errorf("line %q: %q has no such directory with a manifest.yaml", line, filepath.Join(root, "manifests"))
		if len(lines) == 0 {
			return "", nil, hint.With(err, "there are no lines yet: release init writes one")
		}
		return "", nil, hint.With(err, "the lines are: %s", strings.Join(lines, ", "))
	case len(lines) == 1:
		return lines[0], nil, nil
	}
	return "", lines, nil
}
