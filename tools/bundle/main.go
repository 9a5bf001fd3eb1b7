// Bundle packs everything that building a release reads into one file, for a machine
// without a network.
//
//	tools/bazel run //release:bundle -- pack --out FILE          the active line, and the root with Bazel in it
//	tools/bazel run //release:bundle -- pack --out FILE --line A --line B     several lines
//	tools/bazel run //release:bundle -- pack --out FILE --since OLD.lock.json only what OLD does not need
//	tools/bazel run //release:bundle -- verify FILE              checks a bundle against its own index (every byte)
//	tools/bazel run //release:bundle -- list FILE                prints what is in it, and how large that is
//
// To use a bundle you need a clone of this repository, and nothing else:
//
//	tar -xf FILE -C DIR
//	RELEASE_STORE=DIR tools/bazel build //release:all --config=airgap
//
// A bundle is a deterministic tar. Its first entry, bundle.json, lists the others with
// their digests and what each is for. A bundle has the entries of the store
// (RELEASE_STORE) that the locks and the project's own tools need, and nothing else.
// Pack fetches first what the store lacks, unless RELEASE_AIRGAP is 1. If something
// cannot be fetched, or is not what the lock pins, the error names the lock's entry.
//
//	--since OLD     leaves out what the other machine already has. OLD is a lock or a
//	                bundle; a bundle is exact. A lock does not list the modules of the
//	                project's tools: if its toolchain is the same, they and the root are
//	                left out too
//	--no-root       leaves out the root: for machines that have Bazel
//	--platform P    where it will be built, such as linux_amd64; default: this machine's
//	--deep          (verify) also compares the content of modules with the sums that pin
//	                them, as packing and building do
//	--json          (list) prints bundle.json
//
// Exit status: 0 done, 1 an error or a damaged bundle, 2 the command line is wrong.
package main

import (
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/command/bundle"
)

func main() { cli.Main(bundle.Run) }
