package resolve

import (
	"path/filepath"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

func TestUses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "my-product")
	proxytest.Plant(t, dir, map[string]string{
		"BUILD.bazel":        `binaries(programs = {"tool": "@my_product_tool//cmd/tool", "short": "@@my_product_short"})` + "\n",
		"sub/BUILD":          `embed = ["@my_product_agent_linux//:go_default_library"]`,
		"rules.bzl":          `SOURCE = "@my_product_from_bzl//pkg"`,
		"README.md":          "@my_product_prose//cmd",
		"sub/notes.bzl.orig": `"@my_product_prose//cmd"`,
		"licence/BUILD.bazel": `files = ["@my_product_licensed//.release:source", "@my_product//:licensed"]` +
			"\nsource_files(dependency = \"licensed\")\n",
	})
	uses, err := ReadUses(dir, "my-product")
	if err != nil {
		t.Fatal(err)
	}
	none, err := ReadUses(filepath.Join(dir, "none"), "my-product")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		dep  manifest.Dependency
		want bool
	}{
		{manifest.Dependency{Name: "tool"}, true},
		{manifest.Dependency{Name: "short"}, true},
		{manifest.Dependency{Name: "from.bzl"}, true},
		{manifest.Dependency{Name: "from-bzl"}, true},
		{manifest.Dependency{Name: "agent", GoTags: map[string][]string{"linux": {"agent"}}}, true},
		{manifest.Dependency{Name: "agent"}, false},
		{manifest.Dependency{Name: "licensed"}, false},
		{manifest.Dependency{Name: "prose"}, false},
		{manifest.Dependency{Name: "licensed", GoModules: []string{"."}}, true},
		{manifest.Dependency{Name: "tool", GoModules: []string{}}, false},
	} {
		if got := uses.builds(&tt.dep); got != tt.want {
			t.Errorf("builds(%+v): got %v, want %v", tt.dep, got, tt.want)
		}
		if got, want := none.builds(&tt.dep), len(tt.dep.GoModules) > 0; got != want {
			t.Errorf("without a product, builds(%+v): got %v, want %v", tt.dep, got, want)
		}
		if got, want := (Uses{}).builds(&tt.dep), tt.dep.GoModules == nil || len(tt.dep.GoModules) > 0; got != want {
			t.Errorf("if all are used, builds(%+v): got %v, want %v", tt.dep, got, want)
		}
	}
}
