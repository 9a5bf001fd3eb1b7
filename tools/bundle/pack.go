package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/check/bundle"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/needs"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// rules is the module whose files a repository rule takes as they are.
const rules = "github.com/bazelbuild/rules_go"

type options struct {
	line, modules, root           string // what the BUILD file and Bazel say
	fetch, goCmd                  string // the same
	out, since, store, launchRoot string
	lines, platforms              cli.Words
	noRoot                        bool
}

func pack(ctx context.Context, o *options, args []string, stdout, stderr io.Writer) int {
	set := flag.NewFlagSet("pack", flag.ContinueOnError)
	set.StringVar(&o.out, "out", "", "the `file` to write (required)")
	set.Var(&o.lines, "line", "a `line` to pack; again for more; the active one if not given")
	set.StringVar(&o.since, "since", "", "leave out what this old lock needs, or this old bundle has (a `file`)")
	set.BoolVar(&o.noRoot, "no-root", false, "leave out the root that Bazel runs in")
	set.StringVar(&o.launchRoot, "root", os.Getenv("RELEASE_ROOT"), "the `folder` of that root; the launcher says it")
	set.Var(&o.platforms, "platform", "a `platform` to build on, as linux_amd64; again for more")
	set.StringVar(&o.store, "store", "", "the store's `folder`; RELEASE_STORE if not given")
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
	if errors.Is(err, bundle.ErrMissing) && o.fetch != "" && os.Getenv("RELEASE_AIRGAP") != "1" {
		fmt.Fprintln(stderr, command+": bringing what the store lacks: no build has asked for it yet")
		if err = o.bring(ctx, stderr); err == nil {
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

// bring has fetch bring what the locks name into the store.
func (o *options) bring(ctx context.Context, stderr io.Writer) error {
	dir, err := o.storeDir()
	if err != nil {
		return err
	}
	for _, line := range o.lines {
		base := filepath.Join(o.root, "manifests", line)
		cmd := environ.Command(ctx, environ.Own(), runfile(o.fetch), "--store", dir, "--go", runfile(o.goCmd),
			"lock", "--lock", filepath.Join(base, "lock.json"), "--base", base)
		cmd.Stderr = stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("bringing what line %s lacks: %w", line, err)
		}
	}
	return nil
}

// storeDir returns the store's folder.
func (o *options) storeDir() (string, error) {
	if o.store != "" {
		return cli.FromCaller(o.store), nil
	}
	return store.DefaultDir(os.Getenv)
}

// runfile returns the path of a runfile, or the name itself if it is none.
func runfile(name string) string {
	if path, err := runfiles.Rlocation(name); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return path
		}
	}
	return name
}

// args reads what is to be packed.
func (o *options) args() (bundle.Args, error) {
	a := bundle.Args{Out: cli.FromCaller(o.out), Platforms: o.platforms}
	if o.root == "" {
		return a, cli.WithHint(errors.New("the workspace's root is not known"), "run it as tools/bazel run //tools/bundle")
	}
	if len(o.lines) == 0 && o.line != "" {
		o.lines = cli.Words{o.line}
	}
	if len(o.lines) == 0 {
		return a, errors.New("no --line is given")
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
	if err := o.readLines(&a); err != nil {
		return a, err
	}
	if a.Tools, err = o.toolModules(); err != nil {
		return a, err
	}
	if err := o.readSince(&a); err != nil || o.noRoot {
		return a, err
	}
	if a.Root = o.launchRoot; a.Root == "" && a.SinceLock == nil {
		err := errors.New("there is no root to pack: this Bazel is the machine's own")
		return a, cli.WithHint(err, "pack where tools/bazel brought Bazel, or for machines that have one with --no-root")
	}
	return a, nil
}

// readLines reads the locks, which have to be for the toolchain of this workspace.
func (o *options) readLines(a *bundle.Args) error {
	var sdk lock.GoSDK
	if err := jsonfile.Read(filepath.Join(o.root, "release", "sources", "go_sdk.json"), &sdk); err != nil {
		return fmt.Errorf("reading the Go SDK's pins: %w", err)
	}
	for _, name := range o.lines {
		l, err := readLock(name, filepath.Join(o.root, "manifests", name, "lock.json"))
		if err != nil {
			return err
		}
		for _, p := range a.Platforms {
			if got, want := l.Lock.Toolchain.Go.Archives[p], sdk.Archives[p]; got != want {
				err := fmt.Errorf("line %s: Go SDK for %s: the lock has %s, %s, and release/sources/go_sdk.json has %s, %s",
					name, p, l.Lock.Toolchain.Go.Version, got.SHA256, sdk.Version, want.SHA256)
				return cli.WithHint(err, "run tools/bazel run //tools/resolve")
			}
		}
		a.Lines = append(a.Lines, l)
	}
	return nil
}

func readLock(line, name string) (needs.Line, error) {
	data, err := jsonfile.ReadLimited(name, jsonfile.MaxSize)
	if err != nil {
		return needs.Line{}, fmt.Errorf("reading lock: %w", err)
	}
	l, err := lock.Parse(name, data)
	return needs.Line{Name: line, Lock: l, Digest: digest.FromBytes(data)}, err
}

func (o *options) toolModules() ([]lock.GoModule, error) {
	if o.modules == "" {
		return nil, errors.New("which modules the tools are built from is not known: --modules is not given")
	}
	return bundle.ToolModules(o.root, runfile(o.modules), rules)
}

// readSince reads the old lock or bundle. A lock begins with a brace.
func (o *options) readSince(a *bundle.Args) error {
	if o.since == "" {
		return nil
	}
	name := cli.FromCaller(o.since)
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
