// Rebuild builds every program of a release again, with the go command alone, and
// says whether the release has the same bytes.
//
//	tools/bazel run //release:rebuild                        of the release that Bazel builds
//	tools/bazel run //tools/rebuild -- --release DIR --programs FILE
//
// A program of a module is what this makes of it, with a cache of its own, and with
// the store in the place of a module proxy:
//
//	CGO_ENABLED=0 GOOS=… GOARCH=… go install -trimpath -ldflags="-s -w -buildid=" PATH@VERSION
//
// with the tags, and -X for the x_defs, of its go_binary. Which module and version that
// is, the program's own build information says, and the release's lock has to have it.
// A program of a git source is what go build, with the same flags, makes in a clone at
// the commit: of the tar in the store and the commit in the lock comes such a clone, and
// git says whether they belong together.
// The release has the program in archives and in layers of images; each copy is compared.
//
// It prints a line for each program and platform: identical, or what differs. No
// network is used, and nothing of the user's environment reaches the go command.
//
// FILE is what Bazel knows of the programs: a JSON list of objects with name, package,
// goos, goarch, tags and x_defs. Programs that are not in it, because they were
// downloaded, are left alone.
//
// --json FILE writes the same as a list of objects with program, identical and text.
//
// Exit status: 0 all are identical, 1 one is not, or cannot be built, 2 the command line is wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/dirs"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/base/runfile"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

func main() { cli.Main(run) }

// flags are those of the command line.
type flags struct {
	release, programs, store, goCmd, cache, json string
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var f flags
	set := flag.NewFlagSet("rebuild", flag.ContinueOnError)
	set.StringVar(&f.release, "release", runfile.Path(os.Getenv("RELEASE_DIR")), "the `directory` of the release")
	set.StringVar(&f.programs, "programs", runfile.Path(os.Getenv("RELEASE_PROGRAMS")), "the `file` that lists its programs")
	set.StringVar(&f.store, "store", defaultStore(), "the store's `directory`")
	set.StringVar(&f.goCmd, "go", runfile.Path(os.Getenv("RELEASE_GO")), "the go `command`")
	set.StringVar(&f.cache, "go-cache", "", "keep what the go command compiles in `DIR`, for another release; by default it starts with nothing")
	set.StringVar(&f.json, "json", "", "write what comes out to `FILE` as well")
	if status, ok := cli.ParseFlags(set, args, stderr); !ok {
		return status
	}
	for name, value := range map[string]string{"release": f.release, "programs": f.programs, "store": f.store, "go": f.goCmd} {
		if value == "" {
			return cli.UsageError(stderr, "rebuild", "--%s is missing", name)
		}
	}
	if err := rebuild(ctx, f, stdout); err != nil {
		return cli.Fail(stderr, "rebuild", err)
	}
	return cli.OK
}

// defaultStore is where tools/bazel keeps it.
func defaultStore() string {
	if dir := os.Getenv("RELEASE_STORE"); dir != "" {
		return dir
	}
	if dir := dirs.Cache(os.Getenv); dir != "" {
		return filepath.Join(dir, "store")
	}
	return ""
}

func rebuild(ctx context.Context, f flags, stdout io.Writer) (err error) {
	var programs []program
	if err := jsonfile.Read(dirs.FromCaller(f.programs), &programs); err != nil {
		return fmt.Errorf("reading the list of programs: %w", err)
	}
	tree, err := release.Open(ctx, release.Dir(dirs.FromCaller(f.release)))
	if err != nil {
		return err
	}
	s, err := store.Open(dirs.FromCaller(f.store))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "rebuild-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	copies, err := find(ctx, tree, programs, dir)
	if err != nil {
		return err
	}
	b := &builder{goCmd: f.goCmd, store: s, lock: tree.Lock, dir: dir, cache: filepath.Join(dir, "cache"), clones: map[string]*clone{}}
	if f.cache != "" {
		b.cache = dirs.FromCaller(f.cache)
	}
	results := make([]outcome, len(programs))
	var different []error
	for i, p := range programs {
		line, err := b.check(ctx, p, copies[p.key()])
		if ctx.Err() != nil {
			return ctx.Err()
		}
		results[i] = outcome{Program: p.String(), Identical: err == nil, Text: line}
		if err != nil {
			results[i].Text = err.Error()
			different = append(different, fmt.Errorf("%s: %w", p, err))
			continue
		}
		if _, err := fmt.Fprintln(stdout, line); err != nil {
			return err
		}
	}
	if f.json != "" {
		if err := jsonfile.Write(dirs.FromCaller(f.json), results); err != nil {
			return err
		}
	}
	return errors.Join(different...)
}

// outcome is what came out for a program and platform.
type outcome struct {
	Program   string `json:"program"` // as age linux/amd64
	Identical bool   `json:"identical"`
	Text      string `json:"text"`
}
