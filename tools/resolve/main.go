// Resolve pins everything that a manifest names and writes the lock beside it.
//
//	tools/bazel run //release:resolve                      the active line
//	tools/bazel run //release:resolve -- --update NAME…    look these up again: branches move, tags may
//	tools/bazel run //release:resolve -- --check           write nothing; exit 1 if the lock is stale
//	tools/bazel run //release:resolve -- --manifest FILE   another manifest
//	tools/bazel run //release:resolve -- --json            say what changed as JSON
//	tools/bazel run //release:resolve -- --allow-dirty     pin directories that are not what was committed
//
// It prints what changed against the lock that is there, one line a dependency,
// and brings all that the lock names into the store (RELEASE_STORE), so that
// builds need no network. A dependency whose revision stays is not read again,
// and a branch stays where it is locked until --update (of names, or "all");
// --check says which branches have moved since, which makes no lock stale.
// The lock is replaced atomically: whatever happens, the old one or the new one
// is there, whole.
//
// Git repositories are read by the git command, with the user's configuration:
// credential helpers, url.<base>.insteadOf, GIT_CONFIG_*. It never asks at the
// terminal.
//
// SOURCE_DATE_EPOCH (seconds since 1970) stands for the commit time of a directory
// that is not in a repository; the default is 1980-01-01.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/base/progress"
	"github.com/jasonwzm/release-builder/tools/internal/base/runfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/resolve"
)

func main() { cli.Main(run) }

type options struct {
	line, manifest, root, goCmd, store string
	check, json, allowDirty            bool
	update                             names
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	set := flag.NewFlagSet("resolve", flag.ContinueOnError)
	set.StringVar(&o.manifest, "manifest", "", "the manifest `file`; the active line's if not given")
	set.BoolVar(&o.check, "check", false, "write no lock, exit 1 if it is stale")
	set.BoolVar(&o.json, "json", false, "print what changed as JSON")
	set.Var(&o.update, "update", "look up the named `dependency` again, \"all\" for each; more names may follow")
	set.BoolVar(&o.allowDirty, "allow-dirty", false, "pin a repository's directory that is not what was committed")
	set.StringVar(&o.line, "line", "", "the active `line`; set by the BUILD file")
	set.StringVar(&o.goCmd, "go", "go", "the go command, a runfile or a `path`; set by the BUILD file")
	set.StringVar(&o.root, "root", os.Getenv("BUILD_WORKSPACE_DIRECTORY"), "the workspace's root `directory`")
	set.StringVar(&o.store, "store", "", "the store's `directory`; RELEASE_STORE if not given")
	if status, ok := cli.ParseFlags(set, args, stderr); !ok {
		return status
	}
	if len(o.update) > 0 {
		o.update = append(o.update, set.Args()...)
	} else if set.NArg() > 0 {
		return cli.UsageError(stderr, "resolve", "got argument %q, want flags only", set.Arg(0))
	}
	if err := o.complete(); err != nil {
		return cli.Fail(stderr, "resolve", err)
	}
	stale, err := o.resolve(ctx, stdout, stderr)
	if err != nil {
		return cli.Fail(stderr, "resolve", err)
	}
	if stale && o.check {
		return cli.Failure
	}
	return cli.OK
}

// complete turns what the BUILD file and the user gave into absolute paths.
func (o *options) complete() error {
	if o.root == "" {
		return hint.With(errors.New("the workspace's root is not known"), "run it as tools/bazel run //release:resolve")
	}
	if o.manifest == "" {
		if o.line == "" {
			return errors.New("neither --manifest nor --line is given")
		}
		o.manifest = filepath.Join(o.root, "manifests", o.line, "manifest.yaml")
	} else if !filepath.IsAbs(o.manifest) {
		// `bazel run` changes the working directory, and says what it was.
		var err error
		if o.manifest, err = filepath.Abs(filepath.Join(os.Getenv("BUILD_WORKING_DIRECTORY"), o.manifest)); err != nil {
			return err
		}
	}
	o.goCmd = runfile.Real(o.goCmd)
	return nil
}

func (o *options) resolve(ctx context.Context, stdout, stderr io.Writer) (stale bool, err error) {
	data, err := fileio.ReadLimited(o.manifest, manifest.MaxSize)
	if err != nil {
		return false, fmt.Errorf("reading manifest: %w", err)
	}
	shown := o.shown(o.manifest)
	m, err := manifest.Parse(shown, data)
	if err != nil {
		return false, err
	}
	for _, note := range m.Notes {
		fmt.Fprintf(stderr, "resolve: note: %s\n", note)
	}
	if err := o.update.check(m); err != nil {
		return false, err
	}
	name := filepath.Join(filepath.Dir(o.manifest), "lock.json")
	old, err := o.previous(name, stderr)
	if err != nil {
		return false, err
	}
	board := progress.New("resolve", stderr)
	defer board.Close()
	session, err := o.session(m, old, board)
	if err != nil {
		return false, err
	}
	defer session.done()
	session.args.Digest = digest.FromBytes(data)
	l, err := resolve.Resolve(ctx, session.args)
	if err != nil {
		return false, err
	}
	r := report{Lock: o.shown(name), Changes: resolve.Changes(old, l)}
	r.Stale = len(r.Changes) > 0
	if o.check {
		if r.Behind, err = session.git.Behind(ctx, l); err != nil {
			return false, err
		}
	} else if r.Stale {
		if err := jsonfile.Write(name, l); err != nil {
			return false, err
		}
	}
	return r.Stale, o.report(stdout, &r)
}

// previous reads the lock that is there. One that cannot be read is treated as
// none, aloud: it is about to be replaced.
func (o *options) previous(name string, stderr io.Writer) (*lock.Lock, error) {
	old, err := lock.Read(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil && o.check:
		return nil, err
	case err != nil:
		fmt.Fprintf(stderr, "resolve: note: starting anew: %v\n", err)
		return nil, nil
	}
	return old, nil
}

// shown is a path as people want to read it: relative to the workspace if below it.
func (o *options) shown(path string) string {
	if rel, err := filepath.Rel(o.root, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
