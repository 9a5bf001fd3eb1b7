// Release does what needs no build: it resolves, publishes, verifies and compares releases. It is
// one program that needs neither Bazel nor this repository.
//
//	CGO_ENABLED=0 go install github.com/jasonwzm/release-builder/tools/release@VERSION
//	release resolve --check
//	release publish --stage --release DIR
//	release promote VERSION --production
//	release verify --production VERSION
//	release --line NAME VERB …            for another line than the only one
//	release completion bash               or zsh, or fish
//	release --version
//
// The verbs are those of tools/bazel run //release:VERB, with the same flags. DIR is a release
// that somebody built or downloaded: the directory with SHA256SUMS.
//
// The workspace is the nearest directory, upwards from the current one, that has manifests/. The
// line is that of --line, else of RELEASE_LINE, else the only one in manifests/. Its
// destinations.yaml has the profiles. Outside of a workspace pass --destinations FILE:PROFILE.
//
// Exit status: that of the verb; 2 the command line is wrong.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/command/approve"
	"github.com/jasonwzm/release-builder/tools/internal/command/bundle"
	"github.com/jasonwzm/release-builder/tools/internal/command/diff"
	"github.com/jasonwzm/release-builder/tools/internal/command/initialize"
	"github.com/jasonwzm/release-builder/tools/internal/command/publish"
	"github.com/jasonwzm/release-builder/tools/internal/command/resolve"
	"github.com/jasonwzm/release-builder/tools/internal/command/validate"
	"github.com/jasonwzm/release-builder/tools/internal/command/verify"
)

type command func(ctx context.Context, args []string, stdout, stderr io.Writer) int

// A verb is a command, with arguments that come first.
type verb struct {
	name, does string
	run        command
	first      []string
	ofLine     bool // it is about one line
}

// verbs are in the order in which a release needs them.
var verbs = []verb{
	{"init", "write a new line: manifest, lock, destinations and BUILD file", initialize.Run, nil, false},
	{"resolve", "pin what the manifest names, in the lock", resolve.Run, nil, true},
	{"validate", "check that a release is whole, before it is published", validate.Run, nil, false},
	{"diff", "show what changed between two releases or two locks", diff.Run, nil, false},
	{"preflight", "ask each destination what may stop a publication", publish.Run, []string{"--preflight"}, true},
	{"publish", "publish a release", publish.Run, nil, true},
	{"approve", "approve the plan of a publication", approve.Run, nil, true},
	{"promote", "publish what is on the stage: promote VERSION --production", publish.Run, []string{"--promote"}, true},
	{"yank", "move the pointers from a release to the one before: yank VERSION --production", publish.Run, []string{"--yank"}, true},
	{"verify", "check that every destination still has what was published", verify.Run, nil, true},
	{"bundle", "verify or list a bundle: bundle verify FILE", bundleReader, nil, false},
}

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	set := flag.NewFlagSet("release", flag.ContinueOnError)
	line := set.String("line", "", "the `line` (default: RELEASE_LINE, else the only one)")
	version := set.Bool("version", false, "print the version of this program")
	if len(args) == 0 {
		help(stderr)
		return cli.Usage
	}
	if isHelp(args[0]) {
		help(stderr)
		return cli.OK
	}
	if status, ok := cli.ParseFlags(set, args, stderr); !ok {
		return status
	}
	if *version {
		fmt.Fprintln(stdout, "release", ownVersion())
		return cli.OK
	}
	name, rest := set.Arg(0), set.Args()
	if name == "completion" {
		return completion(rest[1:], stdout, stderr)
	}
	n := slices.IndexFunc(verbs, func(v verb) bool { return v.name == name })
	if n < 0 {
		var names []string
		for _, v := range verbs {
			names = append(names, v.name)
		}
		return cli.UsageError(stderr, "release", "got verb %q, want one of: %s, completion", name, strings.Join(names, ", "))
	}
	several, err := setWorkspace(*line)
	if err != nil {
		return cli.Fail(stderr, "release", err)
	}
	status := verbs[n].main(ctx, rest[1:], stdout, stderr)
	if status == cli.Failure && verbs[n].ofLine && len(several) > 0 {
		fmt.Fprintf(stderr, "release: hint: no line was chosen: run release --line NAME %s with one of %s\n", name, strings.Join(several, ", "))
	}
	return status
}

func (v verb) main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	stderr = called{stderr, v.name}
	if len(args) > 0 && isHelp(args[0]) {
		return v.run(ctx, []string{"--help"}, stdout, stderr)
	}
	return v.run(ctx, slices.Concat(v.first, args), stdout, stderr)
}

func isHelp(arg string) bool { return slices.Contains([]string{"-h", "-help", "--help", "help"}, arg) }

func help(w io.Writer) {
	fmt.Fprint(w, "usage: release [--line NAME] VERB [flags]\n\n")
	for _, v := range verbs {
		fmt.Fprintf(w, "  %-11s %s\n", v.name, v.does)
	}
	fmt.Fprint(w, "  completion  print completions for a shell: bash, zsh or fish\n\nrelease VERB --help shows the flags of a verb. release --version prints the version.\n")
}

// bundleReader is bundle without pack, which reads what Bazel has fetched.
func bundleReader(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || isHelp(args[0]) {
		fmt.Fprint(stderr, "usage: release bundle verify [--deep] FILE\n       release bundle list FILE\n")
		return cli.OK
	}
	if args[0] == "pack" {
		return cli.UsageError(stderr, "release bundle", "pack needs Bazel: tools/bazel run //release:bundle -- pack FILE")
	}
	return bundle.Run(ctx, args, stdout, stderr)
}

// ownVersion is what the go command wrote into this program.
func ownVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version + " " + info.GoVersion
}

// setenv sets a variable that is not set.
func setenv(name, value string) error {
	if os.Getenv(name) != "" {
		return nil
	}
	return os.Setenv(name, value)
}
