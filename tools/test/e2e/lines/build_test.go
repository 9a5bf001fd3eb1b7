package lines_test

import (
	"archive/tar"
	"compress/gzip"
	"debug/buildinfo"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/source/toolchain"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/imagetest"
)

// TestLine pins a line's sources, base image and files, builds its release without a network,
// and checks the result. Then it alters pinned inputs.
func TestLine(t *testing.T) {
	w := newWorld(t)
	commit := w.plantLine()
	base := w.pushBase()
	w.MustBazel("run", "//release:resolve")
	l := w.lock()
	if src := l.Dependencies[0]; src.Git.Commit != commit || !slices.Equal(src.GoRoots, []string{".", "second"}) {
		t.Errorf("src: got commit %s with modules in %q, want %s with . and second", src.Git.Commit, src.GoRoots, commit)
	}
	fetches := 0
	for _, r := range w.git.Log() {
		if r.Service == gittest.Fetch {
			fetches++
		}
	}
	if fetches != 2 {
		t.Errorf("got %d fetches from the git server, want 2: the commit, and its history without files", fetches)
	}

	// From here on, the git server refuses everything.
	w.git.Handle(refuse)
	w.registry.Close()
	w.web.Close()
	w.MustBazel("build", "--config=airgap", "//release:all")
	release := filepath.Join(w.Dir, "bazel-bin", "release", "all")
	t.Run("archive", func(t *testing.T) { checkArchive(t, release, commit) })
	t.Run("source files", func(t *testing.T) { checkSourceFiles(t, release) })
	t.Run("image", func(t *testing.T) { checkImage(t, release, base, l) })
	t.Run("altered", func(t *testing.T) { w.checkAltered(t) })
	t.Run("stale", func(t *testing.T) { w.checkStale(t) })
	t.Run("host tools", func(t *testing.T) { w.checkHostTools(t) })
	t.Run("check below release", func(t *testing.T) { w.checkBelow(t) })
	t.Run("cyclic charts", func(t *testing.T) { w.checkCyclicCharts(t) })
}

// checkBelow adds a check below release(), where nothing would run it.
func (w *world) checkBelow(t *testing.T) {
	name := filepath.Join(w.Dir, "release", "demo", "BUILD.bazel")
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	w.Write("release/demo/BUILD.bazel", string(good)+"\nload(\"@demo//:rules.bzl\", \"check\")\n\ncheck(name = \"late\", absent = [\"x\"])\n")
	out, err := w.Bazel("build", "--config=airgap", "--nobuild", "//release:all")
	if want := "check late is below release(), which has the checks above it: move it there"; err == nil || !strings.Contains(out, want) {
		t.Errorf("got %v\n%s\nwant %q", err, out, want)
	}
	w.Write("release/demo/BUILD.bazel", string(good))
}

// checkStale changes the lock: its toolchain, so that it differs from the tools that build, and its product to a taken name.
func (w *world) checkStale(t *testing.T) {
	name := filepath.Join(w.Dir, "manifests", "demo", "lock.json")
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	l := w.lock()
	for want, alter := range map[string]func(*lock.Toolchain){
		"Bazel 7.0.0, but .bazelversion has " + l.Toolchain.Bazel:                              func(c *lock.Toolchain) { c.Bazel = "7.0.0" },
		"the Go SDK 1.20.1, but release/sources/go_sdk.json has " + l.Toolchain.Go.Version:     func(c *lock.Toolchain) { c.Go.Version = "1.20.1" },
		"the Go SDK " + l.Toolchain.Go.Version + ", but release/sources/go_sdk.json has other": func(c *lock.Toolchain) { c.Go.Archives = nil },
		"rules_go v0.1.0, but go.mod has " + l.Toolchain.RulesGo.Version:                       func(c *lock.Toolchain) { c.RulesGo.Version = "v0.1.0" },
		"rules_go " + l.Toolchain.RulesGo.Version + ", but go.mod has other content":           func(c *lock.Toolchain) { c.RulesGo.Sum = "h1:other" },
	} {
		other := *l
		alter(&other.Toolchain)
		if err := jsonfile.Write(name, &other); err != nil {
			t.Fatal(err)
		}
		out, err := w.Bazel("build", "--config=airgap", "--nobuild", "//release:all")
		if err == nil || !strings.Contains(out, "line demo: its lock was resolved with "+want) || !strings.Contains(out, "run tools/bazel run //release:resolve -- --line demo") {
			t.Errorf("got %v\n%s\nwant %q", err, out, want)
		}
	}
	other := *l
	other.Product = "release_builder"
	if err := jsonfile.Write(name, &other); err != nil {
		t.Fatal(err)
	}
	out, err := w.Bazel("build", "--config=airgap", "--nobuild", "//release:all")
	if want := "the release builder and line demo are both repository @release_builder"; err == nil || !strings.Contains(out, want) {
		t.Errorf("got %v\n%s\nwant %q", err, out, want)
	}
	if err := os.WriteFile(name, good, 0o644); err != nil {
		t.Fatal(err)
	}
	w.MustBazel("build", "--config=airgap", "--nobuild", "//release:all")
}

// checkHostTools damages a module of the tools that repository rules run. The error names the
// module and its sum, although the go command's error for a damaged zip has neither.
func (w *world) checkHostTools(t *testing.T) {
	pins, err := toolchain.Read(w.Dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := gomod.Required(pins.GoMod, pins.GoSum, "golang.org/x/mod")
	if err != nil {
		t.Fatal(err)
	}
	restore := spoil(t, filepath.Join(w.Store, "goproxy", "golang.org", "x", "mod", "@v", m.Version+".zip"), func() error { return nil })
	out, err := w.Bazel("sync", "--config=airgap", "--only=release_host_tools")
	if want := "module golang.org/x/mod@" + m.Version + ", " + m.Sum + ": zip: "; err == nil || !strings.Contains(out, want) {
		t.Errorf("got %v\n%s\nwant %q", err, out, want)
	}
	if err := restore(); err != nil {
		t.Fatal(err)
	}
}

// checkCyclicCharts has two charts depend on each other. Bazel shows the cycle of targets.
func (w *world) checkCyclicCharts(t *testing.T) {
	build := "load(\"//release/rules:defs.bzl\", \"release_chart\")\n"
	for name, dependency := range map[string]string{"a": "b", "b": "a"} {
		build += fmt.Sprintf("release_chart(name = %q, dependencies = [%q], files = [\"Chart.yaml\"], source_date_epoch = 1, version = \"1.0.0\")\n", name, ":"+dependency)
	}
	dir := filepath.Join(w.Dir, "release", "cyclic")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for name, content := range map[string]string{"BUILD.bazel": build, "Chart.yaml": "name: a\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, err := w.Bazel("build", "--config=airgap", "--nobuild", "//release/cyclic:a")
	if err == nil || !regexp.MustCompile(`(?s)cycle in dependency graph:.*//release/cyclic:a .*//release/cyclic:b .*//release/cyclic:a `).MatchString(out) {
		t.Errorf("got %v\n%s\nwant the cycle", err, out)
	}
}

// pushBase pushes an index of two platforms to the registry.
func (w *world) pushBase() map[string]v1.Image {
	w.t.Helper()
	images := map[string]v1.Image{}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, architecture := range []string{"amd64", "arm64"} {
		img, err := random.Image(10_000, 3)
		if err != nil {
			w.t.Fatal(err)
		}
		config, err := img.ConfigFile()
		if err != nil {
			w.t.Fatal(err)
		}
		config.OS, config.Architecture = "linux", architecture
		config.Config = v1.Config{User: "1337:1337", Env: []string{"PATH=/usr/bin"}, Cmd: []string{"sh"}}
		if img, err = mutate.ConfigFile(img, config); err != nil {
			w.t.Fatal(err)
		}
		images["linux/"+architecture] = img
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}},
		})
	}
	ref, err := name.ParseReference(strings.TrimPrefix(w.registry.URL, "http://") + "/base:1")
	if err == nil {
		err = remote.WriteIndex(ref, index)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return images
}

// checkArchive runs the programs and checks what they print about themselves.
func checkArchive(t *testing.T, release, commit string) {
	dir := t.TempDir()
	files := unpack(t, filepath.Join(release, "demo-1.0.0-linux-amd64.tar.gz"), dir)
	for _, want := range []string{"demo-1.0.0/bin/agent", "demo-1.0.0/bin/helper", "demo-1.0.0/bin/hello", "demo-1.0.0/bin/two", "demo-1.0.0/notes.txt", "demo-1.0.0/licenses/example.com/demo/LICENSE"} {
		if !slices.Contains(files, want) {
			t.Errorf("the archive lacks %s; it has %q", want, files)
		}
	}
	const point = ", 8" // the generator is 58666666…
	const embedded = ` ["web/\u00e9.txt"]` + "\n"
	for program, want := range map[string]string{
		"hello": "hello from the program" + point + embedded,
		"agent": "hello from the agent" + point + embedded,
		"two":   "second: hello from the program" + point + "\n",
	} {
		at := filepath.Join(dir, "demo-1.0.0", "bin", program)
		out, err := exec.CommandContext(t.Context(), at).Output()
		if err != nil || string(out) != want {
			t.Errorf("%s: got %q, %v, want %q", program, out, err, want)
		}
		info, err := buildinfo.ReadFile(at)
		if err != nil {
			t.Errorf("%s: %v", program, err)
			continue
		}
		module, version := "example.com/demo", "v0.0.0-20240229120000-"+commit[:12]
		if program == "two" {
			module += "/second"
		}
		if info.Main.Path != module || info.Main.Version != version {
			t.Errorf("%s: got main module %s@%s, want %s@%s", program, info.Main.Path, info.Main.Version, module, version)
		}
		var deps []string
		for _, d := range info.Deps {
			deps = append(deps, d.Path+" "+d.Version+" "+d.Sum)
		}
		if !slices.Contains(deps, "filippo.io/edwards25519 v1.2.0 h1:crnVqOiS4jqYleHd9vaKZ+HKtHfllngJIiOpNpoJsjo=") {
			t.Errorf("%s: got modules %q, want edwards25519 with its sum", program, deps)
		}
	}
	if data, err := os.ReadFile(filepath.Join(dir, "demo-1.0.0", "bin", "helper")); err != nil || string(data) != "this is /helper-amd64\n" {
		t.Errorf("helper: got %q, %v", data, err)
	}
}

// checkSourceFiles checks what the release has from the source itself: a chart, and samples.
func checkSourceFiles(t *testing.T, release string) {
	dir := t.TempDir()
	unpack(t, filepath.Join(release, "demo-1.0.0-linux-amd64.tar.gz"), dir)
	unpack(t, filepath.Join(release, "helm", "web-1.0.0.tgz"), dir)
	for name, want := range map[string]string{
		"demo-1.0.0/run.sh":                "#!/bin/sh\n",
		"demo-1.0.0/samples/BUILD.bazel":   "fail(\"a BUILD file that came along was loaded\")\n",
		"demo-1.0.0/samples/deep/start.sh": "#!/bin/sh\necho started\n",
		"demo-1.0.0/samples/linked.sh":     "#!/bin/sh\necho started\n",
		"demo-1.0.0/samples/plain.txt":     "plain\n",
		"web/BUILD":                        "fail(\"a BUILD file that came along was loaded\")\n",
		"web/Chart.yaml":                   "apiVersion: v2\nname: web\nversion: 1.0.0 # set by a release\nappVersion: 1.0.0\n",
		"web/templates/pod.yaml":           "image: {{ .Values.image.tag }}\n",
		"web/values.yaml":                  "image:\n  tag: 1.0.0 # set by a release\n",
	} {
		at := filepath.Join(dir, name)
		data, err := os.ReadFile(at)
		if err != nil || string(data) != want {
			t.Errorf("%s: got %q, %v, want %q", name, data, err, want)
			continue
		}
		info, err := os.Stat(at)
		if executable := strings.HasSuffix(name, ".sh"); err != nil || info.Mode().Perm()&0o111 != 0 != executable {
			t.Errorf("%s: got mode %v, %v, want it to be executable: %v", name, info.Mode(), err, executable)
		}
	}
}

// unpack unpacks an archive and returns the paths in it.
func unpack(t *testing.T, file, dir string) (files []string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, h.Name)
		if h.Typeflag != tar.TypeReg {
			continue
		}
		at := filepath.Join(dir, filepath.FromSlash(h.Name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		out, err := os.OpenFile(at, os.O_CREATE|os.O_WRONLY, os.FileMode(h.Mode))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(out, r); err != nil {
			t.Fatal(err)
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// checkImage compares the layers of the base with those of the image built on it.
func checkImage(t *testing.T, release string, base map[string]v1.Image, l *lock.Lock) {
	index := imagetest.Open(t, filepath.Join(release, "images", "hello"))
	for _, pin := range l.Images[0].Platforms {
		img := imagetest.Find(t, index, pin.Platform)
		if d, err := base[pin.Platform].Digest(); err != nil || d.String() != string(pin.Digest) {
			t.Errorf("%s: the lock has %s, the registry %v, %v", pin.Platform, pin.Digest, d, err)
		}
		want, got := layers(t, base[pin.Platform]), layers(t, img)
		if len(got) != len(want)+2 || !slices.Equal(got[:len(want)], want) {
			t.Errorf("%s: got layers %q, want the base's %q and two more", pin.Platform, got, want)
		}
		config, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if c := config.Config; c.User != "1337:1337" || !slices.Equal(c.Env, []string{"PATH=/usr/bin"}) || !slices.Equal(c.Entrypoint, []string{"/usr/local/bin/hello"}) || len(c.Cmd) > 0 {
			t.Errorf("%s: got config %+v, want the base's user and environment, and our entrypoint without its cmd", pin.Platform, c)
		}
	}
}

// layers returns digest and size of the compressed layers.
func layers(t *testing.T, img v1.Image) (all []string) {
	t.Helper()
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range m.Layers {
		all = append(all, l.Digest.String())
	}
	return all
}

// checkAltered alters lock entries and the store, one at a time. Each time the build fails and
// names the entry and both digests.
func (w *world) checkAltered(t *testing.T) {
	good := w.lock()
	blob := func(digest string) string {
		return filepath.Join(w.Store, "content_addressable", "sha256", strings.TrimPrefix(digest, "sha256:"), "file")
	}
	module := func(ext string) string {
		return filepath.Join(w.Store, "goproxy", "filippo.io", "edwards25519", "@v", "v1.2.0"+ext)
	}
	src, file, platform := &good.Dependencies[0], &good.Files[len(good.Files)-1], &good.Images[0].Platforms[0]
	flipped := func(d string) string {
		return d[:len(d)-1] + map[bool]string{true: "1", false: "0"}[strings.HasSuffix(d, "0")]
	}
	for _, tt := range []struct {
		name  string
		alter func(l *lock.Lock)
		seal  bool
		store string // a file of the store to alter
		want  []string
	}{
		// Another reason does not affect the build, but the entry is read again.
		{"source in the store", func(l *lock.Lock) { l.Dependencies[0].Why = "altered" }, true, blob(src.Digest), []string{`lock entry "src"`, "got sha256:", "want " + src.Digest}},
		{"module in the store", func(l *lock.Lock) { l.Dependencies[0].Why = "altered zip" }, true, module(".zip"), []string{`lock entry "src": zip of module filippo.io/edwards25519@v1.2.0: h1 sum`, "got ", "want h1:crnVqOiS4jqYleHd9vaKZ+HKtHfllngJIiOpNpoJsjo="}},
		{"go.mod in the store", func(l *lock.Lock) { l.Dependencies[0].Why = "altered go.mod" }, true, module(".mod"), []string{`lock entry "src": mod of module filippo.io/edwards25519@v1.2.0: h1 sum`, "got h1:", "want h1:xzAOLCNug/yB62zG1bQ8uziwrIqIuxhctzJT18Q77mc="}},
		{"file in the store", func(l *lock.Lock) { l.Files[len(l.Files)-1].Why = "altered" }, true, blob(string(file.Digest)), []string{`lock entry "` + file.Name, "got sha256:", "want " + string(file.Digest)}},
		{"base in the store", func(l *lock.Lock) { l.Images[0].Base += "altered" }, true, filepath.Join(w.Store, "oci", "blobs", "sha256", strings.TrimPrefix(string(platform.Digest), "sha256:")), []string{`lock entry "hello"`, "got sha256:", "want " + string(platform.Digest)}},
		{"source in the lock", func(l *lock.Lock) { l.Dependencies[0].Digest = flipped(src.Digest) }, true, "", []string{`lock entry "src"`, flipped(src.Digest)}},
		{"base in the lock", func(l *lock.Lock) { l.Images[0].Platforms[0].Digest = digest.Digest(flipped(string(platform.Digest))) }, true, "", []string{`lock entry "hello"`}},
		{"entry of a source", func(l *lock.Lock) { l.Dependencies[0].Git.Commit = flipped(src.Git.Commit) }, false, "", []string{`lock entry "src": digest of the entry: got sha256:`, "want " + string(src.EntryDigest)}},
		{"entry of a base", func(l *lock.Lock) { l.Images[0].Platforms[0].Size++ }, false, "", []string{`lock entry "hello": digest of the entry: got sha256:`, "want " + string(good.Images[0].EntryDigest)}},
		{"entry of a file", func(l *lock.Lock) { l.Files[len(l.Files)-1].URL += "x" }, false, "", []string{`lock entry "` + file.Name, "digest of the entry: got sha256:", "want " + string(file.EntryDigest)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := w.lock()
			tt.alter(l)
			if tt.seal {
				l.Seal()
			}
			if err := jsonfile.Write(w.lockName(), l); err != nil {
				t.Fatal(err)
			}
			restore := func() error { return jsonfile.Write(w.lockName(), good) }
			if tt.store != "" {
				restore = spoil(t, tt.store, restore)
			}
			out, err := w.Bazel("build", "--nobuild", "--config=airgap", "//release:all")
			if err == nil {
				t.Error("the build went on")
			}
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("got\n%s\nwant %q", out, want)
				}
			}
			if err := restore(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// spoil flips a bit of a file. It returns a function that calls then after undoing that.
func spoil(t *testing.T, file string, then func() error) func() error {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	bad := slices.Clone(data)
	bad[len(bad)/2] ^= 1
	if err := os.WriteFile(file, bad, 0o644); err != nil {
		t.Fatal(err)
	}
	return func() error {
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
		return then()
	}
}
