package gosource

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

const metaBuild = `load("@release_builder//release/sources:defs.bzl", "go_module_metadata", "source_info")

package(default_visibility = ["//visibility:public"])

go_module_metadata(
    name = "module/example.com/top@v1.0.0",
    purl = "pkg:golang/example.com/top@v1.0.0?checksum=h1%3Aa%2Bb%2Fc%3D",
    source = ":source",
)

go_module_metadata(
    name = "module/example.com/dep@v1.0.0",
    purl = "pkg:golang/example.com/dep@v1.0.0?checksum=h1%3Adep",
    source = ":source",
)

go_module_metadata(
    name = "directory/example.com/Upper/v2@v2.0.0+incompatible",
    purl = "pkg:golang/example.com/Upper/v2@v2.0.0+incompatible",
    source = ":source",
)

go_module_metadata(
    name = "module/example.com/renamed@v1.0.0=>example.com%2Ffork@v1.2.3",
    purl = "pkg:golang/example.com/renamed@v1.0.0",
    source = ":source",
    replace = ["example.com/fork", "v1.2.3", "h1:fork"],
)

go_module_metadata(
    name = "module/example.com/patched@v1.0.0=>example.com%2Fpatched@v1.0.1",
    purl = "pkg:golang/example.com/patched@v1.0.0",
    source = ":source",
    replace = ["example.com/patched", "v1.0.1", "h1:patched"],
)

go_module_metadata(
    name = "module/example.com/near@v0.0.0=>.%2Fnear",
    purl = "pkg:golang/example.com/near@v0.0.0",
    source = ":source",
    replace = ["./near", "", ""],
)

source_info(
    name = "source",
    license_files = glob(["licenses/**"], allow_empty = True),
    module = "example.com/top",
    modules = {
        "example.com/top": "v1.0.0",
    },
    version = "v1.0.0",
)
`

func TestWriteMeta(t *testing.T) {
	dir := t.TempDir()
	proxytest.Plant(t, dir, map[string]string{
		"LICENSE": "top", "NOTICE.txt": "top", "license.go": "no licence", "README": "no licence", "sub/LICENSE": "not the module's",
		"vendor/example.com/dep/COPYING":            "dep",
		"vendor/example.com/dep/sub/LICENSE-MIT":    "dep/sub",
		"vendor/example.com/dep/other/LICENSE":      "of no package",
		"vendor/example.com/Upper/v2/Licence.md":    "upper",
		"vendor/example.com/renamed/LICENSE":        "renamed",
		"vendor/example.com/renamed/in/PATENTS":     "renamed/in",
		"vendor/example.com/required/LICENSE":       "nothing of it is built",
		"vendor/example.com/patched/LICENSES/MIT":   "in a directory",
		"vendor/example.com/near/authors":           "near",
		"vendor/example.com/near/LICENSE.go":        "package near",
		"vendor/example.com/near/UNLICENSE":         "near",
		"vendor/example.com/patched/COPYRIGHT.text": "patched",
	})
	dep, upper := Module{Path: "example.com/dep", Version: "v1.0.0", Sum: "h1:dep"}, Module{Path: "example.com/Upper/v2", Version: "v2.0.0+incompatible"}
	renamed := Module{Path: "example.com/renamed", Version: "v1.0.0", Replace: &Module{Path: "example.com/fork", Version: "v1.2.3", Sum: "h1:fork"}}
	patched := Module{Path: "example.com/patched", Version: "v1.0.0", Replace: &Module{Path: "example.com/patched", Version: "v1.0.1", Sum: "h1:patched"}}
	near := Module{Path: "example.com/near", Version: "v0.0.0", Replace: &Module{Path: "./near"}}
	var list []*pkg
	for _, p := range []struct {
		path string
		of   Module
	}{
		{"example.com/dep", dep}, {"example.com/dep/sub", dep}, {"example.com/Upper/v2", upper}, {"example.com/renamed/in/deep", renamed},
		{"example.com/patched", patched}, {"example.com/near", near},
	} {
		list = append(list, &pkg{path: p.path, within: p.of.Path, module: p.of})
	}
	list = append(list, &pkg{path: "example.com/top", within: "example.com/top", own: true})
	main := Module{Path: "example.com/top", Version: "v1.0.0", Sum: "h1:a+b/c="}
	if err := writeMeta(Args{Dir: dir, Roots: []Root{{Dir: ".", Main: main}}}, [][]*pkg{list}); err != nil {
		t.Fatal(err)
	}
	build, err := os.ReadFile(filepath.Join(dir, Meta, "BUILD.bazel"))
	if err != nil || string(build) != metaBuild {
		t.Errorf("BUILD.bazel: got %v\n%s\nwant\n%s", err, build, metaBuild)
	}
	const want = `example.com/Upper/v2/Licence.md: upper
example.com/dep/COPYING: dep
example.com/dep/sub/LICENSE-MIT: dep/sub
example.com/near/UNLICENSE: near
example.com/near/authors: near
example.com/patched/COPYRIGHT.text: patched
example.com/renamed/LICENSE: renamed
example.com/renamed/in/PATENTS: renamed/in
example.com/top/LICENSE: top
example.com/top/NOTICE.txt: top
`
	if got := tree(t, filepath.Join(dir, Meta, "licenses")); got != want {
		t.Errorf("licences: got\n%swant\n%s", got, want)
	}
}

func TestWriteMetaBare(t *testing.T) {
	dir := t.TempDir()
	if err := writeMeta(Args{Dir: dir, Name: "directory"}, nil); err != nil {
		t.Fatal(err)
	}
	build, err := os.ReadFile(filepath.Join(dir, Meta, "BUILD.bazel"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"module = \"directory\",\n    modules = {},\n    version = \"\",\n"} {
		if !strings.Contains(string(build), want) {
			t.Errorf("BUILD.bazel: got\n%s\nwant %q in it", build, want)
		}
	}
}

// tree prints the files below dir and what is in them.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		b.WriteString(filepath.ToSlash(rel) + ": " + string(data) + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
