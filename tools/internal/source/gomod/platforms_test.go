package gomod

import (
	"maps"
	"slices"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/input/platform"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

// keys are those of ToolPlatforms, sorted.
func keys() (all []string) {
	for _, p := range ToolPlatforms() {
		all = append(all, p.Key())
	}
	slices.Sort(all)
	return all
}

// TestListLevels lists packages for the platforms of a line, and for no other. The go command
// chooses files by the level.
func TestListLevels(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	proxytest.Plant(t, dir, map[string]string{
		"go.mod": "module example.com/levels\n\ngo 1.21\n", "any.go": "package levels\n",
		"v3.go": "//go:build amd64.v3\n\npackage levels\n", "six.go": "//go:build arm.6 && !arm.7\n\npackage levels\n", "s390x.go": "//go:build s390x\n\npackage levels\n",
	})
	targets, err := platform.Targets("linux-s390x", "linux-amd64v3", "linux/arm/v6", "linux-amd64", "osx-universal")
	if err != nil {
		t.Fatal(err)
	}
	g := w.fresh(t)
	g.Platforms = targets
	l, err := g.List(t.Context(), dir, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for key := range l {
		got[key] = find(l, key, "example.com/levels").GoFiles
	}
	want := map[string][]string{
		"darwin_amd64": {"any.go"}, "darwin_arm64": {"any.go"}, "linux_amd64": {"any.go"}, "linux_amd64_v3": {"any.go", "v3.go"},
		"linux_arm_6": {"any.go", "six.go"}, "linux_s390x": {"any.go", "s390x.go"},
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %v, want %v", got, want)
	}
}
