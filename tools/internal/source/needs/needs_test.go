package needs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/source/workspacefile"
	"github.com/jasonwzm/release-builder/tools/internal/testing/storetest"
)

// a, b and c are digests of what no store has.
var (
	a = digest.FromBytes([]byte("a"))
	b = digest.FromBytes([]byte("b"))
	c = digest.FromBytes([]byte("c"))
)

func lockOf() *lock.Lock {
	lib := lock.GoModule{Path: "example.com/Lib", Version: "v0.1.0", Sum: "h1:lib", GoModSum: "h1:lib.mod"}
	old := lock.GoModule{Path: "example.com/old", Version: "v0.0.1", GoModSum: "h1:old.mod"}
	return &lock.Lock{
		Toolchain: lock.Toolchain{Go: lock.GoSDK{Version: "1.26.8", Archives: map[string]lock.Archive{"linux_amd64": {SHA256: a}, "linux_arm64": {SHA256: b}}}},
		Dependencies: []lock.Dependency{
			{Name: "app", Module: &lock.Module{Path: "example.com/app", Version: "v1.0.0"}, Digest: "h1:app", GoModules: []lock.GoModule{lib, old}},
			{Name: "tree", Git: &lock.Git{}, Digest: string(c), GoModules: []lock.GoModule{lib}},
		},
		Files: []lock.File{{Name: "tool", Digest: c}},
	}
}

func TestCollect(t *testing.T) {
	const modules = "goproxy/example.com/!lib/@v/v0.1.0.mod goproxy/example.com/!lib/@v/v0.1.0.zip goproxy/example.com/app/@v/v1.0.0.zip goproxy/example.com/old/@v/v0.0.1.mod"
	blob := func(d digest.Digest) string { return "content_addressable/sha256/" + d.Hex() + "/file" }
	for _, tt := range []struct {
		name      string
		platforms []string
		alter     func(x *Args)
		want, err string
	}{
		{name: "all platforms that the lock has", want: strings.Join([]string{blob(a), blob(b), blob(c), modules}, " ")},
		{name: "one platform", platforms: []string{"linux_amd64"}, want: strings.Join([]string{blob(a), blob(c), modules}, " ")},
		{name: "a platform that the lock does not have", platforms: []string{"plan9_amd64"}, want: blob(c) + " " + modules,
			err: "line demo, toolchain go1.26.8 plan9_amd64: the lock has none, only for linux_amd64, linux_arm64"},
		{name: "modules of the tools", platforms: []string{},
			alter: func(x *Args) { x.Tools = []lock.GoModule{{Path: "example.com/tool", Version: "v1.0.0", Sum: "h1:x"}} },
			want:  blob(c) + " " + modules + " goproxy/example.com/tool/@v/v1.0.0.zip"},
		{name: "archives", platforms: []string{},
			alter: func(x *Args) { x.Archives = []workspacefile.Archive{{Name: "release_builder", Digest: a}} },
			want:  blob(a) + " " + blob(c) + " " + modules},
		{name: "two locks that differ in a module's sum", platforms: []string{}, want: blob(c) + " " + modules,
			alter: func(x *Args) {
				other := lockOf()
				other.Dependencies[0].Digest = "h1:other"
				x.Lines = append(x.Lines, Line{Name: "next", Lock: other})
			},
			err: `"goproxy/example.com/app/@v/v1.0.0.zip": line demo, dependency app wants h1:app, line next, dependency app wants h1:other`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := store.Open(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			args := Args{Store: s, Lines: []Line{{Name: "demo", Lock: lockOf()}}, Platforms: tt.platforms}
			if tt.alter != nil {
				tt.alter(&args)
			}
			set := Collect(args)
			var got []string
			for _, n := range set.Needs {
				got = append(got, n.Path)
			}
			slices.Sort(got)
			want := strings.Fields(tt.want)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if err := errors.Join(set.Errs...); err == nil && tt.err != "" || err != nil && err.Error() != tt.err {
				t.Errorf("got error %v, want %q", err, tt.err)
			}
		})
	}
}

// TestImages: what a base image needs is known as long as the store has all of it.
func TestImages(t *testing.T) {
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	img, err := storetest.Image(s, "app", "layer")
	if err != nil {
		t.Fatal(err)
	}
	lost := img
	lost.Name, lost.Digest = "lost", a
	lost.Platforms = []lock.ImagePlatform{{Platform: "linux/amd64", Digest: a, Size: 1}}
	set := Collect(Args{Store: s, Lines: []Line{{Name: "demo", Lock: &lock.Lock{Images: []lock.Image{img, lost}}}}})
	if got := fmt.Sprint(len(set.Needs), set.RootsFor); got != "3 [line demo, image app]" || len(set.Roots) != 1 || layout.DigestOf(set.Roots[0]) != img.Digest {
		t.Errorf("got %s and roots %v, want manifest, config and layer of image app", got, set.Roots)
	}
	if len(set.ImageErrs) != 1 || !errors.Is(set.ImageErrs[0], store.ErrMissing) || !strings.Contains(set.ImageErrs[0].Error(), `"lost"`) {
		t.Errorf("got errors %v, want one for image lost", set.ImageErrs)
	}
}
