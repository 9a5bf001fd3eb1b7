// Package bundle has the command bundle: see tools/bundle.
package bundle

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/dirs"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/check/bundle"
)

const command = "bundle"

// Run runs the command.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	set := flag.NewFlagSet(command, flag.ContinueOnError)
	set.StringVar(&o.line, "active", "", "the active `line`; set by the BUILD file")
	set.StringVar(&o.modules, "modules", "", "modules.txt of the tools, a runfile or a `path`; set by the BUILD file")
	set.StringVar(&o.goCmd, "go", "", "the go `command` that downloads modules, a runfile; set by the BUILD file")
	set.StringVar(&o.root, "workspace", os.Getenv("BUILD_WORKSPACE_DIRECTORY"), "the workspace's root `directory`")
	if status, ok := cli.ParseFlags(set, args, stderr); !ok {
		return status
	}
	verbs := map[string]func(context.Context, *options, []string, io.Writer, io.Writer) int{"pack": pack, "verify": verify, "list": list}
	verb := verbs[set.Arg(0)]
	if verb == nil {
		return cli.UsageError(stderr, command, "got verb %q, want pack, verify or list", set.Arg(0))
	}
	return verb(ctx, &o, set.Args()[1:], stdout, stderr)
}

// fileArg parses the flags of a verb that takes one bundle.
func fileArg(set *flag.FlagSet, args []string, stderr io.Writer) (name string, status int, ok bool) {
	if status, ok := cli.ParseFlags(set, args, stderr); !ok {
		return "", status, false
	}
	if set.NArg() != 1 {
		return "", cli.UsageError(stderr, command, "%s: got %d arguments, want a bundle", set.Name(), set.NArg()), false
	}
	return dirs.FromCaller(set.Arg(0)), cli.OK, true
}

func verify(ctx context.Context, _ *options, args []string, stdout, stderr io.Writer) int {
	set := flag.NewFlagSet("verify", flag.ContinueOnError)
	deep := set.Bool("deep", false, "also compare the content of modules with their sums")
	name, status, ok := fileArg(set, args, stderr)
	if !ok {
		return status
	}
	x, err := bundle.Verify(ctx, name)
	if err == nil && *deep {
		err = bundle.Deep(ctx, name, x)
	}
	if err != nil {
		return cli.Fail(stderr, command, err)
	}
	fmt.Fprintf(stdout, "%s: %d entries, %s, as packed; %s\n", name, len(x.Entries), cli.Size(x.Total()), x.Digest)
	return cli.OK
}

func list(_ context.Context, _ *options, args []string, stdout, stderr io.Writer) int {
	set := flag.NewFlagSet("list", flag.ContinueOnError)
	asJSON := set.Bool("json", false, "print bundle.json")
	name, status, ok := fileArg(set, args, stderr)
	if !ok {
		return status
	}
	x, err := bundle.ReadIndex(name)
	if err == nil && *asJSON {
		var data []byte
		data, err = jsonfile.Marshal(x)
		_, writeErr := stdout.Write(data)
		err = errors.Join(err, writeErr)
	} else if err == nil {
		err = x.WriteText(stdout)
	}
	if err != nil {
		return cli.Fail(stderr, command, err)
	}
	return cli.OK
}
