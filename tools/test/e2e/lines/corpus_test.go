package lines_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

// corpusPlatforms are the platforms of the corpus.
var corpusPlatforms = []string{"linux-amd64", "osx-arm64", "win-amd64"}

// TestCorpus builds programs with Bazel and with the go command, and checks that the bytes are
// the same.
func TestCorpus(t *testing.T) {
	w := newWorld(t)
	programs := w.plantCorpus()
	want := 0
	for _, p := range programs {
		want += len(p.platforms)
	}
	w.MustBazel("run", "//release:resolve")
	w.checkInit(t)
	w.Environ = append(w.Environ, "GOPROXY=off")
	w.git.Handle(refuse)
	w.MustBazel("build", "--config=airgap", "//release:all")
	out := w.MustBazel("run", "--config=airgap", "//release:rebuild")
	if got := strings.Count(out, ": identical, sha256:"); got != want {
		t.Errorf("got %d identical programs, want %d\n%s", got, want, out)
	}
	for label, want := range map[string]string{
		"//cmd/usescgo": "package example.com/git/cgo: build constraints exclude all Go files in example.com/git/cgo",
		"//hack":        "package example.com/git/hack: no required module provides package example.com/nowhere",
		"//link":        `package example.com/git/link: pattern link.txt: cannot embed irregular file link.txt`,
	} {
		out, err := w.Bazel("build", "--config=airgap", "@demo_git"+label)
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("%s: got %v\n%s\nwant %q", label, err, out, want)
		}
	}
}

// checkInit makes a line for a module and builds it.
func (w *world) checkInit(t *testing.T) {
	t.Helper()
	out := w.MustBazel("run", "//release:init", "--", "--name", "fresh", "--module", "example.com/Upper/v2@v2.1.0")
	for _, want := range []string{"source: module example.com/Upper/v2@v2.1.0\n", "program: Upper, @fresh_Upper//:Upper\n", "program: tool, @fresh_Upper//cmd/tool/v3:tool\n", "tools/bazel build //release:all --repo_env=RELEASE_LINE=fresh"} {
		if !strings.Contains(out, want) {
			t.Errorf("got\n%s\nwant %q", out, want)
		}
	}
	w.MustBazel("build", "--repo_env=RELEASE_LINE=fresh", "//release:all")
	if _, err := os.Stat(filepath.Join(w.Dir, "bazel-bin", "release", "all", "fresh-2.1.0-linux-amd64.tar.gz")); err != nil {
		t.Error(err)
	}
	if out, err := w.Bazel("run", "//release:init", "--", "--name", "fresh", "--module", "example.com/Upper/v2@v2.1.0"); err == nil || !strings.Contains(out, "exists already") {
		t.Errorf("again: got %v\n%s", err, out)
	}
}

// corpusProgram is a program of a release.
type corpusProgram struct {
	label     string
	platforms []string
}

// plantCorpus writes the line of the corpus and serves its sources. It returns the programs by
// name.
func (w *world) plantCorpus() map[string]corpusProgram {
	w.t.Helper()
	corpus := archive(w.t, "corpus.txtar")
	modules, files := map[string]string{}, map[string]gittest.File{}
	for _, f := range corpus.Files {
		if name, ok := strings.CutPrefix(f.Name, "mod/"); ok {
			modules[name] = string(f.Data)
		} else if name, ok := strings.CutPrefix(f.Name, "git/"); ok {
			files[name] = gittest.File{Content: string(f.Data)}
		}
	}
	// Each module of the proxy has a complete go.sum, except one: installing it does not need
	// that.
	proxy := proxytest.New(w.t, modules)
	for name, text := range maps.Clone(modules) {
		if module, ok := strings.CutSuffix(name, "/go.mod"); ok && strings.Contains(text, "require") && module != "example.com/old@v1.0.0" {
			modules[module+"/go.sum"] = proxy.GoSum(text)
		}
	}
	proxy = proxytest.New(w.t, modules)
	for name, file := range maps.Clone(files) {
		if dir, ok := strings.CutSuffix(name, "go.mod"); ok {
			text := file.Content
			if strings.Contains(text, "fork") { // the replacement of dep
				text = "module x\n\nrequire example.com/fork v1.3.0\n"
			}
			files[dir+"go.sum"] = gittest.File{Content: proxy.GoSum(text)}
		}
	}
	for i := range 10_000 {
		files[fmt.Sprintf("many/files/%05d.txt", i)] = gittest.File{Content: fmt.Sprint(i)}
	}
	files["link/link.txt"] = gittest.File{Link: "link.go"}
	files["profiled/default.pgo"] = gittest.File{Content: profile(w.t)}
	repo := w.git.Repo("git")
	at := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	repo.Tag("v1.2.3", repo.Commit("main", files, "first", at))
	commit := repo.Commit("main", map[string]gittest.File{"more.txt": {Content: "more"}}, "second", at.Add(time.Hour))
	repo.Tag("nested/v0.5.0", commit)
	w.Environ = append(w.Environ, "GOPROXY="+proxy.Serve().URL)

	manifest := "version: 1.0.0\nproduct: demo\nplatforms: [" + strings.Join(corpusPlatforms, ", ") + "]\ndependencies:\n" +
		"  git: {git: \"" + w.git.URL("git") + "\", branch: main, gomodules: [., nested, vendored, many, profiled]}\n"
	for name, module := range map[string]string{"asm": "example.com/asm", "lang": "example.com/lang", "old": "example.com/old", "retracted": "example.com/retracted"} {
		manifest += "  " + name + ": {module: " + module + ", version: v1.0.0}\n"
	}
	manifest += "  upper: {module: example.com/Upper/v2, version: v2.1.0}\n"
	programs := map[string]corpusProgram{}
	for line := range strings.Lines(string(corpus.Comment)) {
		if f := strings.Fields(line); len(f) >= 3 && f[0] == "program:" {
			p := corpusProgram{f[2], corpusPlatforms}
			if len(f) > 3 {
				p.platforms = f[3:]
			}
			programs[f[1]] = p
		}
	}
	w.writeLine(manifest, programs)
	return programs
}

// writeLine writes a line. Its product has an archive for the programs of each set of
// platforms.
func (w *world) writeLine(manifest string, programs map[string]corpusProgram) {
	w.t.Helper()
	var b strings.Builder
	b.WriteString(`load("@demo//:line.bzl", "SOURCE_DATE_EPOCH", "VERSION")
load("//release/rules:defs.bzl", "release_archive", "release_binary", "release_manifest", "release_tree")

release_manifest(
    name = "manifest",
    lock = "@demo//:lock.json",
    manifest = "@demo//:manifest.yaml",
)
`)
	list := func(words []string) string { return `["` + strings.Join(words, `", "`) + `"]` }
	archives := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		p := programs[name]
		fmt.Fprintf(&b, "\nrelease_binary(\n    name = %q,\n    binary = %q,\n    platforms = %s,\n)\n", name, p.label, list(p.platforms))
		archive := fmt.Sprintf("demo%d", len(p.platforms))
		archives[archive] = append(archives[archive], ":"+name)
	}
	for _, name := range slices.Sorted(maps.Keys(archives)) {
		fmt.Fprintf(&b, "\nrelease_archive(\n    name = %q,\n    binaries = %s,\n    source_date_epoch = SOURCE_DATE_EPOCH,\n    sources = [\"@demo//:git\"],\n    version = VERSION,\n)\n", name, list(archives[name]))
	}
	fmt.Fprintf(&b, `
release_tree(
    name = "release",
    artifacts = %s,
    files = {
        ":manifest": "manifest.yaml",
        "@demo//:lock.json": "lock.json",
    },
    visibility = ["//visibility:public"],
)
`, list(slices.Sorted(maps.Keys(archives))))
	for name, content := range map[string]string{
		"manifests/demo/manifest.yaml": manifest,
		"manifests/demo/BUILD.bazel":   "exports_files(\n    glob([\"*\"]),\n    visibility = [\"//visibility:public\"],\n)\n",
		"release/demo/BUILD.bazel":     b.String(),
	} {
		w.Write(name, content)
	}
}

// profile returns a CPU profile of a program, in the form of default.pgo.
func profile(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	if err := pprof.StartCPUProfile(&b); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
		_ = strings.Repeat("x", 1000)
	}
	pprof.StopCPUProfile()
	return b.String()
}
