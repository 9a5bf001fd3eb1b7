package license

import (
	"archive/tar"
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buildinfotest"
)

var update = flag.Bool("update", false, "rewrite testdata")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s\nif this is right: go test ./tools/internal/artifact/license -update", name, got, want)
	}
}

// write writes a file below a directory and returns its name.
func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	name = filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// entry is a file of a layer; with a link, a symbolic link.
type entry struct{ name, content, link string }

// layer returns a layer with the files.
func layer(t *testing.T, entries ...entry) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.content)), Typeflag: tar.TypeReg}
		if e.link != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.link
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return static.NewLayer(b.Bytes(), types.OCIUncompressedLayer)
}

// image writes an image for linux/amd64 as a layout and returns its directory.
func image(t *testing.T, dir string, layers ...v1.Layer) string {
	t.Helper()
	img, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), layers...)
	if err != nil {
		t.Fatal(err)
	}
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), mutate.IndexAddendum{
		Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}},
	})
	p, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AppendIndex(index); err != nil {
		t.Fatal(err)
	}
	return dir
}

// release returns a release with everything that has a licence.
func testRelease(t *testing.T) Args {
	t.Helper()
	dir := t.TempDir()
	tool, envoy := filepath.Join(dir, "tool"), write(t, dir, "envoy", "\x7fELF, but no Go program\n")
	buildinfotest.Write(t, tool, &debug.BuildInfo{
		GoVersion: "go1.26.8 X:nocoverageredesign", Path: "example.com/tool/cmd/tool", Main: debug.Module{Path: "example.com/tool", Version: "v1.0.0"},
		Deps: []*debug.Module{
			{Path: "example.com/a", Version: "v1.0.0"},
			{Path: "example.com/a/nested", Version: "v0.1.0"},
			{Path: "example.com/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/fork", Version: "v1.1.0"}},
			{Path: "example.com/local", Version: "v0.0.0", Replace: &debug.Module{Path: "./local"}},
			{Path: "example.com/two", Version: "v2.0.0"},
		},
	})
	files := map[string]string{}
	for name, content := range map[string]string{
		"example.com/tool/LICENSE": mit, "example.com/tool/AUTHORS": "me\n",
		"example.com/a/LICENSE": mit, "example.com/a/sub/COPYING": isc, "example.com/a/nested/LICENSE": isc, "example.com/a/unlinked/LICENSE": views,
		"example.com/old/LICENCE.md": strings.ReplaceAll(isc, "\n", "\r\n"),
		"example.com/two/LICENSE":    mit, "example.com/two@v2.0.0/LICENSE": isc,
	} {
		files[name] = write(t, dir, "licenses/"+name, content)
	}
	l := &lock.Lock{Dependencies: []lock.Dependency{
		{Name: "data", Git: &lock.Git{URL: "x", Commit: strings.Repeat("da", 20)}},
		{Name: "tool", Module: &lock.Module{Path: "example.com/tool", Version: "v1.0.0"}, GoModules: []lock.GoModule{
			{Path: "example.com/a", Version: "v1.0.0"}, {Path: "example.com/a/nested", Version: "v0.1.0"}, {Path: "example.com/a/unlinked", Version: "v0.1.0"},
			{Path: "example.com/fork", Version: "v1.1.0"}, {Path: "example.com/two", Version: "v1.0.0"}, {Path: "example.com/two", Version: "v2.0.0"},
		}},
	}}
	copyright := "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: GPL-2+\n"
	base := image(t, filepath.Join(dir, "base"), layer(t,
		entry{name: "./var/lib/dpkg/status", content: "Package: gone\nStatus: install ok installed\nVersion: 1\n\n"},
		entry{name: "./usr/share/doc/libc6/copyright", content: "replaced"},
		entry{name: "./usr/share/doc/gone/copyright", content: "removed"},
	), layer(t,
		entry{name: "var/lib/dpkg/status", content: "Package: libc6\nStatus: install ok installed\nVersion: 2.36\nDescription: x\n y: z\n\nPackage: libc-bin\nStatus: install ok installed\nVersion: 2.36\n\nPackage: bare\nStatus: install ok installed\nVersion: 1\n\nPackage: old\nStatus: deinstall ok config-files\nVersion: 1\n"},
		entry{name: "usr/share/doc/.wh.gone"},
		entry{name: "usr/share/doc/libc6/copyright", content: copyright},
		entry{name: "usr/share/doc/libc-bin", link: "libc6"},
		entry{name: "var/lib/dpkg/status.d/base", content: "Package: base-files\nVersion: 12\n"},
		entry{name: "usr/share/doc/base-files/copyright", link: "/usr/share/doc/libc6/copyright"},
		entry{name: "usr/share/common-licenses/GPL-2", content: "GNU GENERAL PUBLIC LICENSE\n"},
	))
	alpine := image(t, filepath.Join(dir, "alpine"), layer(t,
		entry{name: "lib/apk/db/installed", content: "C:Q1\nP:musl\nV:1.2.5-r0\nL:MIT\nF:lib\nR:ld.so\n\nP:busybox\nV:1.37\nL:GPL-2.0-only\n\nP:odd\nV:1\nL:custom:odd\n"},
	))
	return Args{
		Lock: l,
		Artifacts: []release.Entry{
			{Path: "tool-linux-amd64.tar.gz", Kind: "archive", Contents: []release.Content{{Path: "bin/tool", Source: tool}, {Path: "bin/envoy", Source: envoy}}},
			{Path: "images/app", Source: base, Kind: release.ImageKind, Contents: []release.Content{{Path: "usr/bin/tool", Source: tool}}},
			{Path: "images/small", Source: alpine, Kind: release.ImageKind},
		},
		Sources: []SourceFiles{
			{Dependency: "data", Files: map[string]string{"data/COPYING": write(t, dir, "licenses/data/COPYING", isc)}},
			{Dependency: "tool", Modules: map[string]string{"example.com/tool": "v1.0.0"}, Files: files},
		},
		SDK: map[string]string{"LICENSE": write(t, dir, "sdk/LICENSE", mit), "PATENTS": write(t, dir, "sdk/PATENTS", "patents\n")},
	}
}

func collect(t *testing.T, a Args) []Component {
	t.Helper()
	all, err := Collect(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// policy allows what most of the release has.
func policy() *lock.Licenses {
	return &lock.Licenses{Allow: []string{"MIT", "ISC", "GPL-2.0-only"}, Exceptions: []lock.LicenseException{
		{Component: "apk/odd", License: "0BSD", Why: "its sources say so"},
		{Component: "deb/...", Why: "sources of packages are published"},
		{Component: "envoy", License: "Apache-2.0", Why: "its repository says so"},
	}}
}

func TestGolden(t *testing.T) {
	all := collect(t, testRelease(t))
	if err := Apply(all, policy()); err != nil {
		t.Fatal(err)
	}
	data, err := jsonfile.Marshal(Document{Schema: DocumentSchema, Components: all})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "components.golden", data)
	golden(t, "notices.golden", Notices("tool 1.0.0", all))
	d, err := Read(filepath.Join("testdata", "components.golden"))
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := d.Find(Module, "example.com/fork", "v1.1.0"); !ok || c.License != "ISC" {
		t.Errorf("got %+v, %t, want the module with licence ISC", c, ok)
	}
}

// TestShuffled: the order of what is in the release has no effect.
func TestShuffled(t *testing.T) {
	a := testRelease(t)
	want := collect(t, a)
	slices.Reverse(a.Artifacts)
	slices.Reverse(a.Artifacts[0].Contents)
	slices.Reverse(a.Artifacts[2].Contents)
	slices.Reverse(a.Sources)
	if got := collect(t, a); !bytes.Equal(Notices("x", got), Notices("x", want)) {
		t.Errorf("got\n%s\nwant\n%s", Notices("x", got), Notices("x", want))
	}
}

// TestRefused has the error and the hint for everything that is not allowed.
func TestRefused(t *testing.T) {
	a := testRelease(t)
	a.Sources[1].Files["example.com/a/LICENSE"] = write(t, t.TempDir(), "LICENSE", "All rights reserved.\n")
	delete(a.Sources[1].Files, "example.com/two/LICENSE")
	delete(a.Sources[1].Files, "example.com/two@v2.0.0/LICENSE")
	err := Apply(collect(t, a), &lock.Licenses{Allow: []string{"MIT"}})
	if err == nil {
		t.Fatal("got no error")
	}
	var b strings.Builder
	for _, e := range hint.Split(err) {
		b.WriteString(e.Error() + "\n")
	}
	for _, h := range hint.Of(err) {
		b.WriteString("hint: " + h + "\n")
	}
	golden(t, "refused.golden", []byte(b.String()))
	if err := Apply(collect(t, testRelease(t)), nil); err == nil || strings.Contains(err.Error(), "not allowed") {
		t.Errorf("without a policy: got %v, want errors about missing licences only", err)
	}
}

func TestHostileLayers(t *testing.T) {
	for _, tt := range []struct {
		name  string
		layer v1.Layer
		want  string
	}{
		{"no name", layer(t, entry{name: "lib/apk/db/installed", content: "V:1\n"}), "a package has no name or no version"},
		{"path as name", layer(t, entry{name: "var/lib/dpkg/status", content: "Package: ../../etc\nVersion: 1\n"}), "a package has no name or no version"},
		{"not a tar", static.NewLayer(bytes.Repeat([]byte("x"), 1024), types.OCIUncompressedLayer), "archive/tar: invalid tar header"},
		{"cut off", static.NewLayer([]byte("\x1f\x8b\x08"), types.OCILayer), "unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := imagePackages(context.Background(), []release.Entry{{Path: "images/x", Source: image(t, t.TempDir(), tt.layer), Kind: release.ImageKind}})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	// Links that lead in a circle or out of the image lead nowhere.
	dir := image(t, t.TempDir(), layer(t,
		entry{name: "var/lib/dpkg/status", content: "Package: a\nVersion: 1\n\nPackage: b\nVersion: 1\n"},
		entry{name: "usr/share/doc/a/copyright", link: "../b/copyright"},
		entry{name: "usr/share/doc/b/copyright", link: "../a/copyright"},
		entry{name: "usr/share/doc/c/copyright", link: "../../../../../../etc/passwd"},
	))
	all, err := imagePackages(context.Background(), []release.Entry{{Path: "images/x", Source: dir, Kind: release.ImageKind}})
	if err != nil || len(all) != 2 || len(all[0].Files)+len(all[1].Files) != 0 {
		t.Errorf("got %+v, %v, want two packages without files", all, err)
	}
}
