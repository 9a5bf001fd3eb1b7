// Reproduce builds a release twice and compares the bits. It explains any difference.
//
//	tools/bazel run //release:reproduce
//	tools/bazel run //release:reproduce -- --variations=all,-cpus
//	tools/bazel run //release:reproduce -- --remote remote|remote-exec
//	tools/bazel run //release:reproduce -- --against DIR|SHA256SUMS|URL
//
// It builds the active line in two clones of the workspace, under different conditions
// (path, user, time zone, number of CPUs and so on), and compares every file of the two
// releases by its digest. It shows a difference down to the archive's entry, the header's
// field, the program's section or the JSON path, with its likely cause.
//
// The go command is one more builder, independent of Bazel: //release:rebuild builds each
// program of the first release again. A program that differs, or that it cannot build, is a
// difference. --rebuild=false skips this.
//
// Reproduce builds the workspace's HEAD with the uncommitted changes to tracked files; a
// warning names these. Each build has its own Bazel server, cache and home. Inputs come from
// the store; if it has everything, the builds run without a network.
//
// # Variations
//
//	path         the workspace's directory, and the length of its name
//	output-base  Bazel's output base
//	home         HOME and TMPDIR
//	user         name, user id and group id, in a user namespace
//	host         the machine's name, in a UTS namespace
//	tz           TZ
//	lang         LANG, LANGUAGE, LC_ALL
//	umask        022 and 077
//	jobs         --jobs
//	cpus         how many CPUs the build may use: one less
//	env          variables with defaults for other tools, such as GZIP and CFLAGS
//	dirorder     the order in which directories list their files: they are created in
//	             reverse, and sandboxes are in memory
//	clock        the second build starts at least a minute later
//	disk-cache   neither build uses results of earlier builds; without this variation,
//	             both use the user's disk cache, and what is in it is not built
//
// A variation that is impossible on this machine is reported as not made. --variations
// takes names separated by commas: all, none, NAME, or -NAME for all but that one.
//
// If something differs, --bisect builds again with fewer variations, until it is known for
// each file which variation makes it differ. This takes about two builds for each halving
// of their number.
//
// # Another machine
//
// --remote CONFIG builds here, and a second time with --config=CONFIG: remote takes results
// from a cache, remote-exec builds on workers (docs/remote.md). Otherwise only the variations
// that --variations names are made. Beside the releases, the results of all actions are
// compared. Those that had the same inputs and gave something else are named: a cache or a
// worker that cannot be trusted.
//
// # Published releases
//
// --against RELEASE builds a published release again, once, from its manifest.yaml and
// lock.json, and compares: with its files if they can be read, otherwise with the digests
// in its SHA256SUMS. RELEASE is the release's directory, its SHA256SUMS, or the http, https
// or file URL of either.
//
// # Output
//
// Reproduce prints a table with PASS or FAIL for every file, and what was varied. It writes
// reproduce.json and reproduce.html, a page without other files, to --out. The default is
// the directory reproduce in the line's directory below $XDG_STATE_HOME/release-builder
// (~/.local/state/release-builder).
//
// Exit status: 0 equal, 1 a difference or a failure, 2 the command line is wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/dirs"
	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/progress"
	"github.com/jasonwzm/release-builder/tools/internal/check/reproduce"
)

const name = "reproduce"

func main() { cli.Main(run) }

// options are the flags.
type options struct {
	line, variations, against, remote, out, temp, workspace string
	jobs                                                    int
	keep, bisect, rebuild                                   bool
}

func (o *options) flags() *flag.FlagSet {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.StringVar(&o.line, "line", "", "the `line` to build; set by the BUILD file")
	set.StringVar(&o.variations, "variations", "", "the `list` of variations to make, such as all,-cpus; default: all, or none with --remote")
	set.StringVar(&o.against, "against", "", "build once and compare with a `release`: its directory, SHA256SUMS, or the URL of either")
	set.StringVar(&o.remote, "remote", "", "build the second time with the Bazel `config` of another machine: remote or remote-exec")
	set.StringVar(&o.out, "out", "", "the `directory` for reproduce.json and reproduce.html")
	set.StringVar(&o.temp, "tmp", "", "the `directory` to build in, about 10 GB; default: the cache")
	set.StringVar(&o.workspace, "workspace", "", "the `directory` of the workspace; default: where Bazel was called")
	set.IntVar(&o.jobs, "jobs", 0, "the first build's `number` of actions at a time; 0 is the number of CPUs")
	set.BoolVar(&o.keep, "keep", false, "do not delete the clones and the releases")
	set.BoolVar(&o.rebuild, "rebuild", true, "also build the programs with the go command")
	set.BoolVar(&o.bisect, "bisect", false, "if something differs, build again to find the variation that causes it")
	return set
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	// See reproduce.Enter: this process enters a world and becomes another program.
	if len(args) > 0 && args[0] == reproduce.EnterVerb {
		return cli.Fail(stderr, name, reproduce.Enter(args[1:]))
	}
	var o options
	set := o.flags()
	if status, ok := cli.ParseFlags(set, args, stderr); !ok {
		return status
	}
	if o.variations == "" {
		o.variations = "all"
		if o.remote != "" {
			o.variations = "none"
		}
	}
	vary, err := reproduce.ParseVariations(o.variations)
	switch {
	case set.NArg() > 0:
		return cli.UsageError(stderr, name, "got argument %q, want flags only", set.Arg(0))
	case err != nil:
		return cli.UsageError(stderr, name, "--variations: %v", err)
	case o.line == "":
		return cli.UsageError(stderr, name, "no line is chosen: set RELEASE_LINE to the name of a directory in manifests/, or pass --line")
	case o.jobs < 0:
		return cli.UsageError(stderr, name, "--jobs: got %d, want 0 or more", o.jobs)
	case o.bisect && o.keep:
		return cli.UsageError(stderr, name, "--bisect and --keep cannot be used together: --bisect builds in the same directories")
	case o.bisect && o.remote != "":
		return cli.UsageError(stderr, name, "--bisect and --remote cannot be used together: --remote names actions")
	case o.bisect && o.against != "":
		return cli.UsageError(stderr, name, "--bisect and --against cannot be used together: --bisect needs two builds")
	}
	board := progress.New(name, stderr)
	defer board.Close()
	result, err := o.reproduce(ctx, vary, board, os.Getenv)
	if err != nil {
		board.Close()
		return cli.Fail(stderr, name, err)
	}
	return o.show(result, stdout, stderr)
}

// show prints the result, whose files have been written.
func (o *options) show(result *reproduce.Result, stdout, stderr io.Writer) int {
	if err := result.WriteText(stdout); err != nil {
		return cli.Fail(stderr, name, err)
	}
	fmt.Fprintf(stdout, "%s\n%s\n", filepath.Join(o.out, "reproduce.json"), filepath.Join(o.out, "reproduce.html"))
	if result.Kept != "" {
		fmt.Fprintf(stdout, "kept: %s\n", result.Kept)
	}
	if !result.Equal {
		return cli.Failure
	}
	return cli.OK
}

func (o *options) reproduce(ctx context.Context, vary []reproduce.Variation, board *progress.Board, env func(string) string) (*reproduce.Result, error) {
	workspace, err := o.root(env)
	if err != nil {
		return nil, err
	}
	if err := o.outputs(env); err != nil {
		return nil, err
	}
	var published *reproduce.Published
	if o.against != "" {
		if !strings.Contains(o.against, "://") {
			o.against = absolute(o.against, env)
		}
		if published, err = reproduce.OpenPublished(ctx, o.against); err != nil {
			return nil, err
		}
	}
	b := &reproduce.Bazel{Line: o.line, Store: env("RELEASE_STORE"), Disk: env("RELEASE_DISK_CACHE"), Logs: o.out, Linef: board.Linef}
	cache := dirs.Cache(env)
	if b.Disk == "" {
		b.Disk = filepath.Join(cache, "disk")
	}
	if b.Store == "" {
		b.Store = filepath.Join(cache, "store")
	}
	if !haveBazel(workspace, env) {
		b.Cache = cache
	}
	if o.temp == "" {
		o.temp = cache
		if !writable(cache) {
			o.temp = os.TempDir()
		}
	}
	result, err := reproduce.Run(ctx, reproduce.RunArgs{
		Workspace: workspace, Published: published, Vary: vary, Bazel: b, Temp: absolute(o.temp, env), Memory: memory(),
		Environ: environ.User(), Jobs: o.jobs, Remote: o.remote, Rebuild: o.rebuild, Bisect: o.bisect, Keep: o.keep,
	})
	if err != nil {
		return nil, err
	}
	return result, result.Write(o.out)
}

// root returns the workspace's root directory.
func (o *options) root(env func(string) string) (string, error) {
	dir := o.workspace
	if dir == "" {
		dir = env("BUILD_WORKSPACE_DIRECTORY")
	}
	if dir == "" {
		return "", errors.New("no workspace: run it as tools/bazel run //release:reproduce, or pass --workspace DIRECTORY")
	}
	dir = absolute(dir, env)
	if _, err := os.Stat(filepath.Join(dir, "tools", "bazel")); err != nil {
		return "", fmt.Errorf("opening workspace %q: %w", dir, err)
	}
	return dir, nil
}

// outputs sets and makes the directory of the reports.
func (o *options) outputs(env func(string) string) error {
	if o.out == "" {
		state, err := dirs.State("", env)
		if err != nil {
			return hint.With(err, "or pass --out DIRECTORY")
		}
		o.out = filepath.Join(state, o.line, name)
	}
	o.out = absolute(o.out, env)
	return os.MkdirAll(o.out, 0o755)
}

// haveBazel reports whether tools/bazel finds a Bazel other than the one in its cache.
func haveBazel(workspace string, env func(string) string) bool {
	if env("BAZEL_REAL") != "" {
		return true
	}
	own, err := os.Stat(filepath.Join(workspace, "tools", "bazel"))
	if err != nil {
		return false
	}
	for _, program := range []string{"bazelisk", "bazel"} {
		if path, err := exec.LookPath(program); err == nil {
			if info, err := os.Stat(path); err == nil && !os.SameFile(info, own) {
				return true
			}
		}
	}
	return false
}

// memory returns a directory that may list files in the order of their creation, or "".
func memory() string {
	const dir = "/dev/shm"
	if !writable(dir) {
		return ""
	}
	return dir
}

func writable(dir string) bool {
	f, err := os.MkdirTemp(dir, ".reproduce-*")
	if err != nil {
		return false
	}
	return os.Remove(f) == nil
}

// absolute resolves a path relative to the caller's directory.
func absolute(path string, env func(string) string) string {
	if filepath.IsAbs(path) {
		return path
	}
	if dir := env("BUILD_WORKING_DIRECTORY"); dir != "" {
		return filepath.Join(dir, path)
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
