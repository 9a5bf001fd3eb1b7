// Package releasebuilder has the files of this repository that its programs need.
package releasebuilder

import "embed"

// Pins has go.mod, go.sum and release/sources/go_sdk.json: the versions of the Go SDK, of
// rules_go and gazelle, and of the modules that the tools are built from.
//
//go:embed go.mod go.sum release/sources/go_sdk.json
var Pins embed.FS

// Launcher has what each workspace needs a copy of: tools/bazel, its parts, the options of
// Bazel, and Bazel's version.
//
//go:embed .bazelversion tools/bazel tools/launcher/bazelrc tools/launcher/remote-headers tools/launcher/root.bash tools/launcher/root.lock
var Launcher embed.FS
