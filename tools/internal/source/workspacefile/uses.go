package workspacefile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/bazelbuild/buildtools/build"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// extension is the name that MODULE.bazel has for the extension that brings the sources:
//
//	lines = use_extension("@release_builder//release/sources:extensions.bzl", "release")
//	use_repo(lines, "toolbox", "toolbox_age")
const extension = "lines"

// ErrNoUses says that a MODULE.bazel has no place for the names of repositories.
var ErrNoUses = errors.New(moduleFile + ": there is no use_repo(" + extension + ")")

// UseRepositories gives MODULE.bazel the names of the repositories that the locks of a
// workspace pin: Bazel shows BUILD files only those. It reports whether they differed, and
// with write set it replaces the file. A workspace without MODULE.bazel needs no names.
func UseRepositories(root string, write bool) (changed bool, err error) {
	f, err := parse(root, moduleFile)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	names, err := repositories(root)
	if err != nil {
		return false, err
	}
	call := useRepo(f)
	if call == nil {
		return false, hint.With(ErrNoUses, "add these lines, and run resolve again:\n"+
			extension+` = use_extension("@release_builder//release/sources:extensions.bzl", "release")`+"\n"+
			"use_repo("+extension+")")
	}
	before := build.Format(f)
	args := []build.Expr{call.List[0]}
	for _, name := range names {
		args = append(args, &build.StringExpr{Value: name})
	}
	call.List, call.ForceMultiLine = args, len(names) > 1
	after := build.Format(f)
	if bytes.Equal(before, after) {
		return false, nil
	}
	if !write {
		return true, nil
	}
	return true, fileio.WriteFile(filepath.Join(root, moduleFile), after, 0o644)
}

// useRepo returns the call of use_repo whose first argument is the extension.
func useRepo(f *build.File) *build.CallExpr {
	for _, statement := range f.Stmt {
		call, ok := statement.(*build.CallExpr)
		if !ok || len(call.List) == 0 {
			continue
		}
		function, ok := call.X.(*build.Ident)
		first, isName := call.List[0].(*build.Ident)
		if ok && isName && function.Name == "use_repo" && first.Name == extension {
			return call
		}
	}
	return nil
}

// repositories returns the names of the repositories of all locks, sorted. It leaves out a
// lock that cannot be read, as the extension does.
func repositories(root string) ([]string, error) {
	lines, err := os.ReadDir(filepath.Join(root, "manifests"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, line := range lines {
		if l, err := lock.Read(filepath.Join(root, "manifests", line.Name(), "lock.json")); err == nil {
			names = append(names, l.Repositories()...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
