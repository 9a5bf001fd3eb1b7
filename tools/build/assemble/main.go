// Assemble writes the files of a release that describe the others. Bazel
// actions run it.
//
//	assemble manifest --manifest FILE --lock FILE --out FILE
//	    writes the manifest with every dependency as the lock pins it; the lock must
//	    have been resolved from this manifest, or the manifest must be the one that
//	    a release of this lock carries
//	assemble capture --out FILE -- COMMAND ARGS…
//	    writes what a built program prints, such as its shell completions
//	assemble extract --entries FILE --out DIRECTORY
//	    writes files of a pinned source below the directory, and DIRECTORY.json, which says
//	    which of them are executable
//	assemble packages --entries FILE --out DIRECTORY
//	    writes what package managers read to install the programs of archives
//	assemble universal --out FILE -- PROGRAM PROGRAM…
//	    joins programs for macOS, one for each architecture, in one file
//	assemble tree --entries FILE --out DIRECTORY
//	    writes the directory of a release: copies of its files, release.json, which
//	    says what each is, and SHA256SUMS for sha256sum(1)
//	assemble sources --entries FILE --mtime SECONDS --out FILE
//	    writes the pinned sources as a tar.gz, each at sources/NAME/; every entry has the
//	    modification time SECONDS after 1970
//
// The entries of a tree are JSON: [{"path": "images/crane", "source": "bazel-out/…", "kind":
// "image"}], where a source may be a directory. Those of packages are one object, a Package of
// package pkgmanager. Those of sources are the files that the lock pins: [{"name": "crane",
// "archive": "external/…/source.zip", "digest": "h1:…"}], where an archive is a module's zip or
// a canonical tar, whose digest is its SHA-256. Those of extract are one such object, with
// "files" and "directories", paths in the source.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/universal"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

func main() { cli.Main(run) }

// options are the flags of the verbs.
type options struct {
	manifest, lock, entries, out string
	mtime                        int64
	command                      []string
}

func run(ctx context.Context, args []string, _, stderr io.Writer) int {
	verbs := map[string]func(context.Context, *options) error{
		"manifest": writeManifest, "capture": capture, "extract": extract, "packages": writePackages, "sources": writeSources,
		"tree": writeTree, "universal": writeUniversal,
	}
	top := flag.NewFlagSet("assemble", flag.ContinueOnError)
	top.Usage = func() {
		fmt.Fprintln(stderr, "Usage: assemble manifest, capture, extract, packages, sources, tree or universal, each of which explains its flags with -help")
	}
	if status, ok := cli.ParseFlags(top, args, stderr); !ok {
		return status
	}
	name := top.Arg(0)
	if verbs[name] == nil {
		return cli.UsageError(stderr, "assemble", "got verb %q, want manifest, capture, extract, packages, sources, tree or universal", name)
	}
	var o options
	fs := flag.NewFlagSet("assemble "+name, flag.ContinueOnError)
	fs.StringVar(&o.manifest, "manifest", "", "the manifest `file`")
	fs.StringVar(&o.lock, "lock", "", "the lock `file`")
	fs.StringVar(&o.entries, "entries", "", "the `file` that says what to write: the release's files, its sources, a part of one, or a package")
	fs.Int64Var(&o.mtime, "mtime", -1, "the time of each source's files, in `seconds` since 1970")
	fs.StringVar(&o.out, "out", "", "the `path` to write")
	if status, ok := cli.ParseFlags(fs, top.Args()[1:], stderr); !ok {
		return status
	}
	o.command = fs.Args()
	switch {
	case o.out == "":
		return cli.UsageError(stderr, "assemble", "--out is missing")
	case name == "sources" && o.mtime < 0:
		return cli.UsageError(stderr, "assemble", "--mtime is missing: want seconds since 1970")
	case name != "capture" && name != "universal" && fs.NArg() > 0:
		return cli.UsageError(stderr, "assemble", "got argument %q, want flags only", fs.Arg(0))
	}
	if err := verbs[name](ctx, &o); err != nil {
		return cli.Fail(stderr, "assemble", err)
	}
	return cli.OK
}

// writeUniversal writes a universal binary.
func writeUniversal(ctx context.Context, o *options) error {
	return fileio.Replace(o.out, fileio.Options{Mode: 0o755}, func(f *os.File) error {
		return universal.Write(fileio.Writer(ctx, f), o.command...)
	})
}

// capture writes a program's standard output. The environment it runs in is the same on
// every machine.
func capture(ctx context.Context, o *options) error {
	if len(o.command) == 0 {
		return errors.New("capturing: no command given")
	}
	home, err := os.MkdirTemp("", "home-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	var stdout, stderr bytes.Buffer
	cmd := environ.Command(ctx, []string{"HOME=" + home, "LANG=C", "TZ=UTC"}, o.command[0], o.command[1:]...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running %q: %w: %s", o.command, err, environ.Said(stderr.String()))
	}
	if stdout.Len() == 0 {
		return fmt.Errorf("running %q: it printed nothing", o.command)
	}
	return fileio.WriteFile(o.out, stdout.Bytes(), 0o644)
}
