package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// program is a program that many people use.
type program struct {
	name, module, version string
	pkg                   string // its directory in the module; empty for the module's own
	refused               string // why `go install` cannot build it, in the go command's words
}

// table lists programs that module proxies serve.
var table = []program{
	{name: "yq", module: "github.com/mikefarah/yq/v4", version: "v4.54.3"},
	{name: "fzf", module: "github.com/junegunn/fzf", version: "v0.65.2"},
	{name: "mkcert", module: "filippo.io/mkcert", version: "v1.4.4"},
	{name: "gox", module: "github.com/mitchellh/gox", version: "v1.0.1"},
	{name: "mockgen", module: "github.com/golang/mock", version: "v1.6.0", pkg: "mockgen"},
	{name: "shfmt", module: "mvdan.cc/sh/v3", version: "v3.14.1", pkg: "cmd/shfmt"},
	{name: "gofumpt", module: "mvdan.cc/gofumpt", version: "v0.12.0"},
	{name: "staticcheck", module: "honnef.co/go/tools", version: "v0.8.2", pkg: "cmd/staticcheck"},
	{name: "kind", module: "sigs.k8s.io/kind", version: "v0.33.0"},
	{name: "kustomize", module: "sigs.k8s.io/kustomize/kustomize/v5", version: "v5.8.2"},
	{name: "restic", module: "github.com/restic/restic", version: "v0.10.0", pkg: "cmd/restic"},
	{name: "step", module: "github.com/smallstep/cli", version: "v0.21.0", pkg: "cmd/step"},
	{name: "task", module: "github.com/go-task/task/v3", version: "v3.54.0", pkg: "cmd/task"},
	{name: "ko", module: "github.com/google/ko", version: "v0.19.1"},
	{name: "caddy", module: "github.com/caddyserver/caddy/v2", version: "v2.11.9", pkg: "cmd/caddy"},
	{name: "helm", module: "helm.sh/helm/v3", version: "v3.22.0", pkg: "cmd/helm"},
	{name: "cosign", module: "github.com/sigstore/cosign/v3", version: "v3.1.3", pkg: "cmd/cosign"},
	{name: "syft", module: "github.com/anchore/syft", version: "v1.57.1", pkg: "cmd/syft"},
	{name: "promtool", module: "github.com/prometheus/prometheus", version: "v0.316.0", pkg: "cmd/promtool"},
	{name: "hugo", module: "github.com/gohugoio/hugo", version: "v0.155.0"},
	{name: "istioctl", module: "istio.io/istio", version: "v0.0.0-20260827124520-eed52ebb66ad", pkg: "istioctl/cmd/istioctl"},
}

// label returns the program's label in the repository of its source.
func (p program) label() string {
	base := p.pkg[strings.LastIndex(p.pkg, "/")+1:]
	if p.pkg == "" {
		elements := strings.Split(p.module, "/")
		base = elements[len(elements)-1]
		if len(elements) > 1 && strings.Trim(base, "v0123456789") == "" {
			base = elements[len(elements)-2]
		}
	}
	return "@" + line + "_src//" + p.pkg + ":" + base
}

// write writes the program's line and product.
func (w *workspace) write(p program, platforms []string) error {
	manifest := fmt.Sprintf("version: 1.0.0\nproduct: %s\nplatforms: [%s]\ndependencies:\n  src: {module: %s, version: %s}\n",
		line, strings.Join(platforms, ", "), p.module, p.version)
	product := fmt.Sprintf(`load("@%s//:rules.bzl", "archive", "binary", "release")

binary(
    name = %q,
    binary = %q,
)

archive(
    name = "archive",
    binaries = [%q],
)

release(artifacts = [":archive"])
`, line, p.name, p.label(), ":"+p.name)
	var errs []error
	if err := os.RemoveAll(filepath.Join(w.dir, "manifests", line)); err != nil {
		return err
	}
	for name, text := range map[string]string{
		filepath.Join("manifests", line, "manifest.yaml"): manifest,
		filepath.Join("manifests", line, "BUILD.bazel"):   "exports_files(\n    glob([\"*\"]),\n    visibility = [\"//visibility:public\"],\n)\n",
		filepath.Join("release", line, "BUILD.bazel"):     product,
	} {
		to := filepath.Join(w.dir, name)
		errs = append(errs, os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, []byte(text), 0o644))
	}
	return errors.Join(errs...)
}
