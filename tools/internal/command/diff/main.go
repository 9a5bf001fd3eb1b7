// Package diff has the command diff: see tools/diff.
package diff

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

// Run runs the command.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
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
		return cli.UsageError(stderr, "diff", "got %d arguments, want OLD and NEW; with Bazel, //release:diff takes OLD alone", len(sides))
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
