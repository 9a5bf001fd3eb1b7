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
//	assemble member --archive FILE --path PATH --out FILE
//	    writes one file of a tar, compressed or not, or of a zip
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
// "files" and "directories", paths in the source, "patterns" and "executables", patterns of
// names, and "values", FILE:PATH → value, which are set in YAML files.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/universal"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, _, stderr io.Writer) int {
	entries := cli.Required("entries", "the `file` that says what to write", nil)
	out := cli.Required("out", "the `path` to write", nil)
	return cli.RunVerb(ctx, "assemble", map[string]cli.Verb{
		"capture": {Flags: []cli.Flag{out}, Args: true, Run: capture},
		"extract": {Flags: []cli.Flag{entries, out}, Run: extract},
		"manifest": {Flags: []cli.Flag{cli.Required("manifest", "the manifest `file`", nil), cli.Required("lock", "the lock `file`", nil), out},
			Run: writeManifest},
		"member": {Flags: []cli.Flag{cli.Required("archive", "the archive `file`", nil), cli.Required("path", "the `path` in the archive", nil), out},
			Run: writeMember},
		"packages": {Flags: []cli.Flag{entries, out}, Run: writePackages},
		"sources": {Flags: []cli.Flag{entries, cli.Required("mtime", "the time of each source's files, in `seconds` since 1970", cli.CheckSeconds), out},
			Run: writeSources},
		"tree":      {Flags: []cli.Flag{entries, out}, Run: writeTree},
		"universal": {Flags: []cli.Flag{out}, Args: true, Run: writeUniversal},
	}, args, stderr)
}

// writeMember writes one file of an archive.
func writeMember(ctx context.Context, v cli.Values) error {
	return fileio.Replace(v.Get("out"), fileio.Options{Mode: 0o755}, func(f *os.File) error {
		return archive.CopyMember(ctx, f, v.Get("archive"), v.Get("path"))
	})
}

// writeUniversal writes a universal binary.
func writeUniversal(ctx context.Context, v cli.Values) error {
	return fileio.Replace(v.Get("out"), fileio.Options{Mode: 0o755}, func(f *os.File) error {
		return universal.Write(fileio.Writer(ctx, f), v.Args()...)
	})
}

// capture writes a program's standard output. The environment it runs in is the same on
// every machine.
func capture(ctx context.Context, v cli.Values) error {
	command := v.Args()
	if len(command) == 0 {
		return errors.New("capturing: no command given")
	}
	home, err := os.MkdirTemp("", "home-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	var stdout, stderr bytes.Buffer
	cmd := environ.Command(ctx, []string{"HOME=" + home, "LANG=C", "TZ=UTC"}, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running %q: %w: %s", command, err, environ.Said(stderr.String()))
	}
	if stdout.Len() == 0 {
		return fmt.Errorf("running %q: it printed nothing", command)
	}
	return fileio.WriteFile(v.Get("out"), stdout.Bytes(), 0o644)
}
