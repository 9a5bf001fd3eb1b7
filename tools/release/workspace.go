package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// setWorkspace tells the verbs what `bazel run` tells them: the workspace, the line and its
// destinations. Outside of a workspace it tells them the line, if there is one.
func setWorkspace(line string) error {
	if line == "" {
		line = os.Getenv("RELEASE_LINE")
	}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	root := workspace(here)
	if root != "" {
		if line, err = choose(root, line); err != nil {
			return err
		}
		if err := setenv("BUILD_WORKSPACE_DIRECTORY", root); err != nil {
			return err
		}
	}
	if line == "" {
		return nil
	}
	if err := os.Setenv("RELEASE_LINE", line); err != nil {
		return err
	}
	name := filepath.Join(root, "manifests", line, "destinations.yaml")
	if _, err := os.Stat(name); err != nil || root == "" {
		return nil //nolint:nilerr // a line need not have any
	}
	return setenv("RELEASE_DESTINATIONS", name)
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

// choose returns the line: the named one, which has to be there, or the only one. With none or
// several it returns "": some verbs need no line.
func choose(root, line string) (string, error) {
	files, err := filepath.Glob(filepath.Join(root, "manifests", "*", "manifest.yaml"))
	if err != nil {
		return "", err
	}
	var lines []string
	for _, f := range files {
		name := filepath.Base(filepath.Dir(f))
		if name == line {
			return line, nil
		}
		lines = append(lines, name)
	}
	switch {
	case line != "":
		err := fmt.Errorf("line %q: %q has no such directory with a manifest.yaml", line, filepath.Join(root, "manifests"))
		if len(lines) == 0 {
			return "", hint.With(err, "there are no lines yet: release init writes one")
		}
		return "", hint.With(err, "the lines are: %s", strings.Join(lines, ", "))
	case len(lines) == 1:
		return lines[0], nil
	}
	return "", nil
}
