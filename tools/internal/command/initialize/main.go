// Package initialize has the command init: see tools/init.
package initialize

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/command/resolve"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

const command = "init"

type options struct {
	name, module, git, branch, tag string
	platforms, dir, builder        string
	root, goCmd                    string
	store                          *store.Store
	stdout, stderr                 io.Writer
}

// Run runs the command.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := options{stdout: stdout, stderr: stderr}
	set := flag.NewFlagSet(command, flag.ContinueOnError)
	set.StringVar(&o.name, "name", "", "the `name` of the line and of its product (default: from the source)")
	set.StringVar(&o.dir, "new", "", "make a new workspace in a `directory`")
	set.StringVar(&o.builder, "builder", "", "the release builder of a new workspace: an archive's `URL`, or a directory")
	set.StringVar(&o.module, "module", "", "a Go module, as `PATH` or PATH@VERSION")
	set.StringVar(&o.git, "git", "", "the `URL` of a git repository")
	set.StringVar(&o.branch, "branch", "", "the repository's `branch`")
	set.StringVar(&o.tag, "tag", "", "the repository's `tag`")
	set.StringVar(&o.platforms, "platforms", strings.Join(manifest.Platforms(), ","), "the `platforms` to build for (default: those of Istio)")
	set.StringVar(&o.goCmd, "go", "go", "the go `command`, a runfile; set by the BUILD file")
	set.StringVar(&o.root, "root", os.Getenv("BUILD_WORKSPACE_DIRECTORY"), "the workspace's root `directory`")
	if status, ok := cli.ParseFlags(set, args, stderr); !ok {
		return status
	}
	switch {
	case set.NArg() > 0:
		return cli.UsageError(stderr, command, "got argument %q, want flags only", set.Arg(0))
	case (o.module == "") == (o.git == ""):
		return cli.UsageError(stderr, command, "want either -module or -git")
	case o.git == "" && (o.branch != "" || o.tag != ""), o.branch != "" && o.tag != "":
		return cli.UsageError(stderr, command, "want at most one of -branch and -tag, with -git")
	case o.builder != "" && o.dir == "":
		return cli.UsageError(stderr, command, "flag -builder is for -new")
	}
	if o.name == "" {
		o.name = dependencyName(o.module + o.git)
	}
	if err := o.init(ctx); err != nil {
		return cli.Fail(stderr, command, err)
	}
	return cli.OK
}

// openStore opens the store, if it is not open yet: after what init can find wrong without it.
func (o *options) openStore() error {
	if o.store != nil {
		return nil
	}
	dir, err := store.DefaultDir(os.Getenv)
	if err != nil {
		return err
	}
	o.store, err = store.Open(dir)
	return err
}

func (o *options) init(ctx context.Context) error {
	if o.dir == "" {
		return o.line(ctx)
	}
	undo, err := o.workspace(ctx)
	if err != nil {
		return err
	}
	if err := o.line(ctx); err != nil {
		return errors.Join(err, undo())
	}
	return nil
}

// line adds a line to the workspace.
func (o *options) line(ctx context.Context) (err error) {
	if o.root == "" {
		return hint.With(errors.New("the workspace's root is not known"), "run it in a workspace, as tools/bazel run //release:init")
	}
	line, product := filepath.Join(o.root, "manifests", o.name), filepath.Join(o.root, "release", o.name)
	for _, dir := range []string{line, product} {
		if _, err := os.Lstat(dir); err == nil {
			return hint.With(fmt.Errorf("%q exists already", dir), "choose another --name")
		}
	}
	if err := o.openStore(); err != nil {
		return err
	}
	text, err := o.manifest(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(line), os.RemoveAll(product))
		}
	}()
	if err := write(line, map[string][]byte{"manifest.yaml": text, "destinations.yaml": []byte(destinations), "BUILD.bazel": []byte(exports)}); err != nil {
		return err
	}
	m, err := manifest.Parse("manifest.yaml", text)
	if err != nil {
		return err
	}
	// Resolve prepares the packages of the sources that the product names.
	placeholder := fmt.Appendf(nil, "# To be replaced by a file with the programs of @%s//...\n", m.Primary().Repositories(o.name)[0])
	if err := write(product, map[string][]byte{"BUILD.bazel": placeholder}); err != nil {
		return err
	}
	if err := o.lock(ctx, line); err != nil {
		return err
	}
	programs, err := o.programs(ctx, line)
	if err != nil {
		return err
	}
	if err := write(product, map[string][]byte{"BUILD.bazel": buildFile(o.name, programs)}); err != nil {
		return err
	}
	return o.next()
}

// next says what was written, and how to build it.
func (o *options) next() error {
	build := "tools/bazel build //release:all"
	if o.dir != "" {
		if o.dir != "." {
			build = fmt.Sprintf("cd %s\n    %s", o.dir, build)
		}
		_, err := fmt.Fprintf(o.stdout, "wrote the workspace %s; next:\n\n    %s\n", o.root, build)
		return err
	}
	lines, err := filepath.Glob(filepath.Join(o.root, "manifests", "*", "manifest.yaml"))
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(o.stdout, "wrote manifests/%s and release/%s; next:\n\n    %s --repo_env=RELEASE_LINE=%s\n", o.name, o.name, build, o.name); err != nil || len(lines) != 2 {
		return err
	}
	first := filepath.Base(filepath.Dir(lines[0]))
	if first == o.name {
		first = filepath.Base(filepath.Dir(lines[1]))
	}
	_, err = fmt.Fprintf(o.stdout, "\nThere are two lines now, so each command needs RELEASE_LINE, unless MODULE.bazel has lines.default(line = %q)\nor WORKSPACE release_workspace(line = %[1]q).\n", first)
	return err
}

// lock runs resolve, which writes the lock.
func (o *options) lock(ctx context.Context, line string) error {
	args := []string{"--root", o.root, "--manifest", filepath.Join(line, "manifest.yaml"), "--go", o.goCmd, "--store", o.store.Dir()}
	if status := resolve.Run(ctx, args, o.stderr, o.stderr); status != cli.OK {
		return errors.New("the new line cannot be resolved: see above")
	}
	return nil
}

func write(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
