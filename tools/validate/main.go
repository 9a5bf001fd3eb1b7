// Validate checks a release as a whole, before anyone publishes it. It needs no network.
//
//	tools/bazel run //release:validate                        the release that Bazel builds
//	tools/bazel run //release:validate -- --release DIR       one that was built or downloaded
//	tools/bazel run //release:validate -- --json              JSON, schema release-builder/validate/v1
//
// It reads every file to the last byte, and what is in it. The checks:
//
//	digests     SHA256SUMS, release.json and each .sha256 agree with the files
//	contents    archives, packages and layers can be read, and unpack below their directory
//	programs    each program is for the platform of its artifact, from the pinned sources
//	images      indexes, platforms, layers, entrypoints, labels and times of images
//	charts      names and versions of Helm charts
//	packages    metadata of deb, rpm and apk packages
//	statements  SBOM, provenance and licences are complete
//	leaks       no build path, no name of this machine or its user, nothing that looks like a secret
//	product     the product's own checks: each release_check in its BUILD file
//
// With --release, the product's own checks are those of this checkout. Validate starts programs
// of the release only if a check of the product says so.
//
// It prints a table, and a line for each finding. //release:verify checks what was published.
//
// Exit status: 0 nothing found, 1 something found or the release cannot be read, 2 the command
// line is wrong.
package main

import (
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/command/validate"
)

func main() { cli.Main(validate.Run) }
