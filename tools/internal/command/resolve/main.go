// Package resolve has the command resolve: see tools/resolve.
package resolve

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
	"github.com/jasonwzm/release-builder/tools/internal/source/workspacefile"
)

type options struct {
	line, manifest, root, goCmd, store string
	check, json, allowDirty            bool
	update                             names
}

// Run runs the command.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	set := flag.NewFlagSet("resolve", flag.ContinueOnError)
	set.StringVar(&o.manifest, "manifest", "", "the manifest `file`; default: the active line's")
	set.BoolVar(&o.check, "check", false, "write no lock, exit 1 if it is stale")
	set.BoolVar(&o.json, "json", false, "print the changes as JSON")
	set.Var(&o.update, "update", "re-resolve the named `dependency`, \"all\" for every one; more names may follow")
	set.BoolVar(&o.allowDirty, "allow-dirty", false, "pin a repository's directory with uncommitted changes")
	set.StringVar(&o.line, "line", os.Getenv("RELEASE_LINE"), "the active `line`; set by the BUILD file")
	set.StringVar(&o.goCmd, "go", "go", "the go command, a runfile or a `path`; set by the BUILD file")
	set.StringVar(&o.root, "root", os.Getenv("BUILD_WORKSPACE_DIRECTORY"), "the workspace's root `directory`")
	set.StringVar(&o.store, "store", "", "the store's `directory`; default: RELEASE_STORE")
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
		fmt.Fprintln(stderr, "resolve: hint: run tools/bazel run //release:resolve")
		return cli.Failure
	}
	return cli.OK
}

// complete makes the paths from the BUILD file and the user absolute.
func (o *options) complete() error {
	if o.root == "" {
		return hint.With(errors.New("the workspace's root is not known"), "run it in a workspace, as tools/bazel run //release:resolve")
	}
	if o.manifest == "" {
		if o.line == "" {
			return hint.With(errors.New("no line is chosen"), "set RELEASE_LINE to the name of a directory in manifests/, or pass --line")
		}
		o.manifest = filepath.Join(o.root, "manifests", o.line, "manifest.yaml")
	} else if !filepath.IsAbs(o.manifest) {
		// `bazel run` changes the working directory.
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
	if r.Uses, err = workspacefile.UseRepositories(o.root, !o.check); err != nil {
		return false, err
	}
	return r.Stale || r.Uses, o.report(stdout, &r)
}

// previous reads the old lock. If it cannot be read, previous says so and returns nil: the
// lock is about to be replaced.
func (o *options) previous(name string, stderr io.Writer) (*lock.Lock, error) {
	old, err := lock.Read(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil && o.check:
		return nil, err
	case err != nil:
		fmt.Fprintf(stderr, "resolve: note: ignoring the old lock: %v\n", err)
		return nil, nil
	}
	return old, nil
}

// shown returns a path for people: relative to the workspace if it is below it.
func (o *options) shown(path string) string {
	if rel, err := filepath.Rel(o.root, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
