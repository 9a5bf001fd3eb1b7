// Reproduce shows that a release is built to the same bits again, or why it is not.
//
//	tools/bazel run //release:reproduce
//	tools/bazel run //release:reproduce -- --variations=all,-cpus
//	tools/bazel run //release:reproduce -- --against DIR|SHA256SUMS|URL
//
// It builds the active line twice, in two clones of the workspace that differ in
// everything that must not matter, and compares every file of the two releases by
// its digest. A difference is told down to the archive's entry, the header's field,
// the program's section or the JSON path, with what likely causes it.
//
// The go command is one more builder, independent of Bazel: //release:rebuild makes
// each program of the first release again, and one that it makes otherwise, or
// cannot make, is a difference. --rebuild=false leaves it out.
//
// What is built is the workspace's HEAD with what is changed in tracked files; a
// warning names these. Each build has a Bazel server, a cache and a home of its own,
// takes all from the store, and runs without a network where the store has everything.
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
//	env          variables that other tools take defaults from, as GZIP and CFLAGS
//	dirorder     the order in which directories list their files: they are created in
//	             reverse, and sandboxes are in memory
//	clock        the second build begins a minute later or more
//	disk-cache   no results of earlier builds, in both; not asked for, the user's disk
//	             cache is used, and what is found there is not built
//
// One that this machine does not let us make is reported as not made. --variations
// takes names with commas between: all, NAME, or -NAME for all but that; none.
//
// --bisect goes on where something differs: it builds again with fewer variations,
// until it is known for each file which of them makes it differ. It takes some two
// builds for each halving of their number.
//
// # What was published
//
// --against takes the manifest.yaml and lock.json that a release carries, makes
// them the line of a clone, builds once and compares with the release: with its
// files where they can be read, with the digests of its SHA256SUMS else. It is the
// directory of the release, or its SHA256SUMS, or the http, https or file URL of
// either.
//
// # Output
//
// stdout has a table with PASS or FAIL for every file, and what was varied.
// reproduce.json and reproduce.html, which needs no other file, are written to
// --out: by default reproduce in the line's directory below
// $XDG_STATE_HOME/release-builder, which is ~/.local/state/release-builder if not
// given.
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
	line, variations, against, out, temp, workspace string
	jobs                                            int
	keep, bisect, rebuild                           bool
}

func (o *options) flags() *flag.FlagSet {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.StringVar(&o.line, "line", "", "the `line` to build; Bazel says the active one")
	set.StringVar(&o.variations, "variations", "all", "the `list` of variations to make, as all,-cpus")
	set.StringVar(&o.against, "against", "", "build once and compare with a `release`: its directory, SHA256SUMS, or the URL of either")
	set.StringVar(&o.out, "out", "", "the `directory` for reproduce.json and reproduce.html")
	set.StringVar(&o.temp, "tmp", "", "the `directory` to build in, some 10 GB; the cache if not given")
	set.StringVar(&o.workspace, "workspace", "", "the `directory` of the workspace; where Bazel was called if not given")
	set.IntVar(&o.jobs, "jobs", 0, "the first build's `number` of actions at a time; 0 is the number of CPUs")
	set.BoolVar(&o.keep, "keep", false, "leave the clones and the releases where they were built")
	set.BoolVar(&o.rebuild, "rebuild", true, "have the go command build the programs as well")
	set.BoolVar(&o.bisect, "bisect", false, "where something differs, build again to find the variation that does it")
	return set
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	// See reproduce.Enter: this program enters a world, and becomes another there.
	if len(args) > 0 && args[0] == reproduce.EnterVerb {
		return cli.Fail(stderr, name, reproduce.Enter(args[1:]))
	}
	var o options
	set := o.flags()
	if status, ok := cli.ParseFlags(set, args, stderr); !ok {
		return status
	}
	vary, err := reproduce.ParseVariations(o.variations)
	switch {
	case set.NArg() > 0:
		return cli.UsageError(stderr, name, "got argument %q, want flags only", set.Arg(0))
	case err != nil:
		return cli.UsageError(stderr, name, "--variations: %v", err)
	case o.line == "":
		return cli.UsageError(stderr, name, "--line is missing: run it as tools/bazel run //release:reproduce")
	case o.jobs < 0:
		return cli.UsageError(stderr, name, "--jobs: got %d, want 0 or more", o.jobs)
	case o.bisect && o.keep:
		return cli.UsageError(stderr, name, "--bisect builds where the others were built: it does not go with --keep")
	case o.bisect && o.against != "":
		return cli.UsageError(stderr, name, "--bisect is for two builds of our own: it does not go with --against")
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

// show prints the result. Its files are written already.
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
		Environ: environ.User(), Jobs: o.jobs, Rebuild: o.rebuild, Bisect: o.bisect, Keep: o.keep,
	})
	if err != nil {
		return nil, err
	}
	return result, result.Write(o.out)
}

// root returns the workspace.
func (o *options) root(env func(string) string) (string, error) {
	dir := o.workspace
	if dir == "" {
		dir = env("BUILD_WORKSPACE_DIRECTORY")
	}
	if dir == "" {
		return "", errors.New("no workspace: run it as tools/bazel run //release:reproduce, or say --workspace FOLDER")
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
			return hint.With(err, "or say --out FOLDER")
		}
		o.out = filepath.Join(state, o.line, name)
	}
	o.out = absolute(o.out, env)
	return os.MkdirAll(o.out, 0o755)
}

// haveBazel tells whether tools/bazel finds a Bazel beside the one in its cache.
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

// memory returns a directory that lists files by their creation, if there may be one.
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

// absolute returns a path that starts where the command was called.
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
