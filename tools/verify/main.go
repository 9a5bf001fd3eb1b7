// Verify checks that a published release is still complete and unchanged.
//
//	tools/bazel run //release:verify -- --stage VERSION
//	tools/bazel run //release:verify -- --production VERSION
//	tools/bazel run //release:verify -- --destinations FILE:PROFILE VERSION
//	tools/bazel run //release:verify -- --receipt FILE
//	tools/bazel run //release:verify -- --deep …    read everything back
//
// The receipt says what was published where. //release:publish put it beside the release
// in each bucket of the profile. Verify finds it there, from any machine, and checks that it
// is the receipt of that release. VERSION@sha256:DIGEST accepts only that receipt. A receipt
// in a bucket has no aliases, because these move. The receipt that publish wrote on this
// machine, --receipt FILE, also has the aliases.
//
// Verify asks each destination. It prints one line for each, and an error for each
// difference: in content, and in what else users meet, such as the Content-Type and the
// Cache-Control of an object, the URLs in an index, the title and the notes of a release. By
// default it compares the checksums that the services keep. If a service keeps none, or with
// --deep, it reads everything back and hashes it: only that finds content that is damaged on a
// service's disk. It needs neither the release nor a build.
//
// --cosignkey FILE also checks the signatures at the destinations, with a public key as cosign
// writes it: SHA256SUMS, the provenance, and each index and manifest of each image are signed
// with that key. The content that is signed is that in the receipt's bucket.
//
// An alias such as latest may have moved to a newer release, as its rule says. Anything else
// is a difference: an older version, unknown content, white space in the body, no alias.
//
// Exit status: 0 everything is there, 1 something differs or a destination cannot be asked,
// 2 the command line is wrong.
package main

import (
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/command/verify"
)

func main() { cli.Main(verify.Run) }
