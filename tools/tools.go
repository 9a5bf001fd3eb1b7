//go:build tools

// Package tools keeps in go.mod the modules that Bazel takes from it although
// no Go package here imports them: the rules, the BUILD file generator, and the
// clients of the publishing destinations.
package tools

import (
	_ "cloud.google.com/go/storage"
	_ "github.com/bazelbuild/bazel-gazelle/cmd/gazelle"
	_ "github.com/bazelbuild/rules_go/go/runfiles"
	_ "github.com/google/go-containerregistry/pkg/v1"
	_ "github.com/google/go-github/v32/github"
	_ "github.com/klauspost/pgzip"
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "golang.org/x/mod/zip"
	_ "gopkg.in/yaml.v3"
)
