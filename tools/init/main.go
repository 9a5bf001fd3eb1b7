// Init writes a new line: a manifest, its lock, destinations, and a BUILD file with
// every program of the source.
//
//	tools/bazel run //release:init -- --name NAME --module PATH[@VERSION]
//	tools/bazel run //release:init -- --name NAME --git URL [--branch NAME | --tag NAME]
//
// Init asks no questions. It prints what it chose: the latest version of a module, the
// branch main or master of a repository, and the programs. It leaves out a program in a
// directory named internal, test, testdata, example, examples or hack, and one that the
// go command cannot build. An error leaves no files behind.
//
// It writes
//
//	manifests/NAME/manifest.yaml       the source of the release
//	manifests/NAME/destinations.yaml   where it is published: a stage in your own directory
//	manifests/NAME/lock.json           what the manifest resolves to
//	release/NAME/BUILD.bazel           what is built
//
// Exit status: 0 done, 1 an error, 2 the command line is wrong.
package main

import (
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/command/initialize"
)

func main() { cli.Main(initialize.Run) }
