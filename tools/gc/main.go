// Gc shows the disk space that releases use on this machine, and removes what nothing
// needs any more.
//
//	tools/bazel run //release:gc -- --dry-run     shows what would be removed
//	tools/bazel run //release:gc                  removes what no lock of any checkout here needs
//	tools/bazel run //release:gc -- --git v1.0.0..HEAD        but keeps what these commits need
//	tools/bazel run //release:gc -- --disk-cache-size 10G     and shrinks Bazel's disk cache
//	tools/bazel run //release:gc -- --stage 1.0.0             and removes this release from the stage
//
// # What is removed
//
//	store         files, modules, blobs of base images and roots of bundles that no kept
//	              lock, go.sum or go_sdk.json needs. What Bazel fetched for itself stays
//	disk cache    the least recently used results, if --disk-cache-size is given.
//	              Otherwise only Bazel limits it, to RELEASE_DISK_CACHE_SIZE
//	roots         those whose Bazel no kept .bazelversion or lock names, and those that an
//	              older tools/bazel of this checkout installed
//	output bases  those whose workspace is gone
//	everywhere    temporary files of interrupted runs
//
// The cache of the go command is only shown: go itself removes what it has not used for
// days. Runs and stages are only shown too, except the releases that --stage names.
//
// # What is kept
//
// Gc keeps what this checkout needs now: its locks below manifests, go.sum,
// release/sources/go_sdk.json and .bazelversion. It keeps the same for every other
// checkout that Bazel has an output base for, because all share one store.
// --this-checkout ignores the others.
//
//	--git RANGE    also keeps what each commit of a range needs. RANGE is as for git
//	               rev-list: HEAD is the whole history of HEAD. May be repeated
//	--locks DIR    also keeps what the lock.json files below a directory need. May be
//	               repeated
//	--min-age AGE  also keeps what was written or looked up within this time; default: 24h
//
// If a lock cannot be read, gc fails and removes nothing. If the manifests of a kept base
// image are not in the store, all base images stay.
//
// # Stages
//
// --stage VERSION removes a release from the embedded stage of the active line, or of
// --line NAME: its directory in the bucket, its tags in the registry with the blobs that
// no other tag needs, its charts, its git tags, the file of its GitHub release, its
// receipt, and the record of its run. Only the named releases are removed. A release that
// an alias such as latest names cannot be removed. Do not run this while something is
// published to that stage.
//
// # Beside a running build
//
// Gc may run beside a build, a resolve or another gc: what they use is younger than
// --min-age, or a kept lock names it. A directory is renamed before it is removed, so
// nobody finds half of it. A build that misses something fetches it again. On a machine
// without a network it cannot: there, leave --min-age alone, and keep with --git or
// --locks everything that may have to be built. Ctrl-C ends gc at once; the next run
// continues.
//
// # Output
//
// Gc prints a line for each place, for what stays in it and why, and for what it removes,
// then the total. --json prints the same as one document.
//
// Exit status: 0 done, 1 something cannot be read or removed, 2 the command line is wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/dirs"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/check/gc"
)

func main() { cli.Main(run) }

const command = "gc"

type options struct {
	workspace, bases    string
	line                string
	git, locks, stage   cli.Words
	diskSize            size
	minAge              time.Duration
	dryRun, json, alone bool
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := options{diskSize: -1}
	set := flag.NewFlagSet(command, flag.ContinueOnError)
	set.StringVar(&o.workspace, "workspace", os.Getenv("BUILD_WORKSPACE_DIRECTORY"), "the checkout's `directory`")
	set.StringVar(&o.bases, "output-bases", "", "the `directory` of Bazel's output bases; default: the one in use")
	set.Var(&o.git, "git", "keep what the commits of this `range` need; may be repeated")
	set.Var(&o.locks, "locks", "keep what the lock.json files below this `directory` need; may be repeated")
	set.DurationVar(&o.minAge, "min-age", 24*time.Hour, "keep what was used less than this `duration` ago")
	set.Var(&o.diskSize, "disk-cache-size", "shrink Bazel's disk cache to this `size`, such as 10G")
	set.Var(&o.stage, "stage", "remove the release of this `version` from the line's stage; may be repeated")
	set.StringVar(&o.line, "line", os.Getenv("RELEASE_LINE"), "the `line` whose stage it is; default: the active line")
	set.BoolVar(&o.alone, "this-checkout", false, "do not keep what other checkouts on this machine need")
	set.BoolVar(&o.dryRun, "dry-run", false, "remove nothing")
	set.BoolVar(&o.json, "json", false, "print one JSON document")
	if status, ok := cli.ParseFlags(set, args, stderr); !ok {
		return status
	}
	switch {
	case set.NArg() > 0:
		return cli.UsageError(stderr, command, "got argument %q, want flags only", set.Arg(0))
	case o.minAge < 0:
		return cli.UsageError(stderr, command, "--min-age: got %s, want 0 or more", o.minAge)
	}
	if len(o.stage) > 0 && o.line == "" {
		return cli.UsageError(stderr, command, "--stage needs --line: the active line is not known")
	}
	if err := o.collect(ctx, stdout); err != nil {
		return cli.Fail(stderr, command, err)
	}
	return cli.OK
}

// collect plans, removes unless it is a dry run, and prints.
func (o *options) collect(ctx context.Context, stdout io.Writer) error {
	a, err := o.args(ctx)
	if err != nil {
		return err
	}
	plan, err := gc.New(ctx, a)
	if err != nil {
		return err
	}
	verb := "removes"
	if o.dryRun {
		verb = "would remove"
	}
	if !o.json {
		for _, source := range a.Keep.Sources {
			fmt.Fprintf(stdout, "keeps what %s needs\n", source)
		}
		if err := plan.WriteText(stdout, verb); err != nil {
			return err
		}
	}
	if !o.dryRun {
		err = plan.Remove(ctx)
	}
	if o.json {
		data, jsonErr := jsonfile.Marshal(plan)
		_, writeErr := stdout.Write(data)
		return errors.Join(err, jsonErr, writeErr)
	}
	if o.dryRun {
		fmt.Fprintf(stdout, "total %s: would remove %s, and leave %s\n", cli.Size(plan.Size), cli.Size(plan.Goes), cli.Size(plan.Size-plan.Goes))
		return err
	}
	fmt.Fprintf(stdout, "total %s: removed %s, left %s\n", cli.Size(plan.Size), cli.Size(plan.Freed), cli.Size(plan.Size-plan.Freed))
	return err
}

// args finds the places, and reads what keeps things in them.
func (o *options) args(ctx context.Context) (gc.Args, error) {
	a := gc.Args{
		Keep: &gc.Keep{}, Cache: dirs.Cache(os.Getenv), Disk: os.Getenv("RELEASE_DISK_CACHE"), Root: os.Getenv("RELEASE_ROOT"),
		Stage: gc.Releases{Line: o.line, Versions: o.stage}, OutputBases: o.bases, DiskSize: int64(o.diskSize), Now: time.Now(), MinAge: o.minAge, Processes: gc.Processes("/proc"),
	}
	if o.workspace == "" {
		return a, hint.With(errors.New("the workspace's root is not known"), "run it as tools/bazel run //release:gc")
	}
	if err := o.places(&a); err != nil {
		return a, err
	}
	if err := o.keepCheckouts(&a); err != nil {
		return a, err
	}
	for _, commits := range o.git {
		if err := a.Keep.AddGit(ctx, o.workspace, commits); err != nil {
			return a, err
		}
	}
	for _, dir := range o.locks {
		if err := a.Keep.AddLocks(dirs.FromCaller(dir)); err != nil {
			return a, err
		}
	}
	return a, nil
}
