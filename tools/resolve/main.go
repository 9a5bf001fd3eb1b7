// Resolve pins everything in a manifest and writes the lock beside it.
//
//	tools/bazel run //release:resolve                      the active line
//	tools/bazel run //release:resolve -- --update NAME…    re-resolve these: their branches or tags may have moved
//	tools/bazel run //release:resolve -- --check           write nothing; exit 1 if the lock is stale
//	tools/bazel run //release:resolve -- --manifest FILE   another manifest
//	tools/bazel run //release:resolve -- --json            print the changes as JSON
//	tools/bazel run //release:resolve -- --allow-dirty     pin directories with uncommitted changes
//
// Resolve prints the changes to the lock, one line per dependency, and fetches everything
// that the lock names into the store (RELEASE_STORE), so that builds need no network. A
// dependency whose revision stays is not read again. A branch stays at the commit in the
// lock; --update NAME… re-resolves the named dependencies, "all" every one. --check also
// lists the branches that have moved, but these do not make a lock stale. The lock is
// replaced atomically.
//
// Resolve reads git repositories with the git command and the user's configuration:
// credential helpers, url.<base>.insteadOf, GIT_CONFIG_*. Git never asks questions on the
// terminal.
//
// SOURCE_DATE_EPOCH (seconds since 1970) is used as the commit time of a directory that is
// not in a repository; default: 1980-01-01.
package main

import (
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/command/resolve"
)

func main() { cli.Main(resolve.Run) }
