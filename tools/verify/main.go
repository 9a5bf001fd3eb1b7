// Verify checks that what was published is there still.
//
//	tools/bazel run //release:verify -- --receipt FILE
//	tools/bazel run //release:verify -- --receipt FILE --deep    read all of it again
//
// The receipt, which //release:publish wrote, says what went where. Verify asks
// each destination, and prints one line for each and an error for each difference.
// By default the checksums that the services keep will do; with --deep it reads
// everything back and hashes it. It needs neither the release nor a build.
//
// An alias, such as latest, may have moved on since, as its rule says, to a release
// that is there. An older version, unknown content, a white space in the body, or
// nothing at all is a difference.
//
// Exit status: 0 all is there, 1 something differs or cannot be asked, 2 the
// command line is wrong.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/jasonwzm/release-builder/tools/internal/cli"
	"github.com/jasonwzm/release-builder/tools/internal/destinations"
	"github.com/jasonwzm/release-builder/tools/internal/progress"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/transport"
)

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	set := flag.NewFlagSet("verify", flag.ContinueOnError)
	receipt := set.String("receipt", "", "the receipt's `file`")
	deep := set.Bool("deep", false, "read all that was published and hash it")
	token := set.String("githubtoken", "", "the `file` with GitHub's token; GITHUB_TOKEN or GH_TOKEN if not given")
	if status, ok := cli.ParseFlags(set, args, stderr); !ok {
		return status
	}
	switch {
	case set.NArg() > 0:
		return cli.UsageError(stderr, "verify", "got argument %q, want flags only", set.Arg(0))
	case *receipt == "":
		return cli.UsageError(stderr, "verify", "--receipt is missing")
	}
	name := *receipt
	if dir := os.Getenv("BUILD_WORKING_DIRECTORY"); dir != "" && !filepath.IsAbs(name) {
		name = filepath.Join(dir, name) // `bazel run` changes the working directory
	}
	r, err := publish.ReadReceipt(name)
	if err != nil {
		return cli.Fail(stderr, "verify", err)
	}
	board := progress.New("verify", stderr)
	defer board.Close()
	web := transport.New(transport.Config{Log: board.Linef})
	err = destinations.Verify(ctx, r, destinations.Args{Transport: web, TokenFile: *token, Env: os.Getenv, Log: board.Linef}, *deep)
	if err != nil {
		return cli.Fail(stderr, "verify", transport.Redact(err))
	}
	for _, d := range r.Destinations {
		fmt.Fprintf(stdout, "%s: %d items of %s are as they were published\n", d.Name, len(d.Items), r.Version)
	}
	return cli.OK
}
