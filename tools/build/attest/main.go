// Attest writes the files of a release that say what is in it, and where that comes from.
// Bazel actions run it.
//
//	attest licenses --artifacts FILE --sources FILE --lock FILE --out FILE --document FILE
//	    writes NOTICES to --out, an archive of licences for each source, and to --document
//	    the components with their licences, as JSON; fails if the policy in the lock does
//	    not allow a licence
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
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
)

func main() { cli.Main(run) }

// options are the flags of the verbs.
type options struct {
	artifacts, sources, lock, line, statements, document, documents, out string
}

// verbs are what the program can do, with the flags that each needs.
var verbs = map[string]struct {
	flags []string
	run   func(context.Context, *options) error
}{
	"licenses":   {[]string{"artifacts", "sources", "lock", "document", "out"}, writeLicenses},
	"provenance": {[]string{"artifacts", "lock", "line", "out"}, writeProvenance},
	"sbom":       {[]string{"artifacts", "lock", "documents"}, writeSBOMs},
	"vex":        {[]string{"artifacts", "statements", "lock", "out"}, writeVEX},
}

func run(ctx context.Context, args []string, _, stderr io.Writer) int {
	names := strings.Join(slices.Sorted(maps.Keys(verbs)), ", ")
	top := flag.NewFlagSet("attest", flag.ContinueOnError)
	top.Usage = func() {
		fmt.Fprintf(stderr, "Usage: attest VERB, each of which explains its flags with -help: %s\n", names)
	}
	if status, ok := cli.ParseFlags(top, args, stderr); !ok {
		return status
	}
	verb, ok := verbs[top.Arg(0)]
	if !ok {
		return cli.UsageError(stderr, "attest", "got verb %q, want one of: %s", top.Arg(0), names)
	}
	var o options
	fs := flag.NewFlagSet("attest "+top.Arg(0), flag.ContinueOnError)
	fs.StringVar(&o.artifacts, "artifacts", "", "the `file` that lists the release's artifacts")
	fs.StringVar(&o.sources, "sources", "", "the `file` that lists the sources and their licence files")
	fs.StringVar(&o.lock, "lock", "", "the lock `file`")
	fs.StringVar(&o.line, "line", "", "the `name` of the line")
	fs.StringVar(&o.statements, "statements", "", "the `file` with statements about vulnerabilities")
	fs.StringVar(&o.document, "document", "", "the `file` with the components and their licences")
	fs.StringVar(&o.documents, "documents", "", "the `file` that lists the documents to write")
	fs.StringVar(&o.out, "out", "", "the `file` to write")
	if status, ok := cli.ParseFlags(fs, top.Args()[1:], stderr); !ok {
		return status
	}
	if fs.NArg() > 0 {
		return cli.UsageError(stderr, "attest", "got argument %q, want flags only", fs.Arg(0))
	}
	for _, name := range verb.flags {
		if fs.Lookup(name).Value.String() == "" {
			return cli.UsageError(stderr, "attest", "--%s is missing", name)
		}
	}
	if err := verb.run(ctx, &o); err != nil {
		return cli.Fail(stderr, "attest", err)
	}
	return cli.OK
}
