// Bundle packs everything that building a release reads into one file, to carry it
// to where there is no network.
//
//	tools/bazel run //release:bundle -- pack --out FILE          the active line, and the root that Bazel runs in
//	tools/bazel run //release:bundle -- pack --out FILE --line A --line B     several lines
//	tools/bazel run //release:bundle -- pack --out FILE --since OLD.lock.json what OLD did not need
//	tools/bazel run //release:bundle -- verify FILE              compares each byte with what FILE says of itself
//	tools/bazel run //release:bundle -- list FILE                what is in it, and how large
//
// To use a bundle takes nothing of ours but a clone:
//
//	tar -xf FILE -C DIR
//	RELEASE_STORE=DIR tools/bazel build //release:all --config=airgap
//
// A bundle is a deterministic tar. Its first entry, bundle.json, lists the others
// with their digests and what each is for. It has the entries of the store
// (RELEASE_STORE) that the locks need, the project's own tools included, and
// nothing else; base images with an index of their own. What the store lacks is fetched
// first, unless RELEASE_AIRGAP is 1. What cannot be, and what is not what the lock
// pins, is an error that names the lock's entry.
//
//	--since OLD     leaves out what OLD, a lock or a bundle, has already. The lock does not
//	                say which modules the project's tools have: if its toolchain is the same,
//	                they and the root are taken to be there too. A bundle says it exactly.
//	--no-root       leaves out the root: for machines that have Bazel
//	--platform P    where it will be built, as linux_amd64; this machine's if not given
//	--deep          (verify) compares the content of modules with the sums that pin them
//	                too, as packing and building do
//	--json          (list) prints bundle.json
//
// Exit status: 0 done, 1 an error, or a bundle that is not whole, 2 the command line
// is wrong.
package main

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

func main() { cli.Main(run) }

const command = "bundle"

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
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
	deep := set.Bool("deep", false, "compare the content of modules with their sums as well")
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
