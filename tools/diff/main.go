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
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/command/diff"
)

func main() { cli.Main(diff.Run) }
