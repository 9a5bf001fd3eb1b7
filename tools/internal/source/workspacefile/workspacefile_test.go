package workspacefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

const hex64 = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func storeOf(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRegistry: what a lock of Bazel names, and what a source.json in the store names.
func TestRegistry(t *testing.T) {
	s := storeOf(t)
	const integrity = "sha256-LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564="
	source, _, err := s.PutBlob(strings.NewReader(`{"url": "https://a.example/b.tgz", "integrity": "` + integrity + `", "patches": {"p.patch": "` + integrity + `"}, "strip_prefix": "b"}`))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "MODULE.bazel.lock", `{"lockFileVersion": 13, "registryFileHashes": {
		"https://r.example/modules/b/1.0/MODULE.bazel": "`+hex64+`",
		"https://r.example/modules/b/1.0/source.json": "`+source.Hex()+`",
		"https://r.example/modules/c/1.0/source.json": "`+hex64+`",
		"https://r.example/modules/gone/1.0/MODULE.bazel": null}}`)
	list, err := Archives(dir, s)
	var got []string
	for _, a := range list {
		got = append(got, a.Name+" "+a.Digest.Hex()[:4])
	}
	want := []string{
		"https://r.example/modules/b/1.0/MODULE.bazel 2c26", "https://r.example/modules/b/1.0/source.json " + source.Hex()[:4],
		"https://a.example/b.tgz 2c26", "https://r.example/modules/b/1.0/patches/p.patch 2c26", "https://r.example/modules/c/1.0/source.json 2c26",
	}
	if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %v\n%s\nwant\n%s", err, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	write(t, dir, "MODULE.bazel.lock", `{"registryFileHashes": {"https://r.example/x": "12"}}`)
	if _, err := Archives(dir, s); err == nil || !strings.Contains(err.Error(), "MODULE.bazel.lock: https://r.example/x: parsing digest") {
		t.Errorf("got %v, want an error that names the entry", err)
	}
}

func TestArchives(t *testing.T) {
	for _, tt := range []struct{ name, file, text, want, err string }{
		{name: "module", file: "MODULE.bazel", text: `archive_override(module_name = "b", integrity = "sha256-LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564=", urls = ["https://a.example/b.tgz"])`, want: "b MODULE.bazel sha256:" + hex64},
		{name: "workspace", file: "WORKSPACE", text: "load(\"//:a.bzl\", \"a\")\na()\nhttp_archive(\n    name = \"b\",\n    sha256 = \"" + hex64 + "\",\n)\n", want: "b WORKSPACE sha256:" + hex64},
		{name: "workspace of the other name", file: "WORKSPACE.bazel", text: `http_file(name = "f", sha256 = "` + hex64 + `")`, want: "f WORKSPACE.bazel sha256:" + hex64},
		{name: "without a digest", file: "WORKSPACE", text: `http_archive(name = "b", url = "https://a.example/b.tgz")`},
		{name: "another algorithm", file: "MODULE.bazel", text: `archive_override(module_name = "b", integrity = "sha512-AAAA")`},
		{name: "a directory", file: "MODULE.bazel", text: `local_path_override(module_name = "b", path = "../b")`},
		{name: "bad digest", file: "WORKSPACE", text: "# A comment.\nhttp_archive(name = \"b\", sha256 = \"12\")", err: `WORKSPACE:2: http_archive "b": parsing digest "sha256:12"`},
		{name: "bad integrity", file: "MODULE.bazel", text: `archive_override(module_name = "b", integrity = "sha256-!")`, err: `MODULE.bazel:1: archive_override "b": integrity: illegal base64`},
		{name: "not Starlark", file: "MODULE.bazel", text: "module(", err: "MODULE.bazel:2:1: syntax error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, tt.file, tt.text)
			list, err := Archives(dir, storeOf(t))
			var got []string
			for _, a := range list {
				got = append(got, fmt.Sprint(a.Name, " ", a.File, " ", a.Digest))
			}
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("got error %v, want %q", err, tt.err)
			}
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

const modules = `module(name = "mine")

# By a person.
other = use_extension("//:other.bzl", "other")
use_repo(other, "z")

lines = use_extension("@release_builder//release/sources:extensions.bzl", "release")
use_repo(lines)
`

// small returns a lock with one source.
func small(t *testing.T) []byte {
	d := digest.FromBytes([]byte("x"))
	now := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	l := &lock.Lock{
		Schema: lock.Schema, Manifest: d, Version: "1.0.0", Product: "tool-box", Platforms: []string{"linux-amd64"}, Architectures: []string{"linux/amd64"}, Time: now,
		Dependencies: []lock.Dependency{{Name: "a.b", Primary: true, Module: &lock.Module{Path: "example.com/b", Version: "v1.0.0"}, Digest: "h1:x", Size: 2, Time: now, Why: "version in manifest"}},
		Toolchain: lock.Toolchain{
			Bazel: "7.7.1", Go: lock.GoSDK{Version: "1.26.8", Archives: map[string]lock.Archive{"linux_amd64": {Sum: "h1:s", SHA256: d}}},
			RulesGo: lock.GoModule{Path: "rules_go", Version: "v1.0.0", Sum: "h1:r"}, Gazelle: lock.GoModule{Path: "gazelle", Version: "v1.0.0", Sum: "h1:g"},
		},
	}
	l.Seal()
	data, err := jsonfile.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestUseRepositories(t *testing.T) {
	dir := t.TempDir()
	if changed, err := UseRepositories(dir, true); changed || err != nil {
		t.Errorf("without MODULE.bazel: got %v, %v", changed, err)
	}
	write(t, dir, "MODULE.bazel", modules)
	if changed, err := UseRepositories(dir, true); changed || err != nil {
		t.Errorf("without locks: got %v, %v", changed, err)
	}
	write(t, dir, "manifests/a/lock.json", string(small(t)))
	write(t, dir, "manifests/b/lock.json", "{")
	if changed, err := UseRepositories(dir, false); !changed || err != nil {
		t.Errorf("without writing: got %v, %v", changed, err)
	}
	read := func() string {
		data, err := os.ReadFile(filepath.Join(dir, "MODULE.bazel"))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if read() != modules {
		t.Errorf("it was written:\n%s", read())
	}
	for range 2 {
		if _, err := UseRepositories(dir, true); err != nil {
			t.Fatal(err)
		}
		if want := strings.Replace(modules, "use_repo(lines)", "use_repo(\n    lines,\n    \"tool-box\",\n    \"tool_box_a_b\",\n)", 1); read() != want {
			t.Errorf("got\n%s\nwant\n%s", read(), want)
		}
	}
	write(t, dir, "MODULE.bazel", `module(name = "mine")`)
	if _, err := UseRepositories(dir, true); !errors.Is(err, ErrNoUses) {
		t.Errorf("got %v, want %v", err, ErrNoUses)
	}
}
