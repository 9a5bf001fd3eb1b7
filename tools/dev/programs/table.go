package main

// program is a program that many people use, and the module that has it.
type program struct {
	name, module, version string
}

// table lists programs that module proxies serve.
var table = []program{
	{name: "yq", module: "github.com/mikefarah/yq/v4", version: "v4.54.3"},
	{name: "fzf", module: "github.com/junegunn/fzf", version: "v0.65.2"},
	{name: "mkcert", module: "filippo.io/mkcert", version: "v1.4.4"},
	{name: "gox", module: "github.com/mitchellh/gox", version: "v1.0.1"},
	{name: "mockgen", module: "github.com/golang/mock", version: "v1.6.0"},
	{name: "shfmt", module: "mvdan.cc/sh/v3", version: "v3.14.1"},
	{name: "gofumpt", module: "mvdan.cc/gofumpt", version: "v0.12.0"},
	{name: "staticcheck", module: "honnef.co/go/tools", version: "v0.8.2"},
	{name: "kind", module: "sigs.k8s.io/kind", version: "v0.33.0"},
	{name: "kustomize", module: "sigs.k8s.io/kustomize/kustomize/v5", version: "v5.8.2"},
	{name: "restic", module: "github.com/restic/restic", version: "v0.10.0"},
	{name: "step", module: "github.com/smallstep/cli", version: "v0.21.0"},
	{name: "task", module: "github.com/go-task/task/v3", version: "v3.54.0"},
	{name: "ko", module: "github.com/google/ko", version: "v0.19.1"},
	{name: "caddy", module: "github.com/caddyserver/caddy/v2", version: "v2.11.9"},
	{name: "helm", module: "helm.sh/helm/v3", version: "v3.22.0"},
	{name: "cosign", module: "github.com/sigstore/cosign/v3", version: "v3.1.3"},
	{name: "syft", module: "github.com/anchore/syft", version: "v1.57.1"},
	{name: "promtool", module: "github.com/prometheus/prometheus", version: "v0.316.0"},
	{name: "hugo", module: "github.com/gohugoio/hugo", version: "v0.155.0"},
	{name: "istioctl", module: "istio.io/istio", version: "v0.0.0-20260827124520-eed52ebb66ad"},
}
