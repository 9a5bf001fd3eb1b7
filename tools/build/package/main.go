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
	"io"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/linuxpkg"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, _, stderr io.Writer) int {
	return cli.Verb{Flags: []cli.Flag{
		cli.Required("spec", "JSON `FILE` that describes the package", nil),
		cli.Required("out", "package `FILE` to write", nil),
		cli.Required("sha256", "checksum `FILE` to write", nil),
	}, Run: write}.Main(ctx, "package", args, stderr)
}

// write writes the package and its checksum file.
func write(ctx context.Context, v cli.Values) error {
	s, err := linuxpkg.ReadSpec(v.Get("spec"))
	if err != nil {
		return err
	}
	return fileio.ReplaceWithSum(ctx, v.Get("out"), v.Get("sha256"), func(w io.Writer) error { return linuxpkg.Write(ctx, w, s) })
}
