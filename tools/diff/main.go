// Diff shows what changed between two releases.
//
//	tools/bazel run //release:diff -- OLD                   from OLD to the release that Bazel builds
//	tools/bazel run //tools/diff -- OLD NEW                 text
//	tools/bazel run //tools/diff -- --json OLD NEW          JSON, schema release-builder/diff/v2
//	tools/bazel run //tools/diff -- --html FILE OLD NEW     text, and a self-contained page
//
// OLD and NEW are directories of releases, such as a copy of bazel-bin/release/all, or
// lock.json files. For two locks it shows which sources changed: the range of commits or
// versions, with a link if the forge is a known one, and which Go modules of each source were
// added, removed or moved to another version. For two directories it also shows which files
// changed, with their sizes, and which layers the images share. A file with the version in
// its name is compared with the file that has the other version there.
//
// It does not compare the contents of files. //tools/reproduce compares two releases that
// should be equal.
//
// Exit status: 0 with or without changes, 1 a release cannot be read, 2 the command line is
// wrong.
package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/dirs"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/base/runfile"
	"github.com/jasonwzm/release-builder/tools/internal/check/changes"
)

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	set := flag.NewFlagSet("diff", flag.ContinueOnError)
	asJSON := set.Bool("json", false, "print JSON")
	html := set.String("html", "", "write a page to this `file`")
	if status, ok := cli.ParseFlags(set, args, stderr); !ok {
		return status
	}
	sides := set.Args()
	if built := os.Getenv("RELEASE_DIR"); built != "" && len(sides) == 1 {
		sides = append(sides, runfile.Path(built))
	}
	if len(sides) != 2 {
		return cli.UsageError(stderr, "diff", "got %d arguments, want OLD and NEW, or OLD alone with tools/bazel run //release:diff", len(sides))
	}
	d, err := changes.Between(ctx, dirs.FromCaller(sides[0]), dirs.FromCaller(sides[1]))
	if err == nil && *html != "" {
		var page bytes.Buffer
		if err = d.WriteHTML(&page); err == nil {
			err = fileio.WriteFile(dirs.FromCaller(*html), page.Bytes(), 0o644)
		}
	}
	if err != nil {
		return cli.Fail(stderr, "diff", err)
	}
	var out []byte
	if *asJSON {
		out, err = jsonfile.Marshal(d)
	} else {
		out = d.Text()
	}
	if err == nil {
		_, err = stdout.Write(out)
	}
	if err != nil {
		return cli.Fail(stderr, "diff", err)
	}
	return cli.OK
}
