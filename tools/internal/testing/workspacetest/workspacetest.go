// Package workspacetest makes copies of this repository's workspace for tests to build in.
package workspacetest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
)

// Find returns the workspace's root directory. A variable names its file WORKSPACE, as a
// runfile or as a path.
func Find(tb testing.TB, variable string) string {
	tb.Helper()
	if os.Getenv(variable) == "" {
		tb.Skipf("%s names no workspace to build in: tools/bazel test runs this", variable)
	}
	file := os.Getenv(variable)
	if found, err := runfiles.Rlocation(file); err == nil {
		file = found
	}
	file, err := filepath.EvalSymlinks(file)
	if err != nil {
		tb.Fatal(err)
	}
	return filepath.Dir(file)
}

// Copy copies a workspace without the files of git, Bazel and the developer.
func Copy(tb testing.TB, from, to string) {
	tb.Helper()
	CopyTree(tb, from, to, func(rel string) bool {
		return rel == ".git" || rel == "user.bazelrc" || strings.HasPrefix(rel, "bazel-")
	})
}

// CopyTree copies the regular files of a directory, except those that skip names by their
// path in it.
func CopyTree(tb testing.TB, from, to string, skip func(rel string) bool) {
	tb.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		switch {
		case err != nil:
			return err
		case skip != nil && skip(rel) && d.IsDir():
			return fs.SkipDir
		case skip != nil && skip(rel):
			return nil
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		return CopyFile(path, filepath.Join(to, rel))
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// CopyFile copies a file to a path that does not exist.
func CopyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
