package main

import (
	"fmt"
	"strings"
)

// sizeLine is the name of the generated line and of its product.
const sizeLine = "size"

// A sizeProduct is a generated product: every kind of target equally often, and the statements
// of the release. Target number i of a kind is made of number i of the kinds before it.
type sizeProduct struct {
	targets int    // of the BUILD file, each a call of a rule; at least sizeSmallest
	version string // in the manifest
	edit    int    // a number in one source file
}

// sizeKinds are the kinds of which a product has many. In a text, NUMBER is the target's.
var sizeKinds = []struct{ rule, text string }{
	{"binary", `    name = "pNUMBER",
    binary = "@size_src//cmd/pNUMBER",
`},
	{"archive", `    name = "aNUMBER",
    bin_dir = "",
    binaries = [":pNUMBER"],
    directory = False,
`},
	{"image", `    name = "iNUMBER",
    binaries = {":pNUMBER": "/usr/local/bin/"},
    entrypoint = ["/usr/local/bin/pNUMBER"],
`},
	{"chart", `    name = "cNUMBER",
    files = glob(["charts/cNUMBER/**"]),
    hub = ["values.yaml:image.hub"],
    tag = ["values.yaml:image.tag"],
`},
	{"linux_package", `    name = "lNUMBER",
    binaries = {":pNUMBER": ""},
    formats = ["deb"],
    license = "Apache-2.0",
    maintainer = "The release builder <release@example.com>",
    package = "pNUMBER",
    summary = "program NUMBER",
`},
	{"check", `    name = "kNUMBER",
    artifacts = ["helm/cNUMBER-" + VERSION + ".tgz"],
    values = {"cNUMBER/values.yaml:image.tag": VERSION},
`},
}

// sizeStatements are the rules of which a product has one each.
var sizeStatements = []string{"licenses", "sbom", "provenance", "release"}

// sizeSmallest is the size of a product with one target of each kind.
var sizeSmallest = len(sizeKinds) + len(sizeStatements)

// count returns the number of targets of a kind, by its index.
func (p sizeProduct) count(kind int) int {
	many := p.targets - len(sizeStatements)
	n := many / len(sizeKinds)
	if kind < many%len(sizeKinds) {
		n++
	}
	return n
}

// programs returns the number of programs.
func (p sizeProduct) programs() int { return p.count(0) }

// mix describes the product for the report.
func (p sizeProduct) mix() string {
	var parts []string
	for i, k := range sizeKinds {
		parts = append(parts, fmt.Sprintf("%s: %d", k.rule, p.count(i)))
	}
	return strings.Join(parts, ", ")
}

func sizeNumber(i int) string { return fmt.Sprintf("%04d", i) }

// line returns the files of the line and of the product, by path in the workspace. The source
// is the directory source beside the workspace.
func (p sizeProduct) line() map[string]string {
	files := map[string]string{
		"manifests/size/manifest.yaml": p.manifest(),
		"manifests/size/BUILD.bazel":   "exports_files(\n    glob([\"*\"]),\n    visibility = [\"//visibility:public\"],\n)\n",
		"manifests/size/destinations.yaml": `stage:
  aliases: {latest: stable}
  buckets:
    - url: file://{state}/bucket
      aliases: [latest]
  registries:
    - hub: file://{state}/registry
      tags: ["{version}", latest]
  charts:
    - bucket: file://{state}/charts
`,
		"release/size/BUILD.bazel": p.build(),
		"user.bazelrc":             "common --repo_env=RELEASE_LINE=size --noshow_progress --color=no --curses=no\n",
	}
	for i, k := range sizeKinds {
		for n := 0; k.rule == "chart" && n < p.count(i); n++ {
			name := "c" + sizeNumber(n)
			dir := "release/size/charts/" + name + "/"
			files[dir+"Chart.yaml"] = "apiVersion: v2\nname: " + name + "\ndescription: Chart " + sizeNumber(n) + "\nversion: 0.0.0\nappVersion: 0.0.0\n"
			files[dir+"values.yaml"] = "image:\n  hub: registry.example.com/none\n  tag: none\n"
			files[dir+"templates/config.yaml"] = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + name + "\ndata:\n  image: {{ .Values.image.hub }}:{{ .Values.image.tag }}\n"
		}
	}
	return files
}

func (p sizeProduct) manifest() string {
	return "version: " + p.version + `
product: size
architectures: [linux/amd64]
platforms: [linux-amd64]
docker: registry.example.com/size
dependencies:
  src:
    primary: true
    localpath: ../../../source
`
}

func (p sizeProduct) build() string {
	var b strings.Builder
	b.WriteString("load(\"@size//:line.bzl\", \"VERSION\")\nload(\n    \"@size//:rules.bzl\",\n")
	for _, k := range sizeKinds {
		fmt.Fprintf(&b, "    %q,\n", k.rule)
	}
	for _, rule := range sizeStatements {
		fmt.Fprintf(&b, "    %q,\n", rule)
	}
	b.WriteString(")\n")
	for i, k := range sizeKinds {
		for n := range p.count(i) {
			fmt.Fprintf(&b, "\n%s(\n%s)\n", k.rule, strings.ReplaceAll(k.text, "NUMBER", sizeNumber(n)))
		}
	}
	for _, rule := range sizeStatements {
		fmt.Fprintf(&b, "\n%s()\n", rule)
	}
	return b.String()
}

// sizeEdited is the source file that changes with edit.
const sizeEdited = "cmd/p0000/main.go"

// source returns the files of the Go module by path: one package for each program, and one
// that all import. No program is equal to one of a product of another size, so that what was
// built for one is of no use for another.
func (p sizeProduct) source(license string) map[string]string {
	files := map[string]string{
		"LICENSE":               license,
		"go.mod":                "module example.com/size\n\ngo 1.25\n",
		"internal/text/text.go": fmt.Sprintf("// Package text has what all programs print.\npackage text\n\n// Of is the product.\nconst Of = \" of a product of %d targets\"\n", p.targets),
	}
	for n := range p.programs() {
		edit := 0
		name := "cmd/p" + sizeNumber(n) + "/main.go"
		if name == sizeEdited {
			edit = p.edit
		}
		files[name] = fmt.Sprintf("package main\n\nimport \"example.com/size/internal/text\"\n\nconst edit = %d\n\nfunc main() { println(%d, edit, text.Of) }\n", edit, n)
	}
	return files
}
