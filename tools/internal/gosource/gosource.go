// Package gosource turns a folder with a Go module and its vendor folder into a
// Bazel repository: BUILD files from one gazelle run, package paths as `go
// build` has them, and for every package the module that it belongs to.
package gosource

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
)

// Meta is the package of the repository that holds what is not the source's own:
// the modules' metadata, the licences, the source's description.
const Meta = ".release"

// Args says what to turn into a repository, and how.
type Args struct {
	Dir     string   // the module's root, with vendor/ if it imports anything
	Gazelle string   // path of the gazelle command
	GOROOT  string   // of the SDK that will build: its packages are no vendored ones
	Tags    []string // build tags that hold
	Main    Module   // the module in Dir, as build information names it; its Version and Sum may be empty
}

// Module is a module as build information names it.
type Module struct {
	Path, Version, Sum string
}

// Generate writes the BUILD files. It deletes those that came along: they were
// written for another workspace.
func Generate(ctx context.Context, a Args) error {
	if err := removeBuildFiles(a.Dir); err != nil {
		return fmt.Errorf("deleting BUILD files: %w", err)
	}
	// A module that replaces another is imported by the path of that one.
	prefix, err := ModulePath(a.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		prefix, err = a.Main.Path, nil // not a Go module
	}
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(a.Dir, "BUILD.bazel"), []byte(directives(prefix)), 0o644); err != nil {
		return err
	}
	if err := runGazelle(ctx, a); err != nil {
		return fmt.Errorf("running gazelle: %w", err)
	}
	modules, err := vendoredModules(a.Dir)
	if err != nil {
		return err
	}
	if err := annotate(a, modules); err != nil {
		return fmt.Errorf("annotating BUILD files: %w", err)
	}
	if err := writeMeta(a, modules); err != nil {
		return fmt.Errorf("writing package %s: %w", Meta, err)
	}
	return nil
}

// ModulePath returns the module path that dir/go.mod declares.
func ModulePath(dir string) (string, error) {
	name := filepath.Join(dir, "go.mod")
	data, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	path := modfile.ModulePath(data)
	if path == "" {
		return "", fmt.Errorf("reading %q: no module line", name)
	}
	return path, nil
}

func directives(prefix string) string {
	return "# gazelle:prefix " + prefix + "\n" +
		"# gazelle:exclude **/*_test.go\n" +
		"# gazelle:exclude " + Meta + "\n" +
		"# gazelle:go_naming_convention go_default_library\n" +
		"# gazelle:proto disable_global\n"
}

// removeBuildFiles deletes everything by which Bazel or gazelle would take dir
// for a workspace of its own.
func removeBuildFiles(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch d.Name() {
		case "BUILD", "BUILD.bazel", "WORKSPACE", "WORKSPACE.bazel", "WORKSPACE.bzlmod", "MODULE.bazel", "REPO.bazel", ".bazelignore":
			return os.Remove(path)
		}
		return nil
	})
}

func runGazelle(ctx context.Context, a Args) error {
	args := []string{"-repo_root=" + a.Dir, "-external=vendored", "-build_file_name=BUILD.bazel", "-lang=go"}
	if len(a.Tags) > 0 {
		args = append(args, "-build_tags="+strings.Join(a.Tags, ","))
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, a.Gazelle, args...)
	cmd.Dir = a.Dir
	// gazelle takes its folder from Bazel's environment where there is one.
	cmd.Env = append(os.Environ(), "BUILD_WORKSPACE_DIRECTORY=", "GOROOT="+a.GOROOT, "PATH="+filepath.Join(a.GOROOT, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return errors.Join(err, errors.New(strings.TrimSpace(out.String())))
	}
	return nil
}
