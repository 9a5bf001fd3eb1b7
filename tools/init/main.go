// Init writes a new line: a manifest, its lock, destinations, and a BUILD file with
// every program of the source.
//
//	tools/bazel run //release:init -- --name NAME --module PATH[@VERSION]
//	tools/bazel run //release:init -- --name NAME --git URL [--branch NAME | --tag NAME]
//
// Init asks no questions. It prints what it chose: the latest version of a module, the
// branch main or master of a repository, and the programs. It leaves out a program in a
// directory named internal, test, testdata, example, examples or hack, and one that the
// go command cannot build. An error leaves no files behind.
//
// It writes
//
//	manifests/NAME/manifest.yaml       the source of the release
//	manifests/NAME/destinations.yaml   where it is published: a stage in your own directory
//	manifests/NAME/lock.json           what the manifest resolves to
//	release/NAME/BUILD.bazel           what is built
//
// Exit status: 0 done, 1 an error, 2 the command line is wrong.
package main

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
	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/runfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

func main() { cli.Main(run) }

const command = "init"

type options struct {
	name, module, git, branch, tag string
	platforms                      string
	root, resolve, goCmd           string
	store                          *store.Store
	stdout, stderr                 io.Writer
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := options{stdout: stdout, stderr: stderr}
	set := flag.NewFlagSet(command, flag.ContinueOnError)
	set.StringVar(&o.name, "name", "", "the `name` of the line and of its product (required)")
	set.StringVar(&o.module, "module", "", "a Go module, as `PATH` or PATH@VERSION")
	set.StringVar(&o.git, "git", "", "the `URL` of a git repository")
	set.StringVar(&o.branch, "branch", "", "the repository's `branch`")
	set.StringVar(&o.tag, "tag", "", "the repository's `tag`")
	set.StringVar(&o.platforms, "platforms", strings.Join(manifest.Platforms(), ","), "the `platforms` to build for")
	set.StringVar(&o.resolve, "resolve", "", "the resolve `command`, a runfile; set by the BUILD file")
	set.StringVar(&o.goCmd, "go", "go", "the go `command`, a runfile; set by the BUILD file")
	set.StringVar(&o.root, "root", os.Getenv("BUILD_WORKSPACE_DIRECTORY"), "the workspace's root `directory`")
	if status, ok := cli.ParseFlags(set, args, stderr); !ok {
		return status
	}
	switch {
	case set.NArg() > 0:
		return cli.UsageError(stderr, command, "got argument %q, want flags only", set.Arg(0))
	case o.name == "":
		return cli.UsageError(stderr, command, "flag -name is missing")
	case (o.module == "") == (o.git == ""):
		return cli.UsageError(stderr, command, "want either -module or -git")
	case o.git == "" && (o.branch != "" || o.tag != ""), o.branch != "" && o.tag != "":
		return cli.UsageError(stderr, command, "want at most one of -branch and -tag, with -git")
	}
	if err := o.init(ctx); err != nil {
		return cli.Fail(stderr, command, err)
	}
	return cli.OK
}

func (o *options) init(ctx context.Context) (err error) {
	if o.root == "" {
		return hint.With(errors.New("the workspace's root is not known"), "run it as tools/bazel run //release:init")
	}
	line, product := filepath.Join(o.root, "manifests", o.name), filepath.Join(o.root, "release", o.name)
	for _, dir := range []string{line, product} {
		if _, err := os.Lstat(dir); err == nil {
			return hint.With(fmt.Errorf("%q exists already", dir), "choose another --name")
		}
	}
	dir, err := store.DefaultDir(os.Getenv)
	if err != nil {
		return err
	}
	if o.store, err = store.Open(dir); err != nil {
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
	fmt.Fprintf(o.stdout, "wrote manifests/%s and release/%s; next:\n\n    tools/bazel build //release:all --repo_env=RELEASE_LINE=%s\n", o.name, o.name, o.name)
	return nil
}

// lock runs resolve, which writes the lock.
func (o *options) lock(ctx context.Context, line string) error {
	cmd := environ.Command(ctx, environ.Own("BUILD_WORKSPACE_DIRECTORY="+o.root), runfile.Real(o.resolve),
		"--manifest", filepath.Join(line, "manifest.yaml"), "--go", runfile.Real(o.goCmd), "--store", o.store.Dir())
	cmd.Stdout, cmd.Stderr = o.stderr, o.stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("resolving the new line: %w", err)
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
