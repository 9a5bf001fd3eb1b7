package resolve

import (
	"fmt"
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
	tags := map[string][]string{"linux": {"agent"}}
	for _, tt := range []struct {
		dep             manifest.Dependency
		plain, variants bool
	}{
		{manifest.Dependency{Name: "tool"}, true, false},
		{manifest.Dependency{Name: "tool", GoTags: tags}, true, false},
		{manifest.Dependency{Name: "short"}, true, false},
		{manifest.Dependency{Name: "from.bzl"}, true, false},
		{manifest.Dependency{Name: "from-bzl"}, true, false},
		{manifest.Dependency{Name: "agent", GoTags: tags}, false, true},
		{manifest.Dependency{Name: "agent"}, false, false},
		{manifest.Dependency{Name: "licensed"}, false, false},
		{manifest.Dependency{Name: "prose"}, false, false},
		{manifest.Dependency{Name: "licensed", GoModules: []string{"."}}, true, true},
		{manifest.Dependency{Name: "tool", GoModules: []string{}}, false, false},
	} {
		if plain, variants := uses.builds(&tt.dep); plain != tt.plain || variants != tt.variants {
			t.Errorf("builds(%+v): got %v, %v, want %v, %v", tt.dep, plain, variants, tt.plain, tt.variants)
		}
		want := len(tt.dep.GoModules) > 0
		if plain, variants := none.builds(&tt.dep); plain != want || variants != want {
			t.Errorf("without a product, builds(%+v): got %v, %v, want %v", tt.dep, plain, variants, want)
		}
		want = tt.dep.GoModules == nil || want
		if plain, variants := (Uses{}).builds(&tt.dep); plain != want || variants != want {
			t.Errorf("if all are used, builds(%+v): got %v, %v, want %v", tt.dep, plain, variants, want)
		}
	}
}

func TestTagSets(t *testing.T) {
	for _, tt := range []struct {
		unbuilt, noVariants bool
		want                string
	}{
		{false, false, "[[] [a] [b]]"}, {false, true, "[[] [a] [b]]"}, {true, false, "[[a] [b]]"}, {true, true, "[]"},
	} {
		r := &Request{Unbuilt: tt.unbuilt, NoVariants: tt.noVariants}
		r.GoTags = map[string][]string{"one": {"b"}, "two": {"a"}}
		if got := fmt.Sprint(r.tagSets()); got != tt.want {
			t.Errorf("unbuilt %v, no variants %v: got %s, want %s", tt.unbuilt, tt.noVariants, got, tt.want)
		}
	}
}
