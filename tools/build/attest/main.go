// Attest writes the files of a release that say what is in it, and where that comes from.
// Bazel actions run it.
//
//	attest licenses --artifacts FILE --sources FILE --lock FILE --out FILE --document FILE
//	    writes NOTICES to --out, an archive of licences for each source, and to --document
//	    the components with their licences, as JSON; fails if the policy in the lock does
//	    not allow a licence
//	attest page --artifacts FILE --lock FILE --line NAME --programs FILE --out FILE --notes FILE
//	    [--document FILE] [--previous FILE] [--previous-document FILE] [--provenance PATH]
//	    writes the page about the release, and release notes; what changed since the
//	    release before is what its lock.json and release.json say
//	attest provenance --artifacts FILE --lock FILE --line NAME --out FILE
//	    writes the provenance: an in-toto statement about every file and image
//	attest sbom --artifacts FILE --lock FILE --documents FILE [--document FILE]
//	    writes bills of materials in SPDX and CycloneDX; the licences of modules are those
//	    in the document of licenses
//	attest vex --artifacts FILE --statements FILE --lock FILE --out FILE
//	    writes an OpenVEX document of the statements about vulnerabilities
//
// The artifacts are JSON. A source may be a directory with an image's OCI layout:
//
//	[{"path": "tool-1.0.0-linux-amd64.tar.gz", "source": "bazel-out/…", "kind": "archive",
//	  "mediaType": "application/gzip", "platform": "linux-amd64", "subject": "",
//	  "contents": [{"path": "tool-1.0.0/bin/tool", "source": "bazel-out/…", "platform": "linux-amd64"}]}]
//
// The documents are JSON, too. Each is of the release, of the image at a path in it, or of a
// dependency in the lock. The path is that of the document in the release:
//
//	[{"of": "release", "path": "sbom/tool-1.0.0.spdx.json", "format": "spdx", "out": "bazel-out/…"},
//	 {"of": "image", "name": "images/tool", "path": "sbom/…", "format": "cyclonedx", "out": "bazel-out/…"},
//	 {"of": "source", "name": "tool", "path": "sbom/…", "format": "spdx", "out": "bazel-out/…"}]
package main

import (
	"context"
	"io"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
)

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, _, stderr io.Writer) int {
	artifacts := cli.Required("artifacts", "the `file` that lists the release's artifacts", nil)
	lock := cli.Required("lock", "the lock `file`", nil)
	out := cli.Required("out", "the `file` to write", nil)
	return cli.RunVerb(ctx, "attest", map[string]cli.Verb{
		"licenses": {Flags: []cli.Flag{
			artifacts, lock, out,
			cli.Required("sources", "the `file` that lists the sources and their licence files", nil),
			cli.Required("document", "the `file` to write with the components and their licences", nil),
		}, Run: writeLicenses},
		"page": {Flags: []cli.Flag{
			artifacts, lock, out,
			cli.Required("line", "the `name` of the line", nil),
			cli.Required("programs", "the `file` that lists the programs that the go command can build", nil),
			cli.Required("notes", "the `file` to write with release notes", nil),
			cli.Optional("document", "the `file` with the components and their licences"),
			cli.Optional("previous", "the lock `file` of the release before"),
			cli.Optional("previous-document", "the release.json `file` of the release before"),
			cli.Optional("provenance", "the `path` in the release of a provenance that is made after the page"),
		}, Run: writePage},
		"provenance": {Flags: []cli.Flag{artifacts, lock, out, cli.Required("line", "the `name` of the line", nil)}, Run: writeProvenance},
		"sbom": {Flags: []cli.Flag{
			artifacts, lock,
			cli.Required("documents", "the `file` that lists the documents to write", nil),
			cli.Optional("document", "the `file` with the components and their licences"),
		}, Run: writeSBOMs},
		"vex": {Flags: []cli.Flag{artifacts, lock, out, cli.Required("statements", "the `file` with statements about vulnerabilities", nil)}, Run: writeVEX},
	}, args, stderr)
}
