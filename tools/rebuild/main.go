// Rebuild builds every program of a release again, with the go command alone, and compares
// the bytes with the release's.
//
//	tools/bazel run //release:rebuild                        the release that Bazel builds
//	tools/bazel run //tools/rebuild -- --release DIR --programs FILE --go GO
//
// Rebuild builds a program of a module with its own cache, and with the store as the module
// proxy, by
//
//	CGO_ENABLED=0 GOOS=… GOARCH=… go install -trimpath -ldflags="-s -w -buildid=" PATH@VERSION
//
// with the tags of its go_binary, and -X for its x_defs. The program's own build information
// says which module and version that is, and the release's lock has to pin it.
//
// It builds a program of a git source with go build and the same flags, in a clone at the
// commit. It makes the clone from the tar in the store and the commit in the lock, and git
// checks that they belong together.
//
// A release has a program in archives and in layers of images. Each copy is compared.
//
// Rebuild prints a line for each program and platform: identical, or what differs. It uses no
// network, and the user's environment does not reach the go command.
//
// FILE lists the programs, as Bazel knows them: a JSON list of objects with name, package,
// goos, goarch, level, tags and x_defs. Other programs, which were downloaded, are not checked.
//
// --json FILE also writes the results as a list of objects with program, identical and text.
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

	"github.com/jasonwzm/release-builder/tools/internal/artifact/goinfo"
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
	set.StringVar(&f.cache, "go-cache", "", "keep what the go command compiles in `DIR`, to be faster next time; default: an empty cache")
	set.StringVar(&f.json, "json", "", "also write the results to `FILE`, as JSON")
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

// defaultStore is the store's directory in tools/bazel.
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
	var programs []goinfo.Program
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
		line, err := b.check(ctx, p, copies[keyOf(p)])
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

// outcome is the result for a program and platform.
type outcome struct {
	Program   string `json:"program"` // such as age linux/amd64
	Identical bool   `json:"identical"`
	Text      string `json:"text"`
}
