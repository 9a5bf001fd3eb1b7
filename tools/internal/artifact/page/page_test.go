package page_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/goinfo"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/license"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/page"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/testing/browsertest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buildinfotest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/errtest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

var update = flag.Bool("update", false, "accept what the page is now")

// code matches code in a line of Markdown.
var code = regexp.MustCompile("`[^`\n]*`")

var commit, before = strings.Repeat("c0", 20), strings.Repeat("b0", 20)

// locks returns the locks of a release and of the one before: a module, a git source with two
// variants, and one that is only linked.
func locks() (now, previous *lock.Lock) {
	make := func(version, mod, commit, lib, goVersion string) *lock.Lock {
		l := &lock.Lock{
			Schema: lock.Schema, Manifest: digest.FromBytes(nil), Version: version, Product: "demo", Docker: "registry.example.com/demo",
			Platforms: []string{"linux-amd64", "win-amd64"}, Architectures: []string{"linux/amd64"}, Time: releasetest.Time,
			Dependencies: []lock.Dependency{
				{
					Name: "tool", Primary: true, Module: &lock.Module{Path: "github.com/acme/tool/v2", Version: mod}, Digest: "h1:x", Size: 4096, Why: "version in manifest",
					GoRoots: []string{"."}, GoModules: []lock.GoModule{{Path: "example.com/lib", Version: lib, Sum: "h1:a"}, {Path: "example.com/unread", Version: "v1.0.0"}},
				},
				{
					Name: "server", Git: &lock.Git{URL: "https://me:secret@gitlab.com/acme/group/server.git", Commit: commit}, Digest: "sha256:y", Size: 1 << 20, Why: "branch main",
					GoRoots: []string{"."}, GoTags: map[string][]string{"small": {"nodocs", "noui"}, "whole": {"ui"}}, Unbuilt: true, GoModules: []lock.GoModule{{Path: "example.com/lib", Version: lib, Sum: "h1:a"}},
				},
				{Name: "lib", Module: &lock.Module{Path: "example.com/lib", Version: lib}, Digest: "h1:z", Size: 10, Why: "go.mod of tool", Unbuilt: true},
			},
			Toolchain: lock.Toolchain{Bazel: "7.7.1", Go: lock.GoSDK{Version: goVersion}},
		}
		for i := range l.Dependencies {
			l.Dependencies[i].Time = releasetest.Time
		}
		slices.SortFunc(l.Dependencies, func(a, b lock.Dependency) int { return strings.Compare(a.Name, b.Name) })
		return l
	}
	return make("1.2.0", "v2.1.0", commit, "v1.1.0", "1.26.8"), make("1.1.0", "v2.0.0", before, "v1.0.0", "1.26.7")
}

// demo returns what is known of a release with an artifact of each kind.
func demo(t *testing.T) page.Args {
	dir := releasetest.Make(t, releasetest.Args{
		Images: []string{"server", "server:debug"}, Charts: []string{"demo"},
		Files: map[string]string{
			"tool-1.2.0-linux-amd64.tar.gz": "tool for linux", "tool-1.2.0-win-amd64.zip": "tool for windows", "tool-1.2.0-linux-amd64.tar.gz.sha256": "sum",
			"deb/tool_1.2.0_amd64.deb": "deb", "rpm/tool-1.2.0-1.x86_64.rpm": "rpm", "apk/tool_1.2.0-r0_x86_64.apk": "apk", "docker/server.tar.gz": "docker",
			"packages/tool/homebrew/tool.rb": "class", "packages/tool/scoop/tool.json": "{}", "grafana/demo.json": "{}",
			"NOTICES": notices, "sources.tar.gz": "sources", "sbom/demo-1.2.0.spdx.json": "{}", "vex.openvex.json": "{}",
		},
	})
	a := page.Args{Line: "demo", Provenance: release.Provenance}
	a.Lock, a.Previous = locks()
	a.LockSum = digest.FromBytes([]byte("lock"))
	program := func(name, pkg string, main debug.Module, settings ...string) string {
		info := &debug.BuildInfo{GoVersion: "go1.26.8", Path: pkg, Main: main, Deps: []*debug.Module{{Path: "example.com/lib", Version: "v1.1.0"}}}
		for i := 0; i < len(settings); i += 2 {
			info.Settings = append(info.Settings, debug.BuildSetting{Key: settings[i], Value: settings[i+1]})
		}
		file := filepath.Join(dir, "..", "programs", name)
		buildinfotest.Write(t, file, info)
		return file
	}
	tool := program("tool", "github.com/acme/tool/v2", debug.Module{Path: "github.com/acme/tool/v2", Version: "v2.1.0"})
	module := debug.Module{Path: "acme.example.com/server", Version: "(devel)"}
	server := program("server", "acme.example.com/server/cmd/server", module, "-tags", "ui", "vcs.revision", commit)
	agent := program("agent", "acme.example.com/server/cmd/agent", module, "-tags", "noui,nodocs", "vcs.revision", commit)
	ready := filepath.Join(dir, "..", "programs", "envoy")
	if err := os.WriteFile(ready, []byte("no Go program"), 0o755); err != nil {
		t.Fatal(err)
	}
	add := func(kind, path, platform, mediaType string, contents ...release.Content) {
		a.Artifacts = append(a.Artifacts, release.Entry{Path: path, Source: filepath.Join(dir, path), Kind: kind, Platform: platform, MediaType: mediaType, Contents: contents})
	}
	in := func(path, source, platform string) release.Content {
		return release.Content{Path: path, Source: source, Platform: platform}
	}
	add("archive", "tool-1.2.0-win-amd64.zip", "win-amd64", "application/zip", in("tool.exe", tool, "win-amd64"))
	add("archive", "tool-1.2.0-linux-amd64.tar.gz", "linux-amd64", "application/gzip", in("tool", tool, "linux-amd64"))
	add("checksum", "tool-1.2.0-linux-amd64.tar.gz.sha256", "", "text/plain")
	for kind, path := range map[string]string{"deb": "deb/tool_1.2.0_amd64.deb", "rpm": "rpm/tool-1.2.0-1.x86_64.rpm", "apk": "apk/tool_1.2.0-r0_x86_64.apk"} {
		add(kind, path, "linux-amd64", "application/octet-stream", in("usr/bin/tool", tool, "linux-amd64"))
	}
	const index = "application/vnd.oci.image.index.v1+json"
	add("image", "images/server-debug", "", index, in("server", server, "linux-amd64"), in("agent", agent, "linux-amd64"))
	add("image", "images/server", "", index, in("server", server, "linux-amd64"), in("envoy", ready, "linux-amd64"))
	add("docker-archive", "docker/server.tar.gz", "linux-amd64", "application/gzip")
	add("chart", "helm/demo-1.2.0.tgz", "", "application/gzip")
	add("package-manifest", "packages/tool", "", "text/plain")
	add("dashboard", "grafana/demo.json", "", "application/json")
	add("licenses", "NOTICES", "", "text/plain")
	add("sources", "sources.tar.gz", "", "application/gzip")
	add("sbom", "sbom/demo-1.2.0.spdx.json", "", "application/spdx+json")
	add("vex", "vex.openvex.json", "", "application/json")
	add("document", "manifest.yaml", "", "application/yaml")
	for _, goos := range []string{"windows", "linux"} {
		a.Programs = append(a.Programs, goinfo.Program{Name: "tool", Package: "github.com/acme/tool/v2", GOOS: goos, GOARCH: "amd64", XDefs: map[string]string{"github.com/acme/tool/v2.Version": "1.2.0"}})
	}
	a.Programs = append(a.Programs, goinfo.Program{Name: "agent", Package: "acme.example.com/server/cmd/agent", GOOS: "linux", GOARCH: "amd64", Tags: []string{"nodocs", "noui"}})
	a.Components = []license.Component{
		{Type: license.Module, Name: "example.com/lib", Version: "v1.1.0", License: "BSD-3-Clause OR MIT"}, {Type: license.Module, Name: "github.com/acme/tool/v2", Version: "v2.1.0", License: "MIT"},
		{Type: license.Deb, Name: "libc6", Version: "2.36-9", License: "LicenseRef-libc6 AND MIT"}, {Type: license.Ready, Name: "envoy", License: "NOASSERTION"},
	}
	sum := func(text string) digest.Digest { return digest.FromBytes([]byte(text)) }
	a.PreviousDocument = &release.Document{Schema: release.DocumentSchema, Product: "demo", Version: "1.1.0", Artifacts: []release.Artifact{
		{Path: "NOTICES", Kind: "licenses", Size: int64(len(notices)), Digest: sum(notices)}, {Path: "index.html", Kind: "page", Size: 9, Digest: sum("page")},
		{Path: "tool-1.1.0-linux-amd64.tar.gz", Kind: "archive", Size: 5, Digest: sum("old")}, {Path: "tool-1.1.0-osx-amd64.tar.gz", Kind: "archive", Size: 5, Digest: sum("osx")},
	}}
	return a
}

var notices = strings.Repeat("notices\n", 20_000)

func render(t *testing.T, a page.Args) (html, notes []byte) {
	t.Helper()
	p, err := page.New(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	var h, n bytes.Buffer
	if err := p.WriteHTML(&h); err != nil {
		t.Fatal(err)
	}
	if err := p.WriteNotes(&n); err != nil {
		t.Fatal(err)
	}
	return h.Bytes(), n.Bytes()
}

// TestGolden has a release with an artifact of each kind, and one of archives alone.
func TestGolden(t *testing.T) {
	whole := demo(t)
	small := page.Args{Line: "small", Lock: whole.Lock, LockSum: whole.LockSum, Artifacts: whole.Artifacts[:2]}
	for name, a := range map[string]page.Args{"whole": whole, "small": small} {
		t.Run(name, func(t *testing.T) {
			html, notes := render(t, a)
			golden(t, name+".html", html)
			golden(t, name+".md", notes)
			t.Run("for everybody", func(t *testing.T) { browsertest.Good(t, html) })
		})
	}
}

// TestOrder: the order of what is given does not matter.
func TestOrder(t *testing.T) {
	a := demo(t)
	html, notes := render(t, a)
	slices.Reverse(a.Artifacts)
	slices.Reverse(a.Programs)
	slices.Reverse(a.Components)
	again, notesAgain := render(t, a)
	if !bytes.Equal(html, again) || !bytes.Equal(notes, notesAgain) {
		t.Errorf("got\n%s\nwant\n%s", again, html)
	}
}

// TestNames: names add no element to the page, and no line to the notes.
func TestNames(t *testing.T) {
	const script = "<script>document.title='ran'</script>"
	a := demo(t)
	a.Line = script
	a.Lock.Docker = "registry.example.com/$(id)\"'"
	for i := range a.Lock.Dependencies {
		a.Lock.Dependencies[i].Name = script + a.Lock.Dependencies[i].Name
		a.Lock.Dependencies[i].Why = "a\n" + script
	}
	a.Components[0].Name = script
	a.Programs[0].XDefs = map[string]string{"x.Y": "a\n$(id)"}
	html, notes := render(t, a)
	if n := bytes.Count(html, []byte("<script")); n > 0 {
		t.Errorf("got %d scripts in\n%s", n, html)
	}
	for line := range strings.Lines(code.ReplaceAllString(string(notes), "")) {
		if !strings.HasPrefix(line, "    ") && (strings.Contains(line, "<script") || strings.HasPrefix(line, "$(id)")) {
			t.Errorf("got %q outside of code in the notes", line)
		}
	}
	if want := `docker pull &#39;registry.example.com/$(id)&#34;&#39;\&#39;&#39;/server@sha256:`; !strings.Contains(string(html), want) {
		t.Errorf("want %s in\n%s", want, html)
	}
	t.Run("for everybody", func(t *testing.T) { browsertest.Good(t, html) })
}

// TestVerify runs the lines that check files, in a shell: before and after the files are altered.
func TestVerify(t *testing.T) {
	sh := readers.Find(t, "sh")
	readers.Find(t, "sha256sum")
	a := demo(t)
	odd := filepath.Join(t.TempDir(), "odd")
	if err := os.WriteFile(odd, []byte("odd"), 0o644); err != nil {
		t.Fatal(err)
	}
	a.Artifacts = append(a.Artifacts, release.Entry{Path: "it's $HOME.zip", Source: odd, Kind: "archive", Platform: "linux-amd64"})
	p, err := page.New(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	dir, ran := t.TempDir(), 0
	for _, group := range p.Platforms {
		for _, d := range group.Files {
			at := slices.IndexFunc(a.Artifacts, func(e release.Entry) bool { return e.Path == d.Path })
			data, err := os.ReadFile(a.Artifacts[at].Source)
			if err != nil {
				t.Fatal(err)
			}
			for _, content := range [][]byte{data, append(data, '!')} {
				if err := os.WriteFile(filepath.Join(dir, d.Name()), content, 0o644); err != nil {
					t.Fatal(err)
				}
				cmd := exec.CommandContext(t.Context(), sh, "-c", d.Verify())
				cmd.Dir = dir
				out, err := cmd.CombinedOutput()
				if (err == nil) != (len(content) == len(data)) {
					t.Errorf("%s: got %v, %s", d.Verify(), err, out)
				}
				ran++
			}
		}
	}
	if ran != 6 {
		t.Errorf("ran %d commands, want 6", ran)
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		name  string
		alter func(a *page.Args)
		want  string
	}{
		{"another product", func(a *page.Args) { a.Previous.Product = "other" }, `the lock of the release before is of product "other", want one of "demo"`},
		{"the same version", func(a *page.Args) { a.Previous.Version = "1.2.0" }, "the lock of the release before has the version to publish, 1.2.0: want an earlier one"},
		{"another document", func(a *page.Args) { a.PreviousDocument.Version = "1.0.0" }, "the release.json of the release before is of demo 1.0.0, want demo 1.1.0 as in its lock"},
		{"no file", func(a *page.Args) { a.Artifacts[0].Source = "none" }, `reading "tool-1.2.0-win-amd64.zip": `},
		{"no program", func(a *page.Args) { a.Artifacts[0].Contents[0].Source = "none" }, "none"},
		{"no image", func(a *page.Args) { a.Artifacts[6].MediaType = "text/plain" }, `image "images/server-debug": its layout has no manifest of media type "text/plain"`},
		{"quotes", func(a *page.Args) { a.Programs[1].XDefs = map[string]string{"x.Y": `"'`} }, "x_defs of x.Y: the go command cannot quote a value with both kinds of quotes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := demo(t)
			tt.alter(&a)
			_, err := page.New(t.Context(), a)
			errtest.Contain(t, err, tt.want)
		})
	}
}

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
		t.Errorf("got\n%s\nwant %s; if it is right, run go test ./tools/internal/artifact/page -update", got, name)
	}
}
