package bundle

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/dirs"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/base/runfile"
	"github.com/jasonwzm/release-builder/tools/internal/check/bundle"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/baseimage"
	"github.com/jasonwzm/release-builder/tools/internal/source/fill"
	"github.com/jasonwzm/release-builder/tools/internal/source/needs"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/source/toolchain"
	"github.com/jasonwzm/release-builder/tools/internal/source/workspacefile"
)

// rules is the module that a repository rule uses unchanged.
const rules = "github.com/bazelbuild/rules_go"

type options struct {
	line, modules, root           string // what the BUILD file and Bazel say
	goCmd                         string // the same
	out, since, store, launchRoot string
	lines, platforms              cli.Words
	noRoot                        bool
}

func pack(ctx context.Context, o *options, args []string, stdout, stderr io.Writer) int {
	set := flag.NewFlagSet("pack", flag.ContinueOnError)
	set.StringVar(&o.out, "out", "", "the `file` to write (required)")
	set.Var(&o.lines, "line", "a `line` to pack; may be repeated; default: the active line")
	set.StringVar(&o.since, "since", "", "leave out what this `file`, an old lock or bundle, has already")
	set.BoolVar(&o.noRoot, "no-root", false, "leave out the root with Bazel in it")
	set.StringVar(&o.launchRoot, "root", os.Getenv("RELEASE_ROOT"), "the `directory` of that root; set by the launcher")
	set.Var(&o.platforms, "platform", "a `platform` to build on, such as linux_amd64; may be repeated")
	set.StringVar(&o.store, "store", "", "the store's `directory`; default: RELEASE_STORE")
	if status, ok := cli.ParseFlags(set, args, stderr); !ok {
		return status
	}
	switch {
	case set.NArg() > 0:
		return cli.UsageError(stderr, command, "pack: got argument %q, want flags only", set.Arg(0))
	case o.out == "":
		return cli.UsageError(stderr, command, "pack: flag -out is missing")
	}
	a, err := o.args()
	var result *bundle.Result
	if err == nil {
		result, err = bundle.Pack(ctx, a)
	}
	if errors.Is(err, store.ErrMissing) && o.goCmd != "" && os.Getenv("RELEASE_AIRGAP") != "1" {
		fmt.Fprintln(stderr, command+": fetching what the store lacks")
		if err = o.fill(ctx, a, stderr); err == nil {
			result, err = bundle.Pack(ctx, a)
		}
	}
	if err != nil {
		return cli.Fail(stderr, command, err)
	}
	if err := result.Index.WriteText(stdout); err != nil {
		return cli.Fail(stderr, command, err)
	}
	fmt.Fprintf(stdout, "%s: %d bytes; %s\n", a.Out, result.Size, result.Index.Digest)
	return cli.OK
}

// fill fetches what the locks name and the store lacks.
func (o *options) fill(ctx context.Context, a bundle.Args, stderr io.Writer) error {
	log := cli.Log(stderr, command)
	for _, l := range a.Lines {
		dir := filepath.Join(o.root, "manifests", l.Name)
		f := fill.Filler{Store: a.Store, GoCommand: runfile.Real(o.goCmd), Dir: dir, Log: log}
		errs := []error{f.Lock(ctx, l.Lock)}
		images := baseimage.Args{Dir: dir, Store: a.Store, Keychain: authn.DefaultKeychain, Progress: log}
		for i := range l.Lock.Images {
			errs = append(errs, baseimage.Bring(ctx, images, &l.Lock.Images[i]))
		}
		if err := errors.Join(errs...); err != nil {
			return fmt.Errorf("fetching what line %s lacks: %w", l.Name, err)
		}
	}
	return nil
}

// storeDir returns the store's directory.
func (o *options) storeDir() (string, error) {
	if o.store != "" {
		return dirs.FromCaller(o.store), nil
	}
	return store.DefaultDir(os.Getenv)
}

// args reads what is to be packed.
func (o *options) args() (bundle.Args, error) {
	a := bundle.Args{Out: dirs.FromCaller(o.out), Platforms: o.platforms}
	if o.root == "" {
		return a, hint.With(errors.New("the workspace's root is not known"), "run it as tools/bazel run //release:bundle")
	}
	if len(o.lines) == 0 && o.line != "" {
		o.lines = cli.Words{o.line}
	}
	if len(o.lines) == 0 {
		return a, hint.With(errors.New("no line is chosen"), "set RELEASE_LINE to the name of a directory in manifests/, or pass --line")
	}
	if len(a.Platforms) == 0 {
		a.Platforms = []string{runtime.GOOS + "_" + runtime.GOARCH}
	}
	dir, err := o.storeDir()
	if err != nil {
		return a, err
	}
	if a.Store, err = store.Open(dir); err != nil {
		return a, err
	}
	pins, err := toolchain.Read(o.root)
	if err != nil {
		return a, err
	}
	if err := o.readLines(&a, &pins.Go); err != nil {
		return a, err
	}
	if a.Tools, err = o.toolModules(pins); err != nil {
		return a, err
	}
	if a.Archives, err = workspacefile.Archives(o.root, a.Store); err != nil {
		return a, err
	}
	if err := o.readSince(&a); err != nil || o.noRoot {
		return a, err
	}
	if a.Root = o.launchRoot; a.Root == "" && a.SinceLock == nil {
		err := errors.New("there is no root to pack: Bazel is installed on this machine")
		return a, hint.With(err, "pack on a machine where tools/bazel installed Bazel, or pass --no-root if the other machine has Bazel")
	}
	return a, nil
}

// readLines reads the locks. Their toolchain has to be that of this workspace.
func (o *options) readLines(a *bundle.Args, sdk *lock.GoSDK) error {
	for _, name := range o.lines {
		l, err := readLock(name, filepath.Join(o.root, "manifests", name, "lock.json"))
		if err != nil {
			return err
		}
		for _, p := range a.Platforms {
			if got, want := l.Lock.Toolchain.Go.Archives[p], sdk.Archives[p]; got != want {
				err := fmt.Errorf("line %s: Go SDK for %s: the lock has %s, %s, and %s has %s, %s",
					name, p, l.Lock.Toolchain.Go.Version, got.SHA256, toolchain.SDK, sdk.Version, want.SHA256)
				return hint.With(err, "run tools/bazel run //release:resolve")
			}
		}
		a.Lines = append(a.Lines, l)
	}
	return nil
}

func readLock(line, name string) (needs.Line, error) {
	data, err := fileio.ReadLimited(name, jsonfile.MaxSize)
	if err != nil {
		return needs.Line{}, fmt.Errorf("reading lock: %w", err)
	}
	l, err := lock.Parse(name, data)
	return needs.Line{Name: line, Lock: l, Digest: digest.FromBytes(data)}, err
}

func (o *options) toolModules(pins *toolchain.Pins) ([]lock.GoModule, error) {
	if o.modules == "" {
		return nil, errors.New("--modules is missing: it says which modules the tools are built from")
	}
	return bundle.ToolModules(pins.GoMod, pins.GoSum, runfile.Real(o.modules), rules)
}

// readSince reads an old lock, which begins with a brace, or an old bundle.
func (o *options) readSince(a *bundle.Args) error {
	if o.since == "" {
		return nil
	}
	name := dirs.FromCaller(o.since)
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("reading --since: %w", err)
	}
	first := make([]byte, 1)
	_, err = io.ReadFull(f, first)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("reading --since %q: %w", name, err)
	}
	if first[0] != '{' {
		a.SinceBundle, err = bundle.ReadIndex(name)
		return err
	}
	old, err := readLock("", name)
	a.SinceLock = &old
	return err
}
