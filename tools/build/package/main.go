// Package writes one package for a package manager of Linux: a deb, an rpm, an apk or a
// package of Arch Linux.
//
//	package -spec FILE.json -out FILE -sha256 FILE
//
// The package's bytes depend on the spec and the content of the files that it names alone.
// The clock, time zone, locale, umask, user, host, directory, number of CPUs, order of the
// files and their modes on disk have no effect.
//
// # Spec
//
// FILE.json is an object:
//
//	{
//	  "format": "deb",
//	  "name": "tool",
//	  "version": "1.0.0~rc.1",
//	  "architecture": "amd64",
//	  "source_date_epoch": 1700000000,
//	  "maintainer": "Jane Doe <jane@example.com>",
//	  "summary": "does one thing well",
//	  "license": "Apache-2.0",
//	  "depends": ["iproute2"],
//	  "files": [
//	    {"path": "/usr/bin/tool", "source": "bazel-out/k8/bin/tool", "mode": "0755"},
//	    {"path": "/etc/tool.conf", "source": "tool.conf", "kind": "config"},
//	    {"path": "/usr/bin/t", "symlink": "tool"},
//	    {"path": "/var/lib/tool"}
//	  ],
//	  "licenses": [{"path": "example.com/tool@v1.0.0/LICENSE", "source": "LICENSE"}],
//	  "scripts": {"postinstall": "postinstall.sh"},
//	  "units": {"names": ["tool.service"], "enable": true}
//	}
//
// Package linuxpkg documents the keys. An unknown key is an error, and so are a version, a
// name or a dependency that the format does not have, and two files at one path.
//
// # Flags
//
//	-spec    the spec
//	-out     the package to write
//	-sha256  a file to write, with the package's SHA-256 and base name, for sha256sum -c
//
// Files are written under temporary names and renamed. An error leaves no file behind.
//
// Exit status: 0 done, 1 an error, 2 the command line is wrong.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/linuxpkg"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

const name = "package"

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, _, stderr io.Writer) int {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	spec := fs.String("spec", "", "JSON `FILE` that describes the package")
	out := fs.String("out", "", "package `FILE` to write")
	sum := fs.String("sha256", "", "checksum `FILE` to write")
	if status, ok := cli.ParseFlags(fs, args, stderr); !ok {
		return status
	}
	switch {
	case fs.NArg() > 0:
		return cli.UsageError(stderr, name, "unexpected argument %q", fs.Arg(0))
	case *spec == "" || *out == "" || *sum == "":
		return cli.UsageError(stderr, name, "-spec, -out and -sha256 are required")
	case filepath.Clean(*sum) == filepath.Clean(*out):
		return cli.UsageError(stderr, name, "-out and -sha256 are both %q", *out)
	}
	s, err := linuxpkg.ReadSpec(*spec)
	if err == nil {
		err = write(ctx, s, *out, *sum)
	}
	if err != nil {
		return cli.Fail(stderr, name, err)
	}
	return cli.OK
}

// write writes the package and its checksum file.
func write(ctx context.Context, s *linuxpkg.Spec, out, sum string) error {
	hash := sha256.New()
	err := fileio.Replace(out, fileio.Options{Mode: 0o644}, func(f *os.File) error {
		return linuxpkg.Write(ctx, io.MultiWriter(f, hash), s)
	})
	if err != nil {
		return err
	}
	line := fmt.Sprintf("%x  %s\n", hash.Sum(nil), filepath.Base(out))
	if err := fileio.WriteFile(sum, []byte(line), 0o644); err != nil {
		return errors.Join(err, os.Remove(out))
	}
	return nil
}
