// Package gosource turns a source with Go modules, each with its vendor folder,
// into a Bazel repository: BUILD files from one gazelle run a module, package
// paths as `go build` has them, and for every package the module that it
// belongs to.
//
// Modules of one source see each other only as `go build` has it: through
// `replace`, as a copy in a vendor folder. So each has a gazelle run that sees
// nothing else, and two may vendor different versions of a third.
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
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// Meta is the package of the repository that holds what is not the source's own:
// the modules' metadata, the licences, the source's description. A folder of
// that name that came along is deleted.
const Meta = ".release"

// Args says what to turn into a repository, and how.
type Args struct {
	Dir     string   // the source's folder
	Name    string   // how to call the source if it has no module
	Repo    string   // what Bazel calls the repository
	Roots   []Root   // the modules to write BUILD files for, sorted by folder; there may be none
	Gazelle string   // path of the gazelle command
	GOROOT  string   // of the SDK that will build: its packages are no vendored ones
	Tags    []string // build tags that hold
}

// Root is a directory with a Go module, and with vendor/ if that imports anything.
type Root struct {
	Dir  string // slash-separated, relative to the source; "." is the source's own
	Main Module // the module there, as build information names it; its Version and Sum may be empty
	VCS  VCS    // the commit that the source is, if it is one

	// What the go command says of the modules and programs there.
	Lang    map[string]string            // module path → version of the language, as go1.20
	GODEBUG map[string]map[string]string // directory of a program, relative to Dir → platform, as linux_amd64 → its default GODEBUG
	Embed   map[string][]string          // directory of a package, relative to Dir → files that it embeds, relative to it
	Syso    map[string][]string          // the same → object files for the linker
}

// Module is a module as build information names it.
type Module struct {
	Path, Version, Sum string
	Replace            *Module // what go.mod has in its place; without a Version, Path is a directory's
}

// VCS is what `go build` stamps into programs of a clean clone.
type VCS struct {
	Revision string // whole; empty for what is no commit
	Time     time.Time
}

// settings are those of the build information, as KEY=VALUE, in its order.
func (v VCS) settings() []string {
	if v.Revision == "" {
		return nil
	}
	return []string{"vcs=git", "vcs.revision=" + v.Revision, "vcs.time=" + v.Time.UTC().Format(time.RFC3339Nano), "vcs.modified=false"}
}

// Generate writes the BUILD files. Those that came along were written for another
// workspace: Bazel does not see them, and what embeds them does.
func Generate(ctx context.Context, a Args) error {
	moved, err := setAside(a.Dir, a.Roots)
	if err != nil {
		return fmt.Errorf("setting BUILD files aside: %w", err)
	}
	files := &embedder{dir: a.Dir, moved: moved, exports: map[string][]string{}}
	for _, r := range a.Roots {
		if err := a.generate(ctx, r, files); err != nil {
			return inRoot(r, err)
		}
	}
	if err := files.export(); err != nil {
		return fmt.Errorf("exporting what is embedded: %w", err)
	}
	if err := writeMeta(a, moved); err != nil {
		return fmt.Errorf("writing package %s: %w", Meta, err)
	}
	return nil
}

// generate writes the BUILD files of one module.
func (a *Args) generate(ctx context.Context, r Root, files *embedder) error {
	dir := a.join(r)
	// A module that replaces another is imported by the path of that one.
	prefix, err := ModulePath(dir)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "BUILD.bazel"), []byte(directives(prefix)), 0o644); err != nil {
		return err
	}
	others, err := foreign(dir, a.Tags)
	if err != nil {
		return err
	}
	if err := a.runGazelle(ctx, dir, others); err != nil {
		return fmt.Errorf("running gazelle: %w", err)
	}
	modules, err := vendoredModules(dir)
	if err != nil {
		return err
	}
	if err := a.annotate(r, modules, files); err != nil {
		return fmt.Errorf("annotating BUILD files: %w", err)
	}
	return nil
}

// inRoot says in which of a source's modules something went wrong.
func inRoot(r Root, err error) error {
	if r.Dir == "." {
		return err
	}
	return fmt.Errorf("module in folder %q: %w", r.Dir, err)
}

func (a *Args) join(r Root) string { return filepath.Join(a.Dir, filepath.FromSlash(r.Dir)) }

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
	// The path becomes a part of BUILD files.
	if err := module.CheckImportPath(path); err != nil {
		return "", fmt.Errorf("reading %q: %w", name, err)
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

// foreign returns the paths below a module's folder that hold nothing of its
// packages, relative to dir: other modules, vendor folders that the go command
// does not look into, and files that the tags keep out on every platform. Folders
// named vendor with no Go file may be data.
func foreign(dir string, tags []string) (paths []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		var other bool
		switch {
		case !d.IsDir():
			other, err = keptOut(path, d, tags)
		case isModule(path):
			other = true
		case d.Name() == "vendor" && rel != "vendor":
			other, err = hasGo(path)
		}
		if err != nil || !other {
			return err
		}
		paths = append(paths, filepath.ToSlash(rel))
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
	return paths, err
}

func isModule(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil && !info.IsDir()
}

func hasGo(dir string) (found bool, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(path) == ".go" {
			found = true
			return fs.SkipAll
		}
		return err
	})
	return found, err
}

// literal makes a gazelle pattern of a path.
var literal = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `{`, `\{`, `}`, `\}`)

func (a *Args) runGazelle(ctx context.Context, dir string, exclude []string) error {
	args := []string{"-repo_root=" + dir, "-external=vendored", "-build_file_name=BUILD.bazel", "-lang=go"}
	if len(a.Tags) > 0 {
		args = append(args, "-build_tags="+strings.Join(a.Tags, ","))
	}
	for _, path := range exclude {
		args = append(args, "-exclude="+literal.Replace(path))
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, a.Gazelle, args...)
	cmd.Dir = dir
	// gazelle takes its folder from Bazel's environment where there is one.
	cmd.Env = append(os.Environ(), "BUILD_WORKSPACE_DIRECTORY=", "GOROOT="+a.GOROOT, "PATH="+filepath.Join(a.GOROOT, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return errors.Join(err, errors.New(strings.TrimSpace(out.String())))
	}
	return nil
}
