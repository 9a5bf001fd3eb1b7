package manifest

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
)

var update = flag.Bool("update", false, "rewrite testdata with what the package does now")

const updateHint = "if this is right: go test ./tools/internal/input/manifest -update"

// golden compares got with the named file, or rewrites it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("%v\n%s", err, updateHint)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\ngot:\n%s\nwant:\n%s\n%s", name, got, want, updateHint)
	}
}

func glob(t testing.TB, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(names), err)
	}
	return names
}

// without returns m without its notes.
func without(m *Manifest) *Manifest {
	c := *m
	c.Notes = nil
	return &c
}

// TestBad compares the errors of the manifests NAME.yaml with NAME.want.
func TestBad(t *testing.T) {
	cases := 0
	for _, name := range glob(t, "testdata/bad/*.txtar") {
		in, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out := &txtar.Archive{Comment: in.Comment}
		for _, f := range in.Files {
			if !strings.HasSuffix(f.Name, ".yaml") {
				continue
			}
			cases++
			m, err := Parse(f.Name, f.Data)
			if m != nil || err == nil {
				t.Errorf("%s: %s: parsed, want an error", name, f.Name)
				err = errors.New("parsed")
			}
			want := txtar.File{Name: strings.TrimSuffix(f.Name, ".yaml") + ".want", Data: []byte(err.Error() + "\n")}
			out.Files = append(out.Files, f, want)
		}
		golden(t, name, txtar.Format(out))
	}
	if cases < 60 {
		t.Errorf("got %d cases, want at least 60", cases)
	}
}

// TestGood compares manifests with the .golden beside them: Format's output, then the notes. A
// second parse must give the same.
func TestGood(t *testing.T) {
	for _, name := range glob(t, "testdata/good/*.yaml") {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Parse(filepath.Base(name), data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := Format(m)
		checkRoundTrip(t, m)
		if crlf, err := Parse("crlf", bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))); err != nil {
			t.Errorf("%s with CR LF: %v", name, err)
		} else if !reflect.DeepEqual(without(crlf), without(m)) {
			t.Errorf("%s with CR LF: got %+v, want %+v", name, crlf, m)
		}
		for _, note := range m.Notes {
			got = append(got, "# "+note+"\n"...)
		}
		golden(t, strings.TrimSuffix(name, ".yaml")+".golden", got)
	}
}

// checkRoundTrip checks that Format's output parses to m, and that another YAML reader sees
// text where a text was.
func checkRoundTrip(t *testing.T, m *Manifest) {
	t.Helper()
	data := Format(m)
	again, err := Parse("formatted", data)
	if err != nil {
		t.Fatalf("parsing what Format wrote: %v\n%s", err, data)
	}
	if !reflect.DeepEqual(without(m), without(again)) {
		t.Fatalf("round trip: got %+v, want %+v\n%s", again, m, data)
	}
	if twice := Format(again); !bytes.Equal(twice, data) {
		t.Fatalf("formatting twice: got %s\nwant %s", twice, data)
	}
	var other struct {
		Version, Product, Docker any
		Dependencies             map[any]map[string]any
	}
	if err := yaml.Unmarshal(data, &other); err != nil {
		t.Fatalf("another reader: %v\n%s", err, data)
	}
	if other.Version != any(m.Version) {
		t.Fatalf("another reader's version: got %#v, want %#v", other.Version, m.Version)
	}
	for _, d := range m.Dependencies {
		o := other.Dependencies[d.Name]
		for key, want := range map[string]string{"git": d.Git, "localpath": d.LocalPath, "module": d.Module,
			"branch": d.Branch, "tag": d.Tag, "sha": d.SHA, "version": d.Version, "auto": string(d.Auto), "from": d.From} {
			if got := o[key]; want == "" && got != nil || want != "" && got != any(want) {
				t.Fatalf("another reader's %s of %s: got %#v, want %#v", key, d.Name, got, want)
			}
		}
	}
}

// TestIstio2019 checks the fields of the manifest of 2019, and that it has one note.
func TestIstio2019(t *testing.T) {
	m, err := Read("testdata/good/istio-2019.yaml")
	if err != nil {
		t.Fatal(err)
	}
	git := func(name string) string { return "https://github.com/istio/" + name }
	want := &Manifest{
		Version:       "1.2.3",
		Docker:        "docker.io/istio",
		Architectures: []string{"linux/amd64"},
		Platforms:     Platforms(),
		ProxyOverride: "https://storage.googleapis.com/istio-build/proxy",
		Dependencies: []Dependency{
			{Name: "istio", Primary: true, Git: git("istio"), Branch: "release-1.4"},
			{Name: "cni", Git: git("cni"), Auto: AutoDeps},
			{Name: "operator", Git: git("operator"), Auto: AutoModules},
			{Name: "api", Git: git("api"), Auto: AutoModules},
			{Name: "proxy", Git: git("proxy"), Auto: AutoDeps},
		},
		Notes: []string{"testdata/good/istio-2019.yaml:3: directory is accepted but unused: outputs go to bazel-bin/release/all"},
	}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("got  %+v\nwant %+v", m, want)
	}
	if got := m.Primary(); got == nil || got.Name != "istio" {
		t.Errorf("primary: got %+v, want istio", got)
	}
	if d, ok := m.Find("proxy"); !ok || d.Auto != AutoDeps {
		t.Errorf("proxy: got %+v, %t", d, ok)
	}
	if d, ok := m.Find("none"); ok {
		t.Errorf("none: got %+v, want none", d)
	}
}

// TestValues parses values that must, and must not, be accepted.
func TestValues(t *testing.T) {
	template := map[string]string{
		"version":   "version: %s\ndependencies: {a: {localpath: x}}",
		"docker":    "version: 1\ndocker: %s\ndependencies: {a: {localpath: x}}",
		"proxy":     "version: 1\nproxyOverride: %s\ndependencies: {a: {localpath: x}}",
		"arch":      "version: 1\narchitectures: [%s]\ndependencies: {a: {localpath: x}}",
		"git":       "version: 1\ndependencies: {a: {git: %s, branch: b}}",
		"branch":    "version: 1\ndependencies: {a: {git: x, branch: %s}}",
		"sha":       "version: 1\ndependencies: {a: {git: x, sha: %s}}",
		"base":      "version: 1\nimages: {a: {base: %s}}\ndependencies: {a: {localpath: x}}",
		"sha256":    "version: 1\nfiles: {a: {url: http://x/y, sha256: %s}}\ndependencies: {a: {localpath: x}}",
		"gotag":     "version: 1\ndependencies: {a: {localpath: x, gotags: {v: [%s]}}}",
		"variant":   "version: 1\ndependencies: {a: {localpath: x, gotags: {%s: [v]}}}",
		"directory": "version: 1\ndependencies: {a: {localpath: x, gomodules: [%s]}}",
	}
	for _, c := range []struct {
		kind string
		good []string
		bad  []string
	}{
		{"version", []string{"1", "1.10", "v1", "1.31.0-rc.1", "2026-01-01", "1e3", "a_b", ".5x"[1:], strings.Repeat("1", 128)},
			[]string{"~", "false", ".5", "_a", "a b", "a+b", "1:2", strings.Repeat("1", 129), "a\\b", "a.lock"}},
		{"docker", []string{"istio", "docker.io/istio", "localhost:5000", "10.0.0.1:5000/a/b", "gcr.io/a-b/c__d"},
			[]string{"docker.io/", "/istio", "a//b", "docker.io/istio:tag", "a b", "a/B", "a/b@sha256"}},
		{"proxy", []string{"http://x", "https://x/y", "file:///x", "'https://[::1]:80/x'"},
			[]string{"x", "/x", "gs://x/y", "https://u@x/y", "file:x", "https://"}},
		{"arch", []string{"linux/amd64", "linux/arm64", "linux/arm", "linux/arm/v6", "linux/amd64/v3"},
			[]string{"windows/amd64", "darwin/arm64", "linux", "amd64/linux", "linux/amd64/v1", "linux/arm/v8", "linux-amd64", "LINUX/amd64"}},
		{"git", []string{"https://h/x", "http://h/x", "ssh://git@h:22/x", "ssh://h/x", "file:///x", "git@h:x/y", "u@h:x", "/x", "./x", "../x", "x", "x/y:z", "'/my x'"},
			[]string{"git://h/x", "h:x", "'ext::x'", "git@h:-x", "-x", "'fd::17'", "https://h:pw@x/y", "ssh://u:pw@h/x", "'x '", "https:x", "file://x", "'c:\\x'"}},
		{"branch", []string{"main", "release-1.4", "a/b", "1.10", "feature/é", "a@b", "12"},
			[]string{"a/", "a//b", "a/.b", "a^", "a~1", "a:b", "a?", "a*", "'a['", "a\\b", "a.lock/b", "HEAD..b", "true"}},
		{"sha", []string{"1234567", "0abcdef", strings.Repeat("a", 40), strings.Repeat("0", 64), "ABCDEF0"},
			[]string{"123456", strings.Repeat("a", 41), strings.Repeat("a", 63), strings.Repeat("a", 65), "v123456"}},
		{"base", []string{"x.io/y", "x.io/y:1.0", "localhost:5000/x", "x.io/a-b/c__d:_T-1", "X.io/y@sha256:" + strings.Repeat("a", 64), "oci-layout:x", "'docker-archive:/a b'"},
			[]string{"x", "x/y", "localhost/y", "x.io/", "x.io/Y", "x.io/y:.a", "x.io/y:" + strings.Repeat("a", 129), "x.io/y@sha256:" + strings.Repeat("a", 63), "'dir:x'", "'docker://x.io/y'", "x.io/y@md5:a", "x.io//y"}},
		{"sha256", []string{strings.Repeat("a", 64), strings.Repeat("0", 64)},
			[]string{strings.Repeat("A", 64), strings.Repeat("a", 63), strings.Repeat("a", 65), strings.Repeat("g", 64)}},
		{"gotag", []string{"a", "A.b_1", "go1.26", "1", strings.Repeat("a", 64)}, []string{"a-b", "'!a'", "'a,b'", "'a b'", "é", strings.Repeat("a", 65)}},
		{"variant", []string{"a", "a_1", "1", "_"}, []string{"A", "a-b", "a.b", "a/b", "é"}},
		{"directory", []string{".", "a", "a/b", "a.b/-c", "'a b'"}, []string{"/", "/a", "..", "../a", "a/..", "a/", "./a", "a/./b", "-a", "'a\\b'"}},
	} {
		for _, v := range slices.Concat(c.good, c.bad) {
			_, err := Parse("m.yaml", fmt.Appendf(nil, template[c.kind], v))
			if good := slices.Contains(c.good, v); good != (err == nil) {
				t.Errorf("%s %q: got error %v, want good %t", c.kind, v, err, good)
			}
		}
	}
}

// TestSecret checks that an error does not print the password that it refuses.
func TestSecret(t *testing.T) {
	for _, v := range []string{"https://me:hunter2@h/x", "https://hunter2@h/x", "https://me:hunter2/@h", "me:hunter2@h/x", "ftp://a@b:hunter2@h/x", " https://hunter2@h"} {
		_, err := Parse("m.yaml", fmt.Appendf(nil, "version: 1\ndependencies: {a: {git: '%s', branch: b}}", v))
		_, base := Parse("m.yaml", fmt.Appendf(nil, "version: 1\nimages: {a: {base: '%s'}}\ndependencies: {a: {localpath: x}}", v))
		for _, err := range []error{err, base} {
			if err == nil || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q: got %v, want an error without the password", v, err)
			}
		}
	}
}

// TestAutoFrom checks which dependency auto reads.
func TestAutoFrom(t *testing.T) {
	m, err := Read("testdata/good/sources.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, d := range m.Dependencies {
		got[d.Name] = m.AutoFrom(&d)
	}
	want := map[string]string{"main": "", "deps": "main", "proxy": "deps", "envoy": "proxy", "wasm": "envoy", "mod": "proxy", "tags": ""}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestSources checks the fields of images, files, build tags and directories.
func TestSources(t *testing.T) {
	m, err := Read("testdata/good/sources.yaml")
	if err != nil {
		t.Fatal(err)
	}
	sum := strings.Repeat("0", 63) + "a"
	if got, want := m.Images[1], (Image{"app", "docker.io/library/alpine:3.22"}); len(m.Images) != 6 || got != want {
		t.Errorf("images: got %+v, want the second of 6 to be %+v", m.Images, want)
	}
	files := []File{
		{Name: "digits", URL: "file:///srv/x", SHA256: strings.Repeat("1234567890", 6) + "1234"},
		{
			Name:    "tool",
			URLs:    map[string]string{"linux-amd64": "http://example.com:8080/tool-linux", "osx-arm64": "https://example.com/tool-osx"},
			SHA256s: map[string]string{"linux-amd64": sum},
		},
		{Name: "zlib.txt", URL: "https://example.com/zlib.txt"},
	}
	if !reflect.DeepEqual(m.Files, files) {
		t.Errorf("files: got %+v, want %+v", m.Files, files)
	}
	if d := m.Dependencies[0]; d.Branch != "release-1.4" || d.SHA != "0123456" {
		t.Errorf("branch and sha: got %+v", d)
	}
	d, _ := m.Find("tags")
	tags := map[string][]string{"7": {"A.b_c"}, "agent": {"agent", "1"}, "on": {"yes"}, "vtprotobuf": {"vtprotobuf", "go1.26_x"}}
	if !reflect.DeepEqual(d.GoTags, tags) || !slices.Equal(d.GoModules, []string{"tool"}) {
		t.Errorf("tags: got %+v, want %v and tool", d, tags)
	}
}

func TestErrors(t *testing.T) {
	_, err := Parse("m.yaml", []byte("version: 1\nx: 1\ndependencies:\n  a: {git: x}\n"))
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 2 {
		t.Fatalf("got %#v, want two joined errors", err)
	}
	var first *strictyaml.Error
	if !errors.As(err, &first) || first.File != "m.yaml" || first.Line != 2 || first.Column != 1 {
		t.Errorf("got %+v, want m.yaml:2:1", first)
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "manifest.yaml")
	if _, err := Read(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: got %v, want that it does not exist", err)
	}
	if err := os.WriteFile(name, bytes.Repeat([]byte("#"), MaxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(name); err == nil || !strings.Contains(err.Error(), "file has more than 1048576 bytes") {
		t.Errorf("large file: got %v", err)
	}
	if err := os.WriteFile(name, []byte("version: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(name); err == nil || err.Error() != name+":1:1: no dependencies, want a mapping of name: source" {
		t.Errorf("no dependencies: got %v", err)
	}
}
