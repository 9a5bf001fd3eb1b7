package pkgmanager

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

var update = flag.Bool("update", false, "rewrite testdata")

// tool is a package for every manager. Its description has what needs quoting.
func tool() *Package {
	p := &Package{
		Name: "tool", Version: "1.2.3-rc.1", Managers: Managers(),
		Description: `It's a "tool" for #{1} $HOME ${x} \ & more`, Homepage: "https://tool.example", License: "Apache-2.0",
		Publisher: "Example", Maintainer: "Example <tool@example.com>",
		URL: "https://tool.example/v{version}/{file}", Test: []string{"--version"},
	}
	for _, at := range []string{"linux/amd64", "linux/arm64", "linux/arm", "linux/386", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64", "plan9/amd64"} {
		os, arch, _ := strings.Cut(at, "/")
		a := Archive{Path: "tool-1.2.3-rc.1-" + os + "-" + arch + ".tar.gz", OS: os, Arch: arch, Digest: digest.FromBytes([]byte(at)), Directory: "tool-1.2.3-rc.1", Programs: []string{"bin/tool", "bin/toolctl"}}
		if os == "windows" {
			a.Path, a.Programs = strings.Replace(a.Path, ".tar.gz", ".zip", 1), []string{"bin/tool.exe", "bin/toolctl.exe"}
		}
		p.Archives = append(p.Archives, a)
	}
	return p
}

func written(t *testing.T, p *Package) map[string][]byte {
	t.Helper()
	files, err := Write(p)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestGolden(t *testing.T) {
	files := written(t, tool())
	var a txtar.Archive
	for _, name := range slices.Sorted(maps.Keys(files)) {
		a.Files = append(a.Files, txtar.File{Name: name, Data: files[name]})
	}
	golden := filepath.Join("testdata", "tool.txtar")
	got := txtar.Format(&a)
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s\nif this is right: go test ./tools/internal/artifact/pkgmanager -update", got, want)
	}
}

func TestDeterminism(t *testing.T) {
	want := written(t, tool())
	p := tool()
	slices.Reverse(p.Archives)
	slices.Reverse(p.Managers)
	if got := written(t, p); !maps.EqualFunc(got, want, bytes.Equal) {
		t.Error("the order of the archives changes the files")
	}
}

func TestErrors(t *testing.T) {
	only := func(os string) func(*Package) {
		return func(p *Package) {
			p.Archives = slices.DeleteFunc(p.Archives, func(a Archive) bool { return a.OS != os })
		}
	}
	for _, tt := range []struct {
		change func(*Package)
		want   string
	}{
		{func(p *Package) { p.Managers = []string{"pip"} }, `got package manager "pip", want one of aur, homebrew, krew, nix, scoop, script, winget`},
		{func(p *Package) { p.Name = "Tool; rm" }, `name: got "Tool; rm"`},
		{func(p *Package) { p.Version = "$(x)" }, `version: got "$(x)"`},
		{func(p *Package) { p.Description = "a\nb" }, `description: got "a\nb"`},
		{func(p *Package) { p.Homepage = "tool.example" }, `homepage: got "tool.example", want a URL`},
		{func(p *Package) { p.URL = "https://tool.example/$(id)/{file}" }, "url: got"},
		{func(p *Package) { p.URL = "https://tool.example/" }, "want it to have {file}"},
		{func(p *Package) { p.Archives = nil }, "it has no archives"},
		{func(p *Package) { p.Archives[1].Arch = p.Archives[0].Arch }, "two archives for linux/amd64: "},
		{func(p *Package) { p.Archives[0].Programs = nil }, `archive "tool-1.2.3-rc.1-linux-amd64.tar.gz" has no programs`},
		{func(p *Package) { only("linux")(p); p.Managers = []string{"scoop"} }, `package "tool" for scoop: no archive is for windows`},
		{func(p *Package) { only("linux")(p); p.Managers = []string{"winget"} }, "for winget: no archive is for windows"},
		{func(p *Package) { only("windows")(p); p.Managers = []string{"aur"} }, "for aur: no archive is for linux"},
		{func(p *Package) { only("windows")(p); p.Managers = []string{"nix"} }, "for nix: no archive is for Linux or macOS"},
		{func(p *Package) { only("windows")(p); p.Managers = []string{"homebrew"} }, "for homebrew: no archive is for macOS or Linux"},
		{func(p *Package) { only("windows")(p); p.Managers = []string{"script"} }, "for script: no .tar.gz is for a system with a POSIX shell"},
		{func(p *Package) { p.Publisher = "A.B"; p.Managers = []string{"winget"} }, `publisher: got "A.B"`},
	} {
		p := tool()
		tt.change(p)
		if _, err := Write(p); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}

// TestReaders has each manager's own parser read its file, where there is one.
func TestReaders(t *testing.T) {
	dir, files := t.TempDir(), written(t, tool())
	for name, data := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		program string
		args    []string
		want    string
	}{
		{"ruby", []string{"-c", "homebrew/tool.rb"}, "Syntax OK"},
		{"nix-instantiate", []string{"--parse", "nix/tool.nix"}, "mkDerivation"},
		{"shellcheck", []string{"--norc", "script/install.sh"}, ""},
		{"dash", []string{"-n", "script/install.sh"}, ""},
		{"bash", []string{"-n", "aur/PKGBUILD"}, ""},
	} {
		path, ok := readers.Look(t, tt.program)
		if !ok {
			continue
		}
		cmd := exec.Command(path, tt.args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "NIX_STATE_DIR="+dir, "NIX_STORE_DIR="+filepath.Join(dir, "store"), "HOME="+dir)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), tt.want) {
			t.Errorf("%s %v: %v\n%s", tt.program, tt.args, err, out)
		}
	}
	if makepkg, ok := readers.Look(t, "makepkg"); ok {
		// It refuses to run as root. Only its reader of PKGBUILD is wanted.
		open, err := os.MkdirTemp("", "makepkg-*")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(open) })
		if err := errors.Join(os.Chmod(open, 0o777), os.WriteFile(filepath.Join(open, "PKGBUILD"), files["aur/PKGBUILD"], 0o644)); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(makepkg, "--printsrcinfo")
		if os.Geteuid() == 0 {
			cmd = exec.Command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", makepkg, "--printsrcinfo")
		}
		cmd.Dir = open
		cmd.Env = append(os.Environ(), "HOME="+open, "LC_ALL=C")
		out, err := cmd.Output()
		want := files["aur/.SRCINFO"]
		if err != nil || strings.TrimSpace(string(out)) != strings.TrimSpace(string(want)) {
			t.Errorf("makepkg: %v\n%s\nwant\n%s", err, out, want)
		}
	}
}

// TestScript installs from a server, and refuses what has another digest.
func TestScript(t *testing.T) {
	shell := readers.Find(t, "sh")
	readers.Find(t, "curl")
	var packed bytes.Buffer
	err := archive.WriteTarGzip(&packed, []archive.Entry{{Path: "tool-1/bin/tool", Content: []byte("#!/bin/sh\necho it works\n"), Mode: 0o755}}, archive.Options{ModTime: time.Unix(0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	sent := packed.Bytes()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(sent) }))
	defer server.Close()
	p := &Package{
		Name: "tool", Version: "1", Managers: []string{"script"}, Description: "a tool", Homepage: "https://tool.example", License: "MIT",
		Publisher: "Example", Maintainer: "Example", URL: server.URL + "/{file}",
	}
	for os, arches := range map[string][]string{"linux": {"amd64", "arm64", "arm", "386", "s390x", "ppc64le", "riscv64"}, "darwin": {"amd64", "arm64"}} {
		for _, arch := range arches {
			p.Archives = append(p.Archives, Archive{Path: fmt.Sprintf("tool-%s-%s.tar.gz", os, arch), OS: os, Arch: arch, Digest: digest.FromBytes(packed.Bytes()), Directory: "tool-1", Programs: []string{"bin/tool"}})
		}
	}
	file := filepath.Join(t.TempDir(), "install.sh")
	if err := os.WriteFile(file, written(t, p)["script/install.sh"], 0o644); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(t.TempDir(), "a directory")
	for range 2 {
		if out, err := exec.Command(shell, file, bin).CombinedOutput(); err != nil {
			t.Fatalf("install.sh: %v\n%s", err, out)
		}
	}
	if out, err := exec.Command(filepath.Join(bin, "tool")).Output(); err != nil || string(out) != "it works\n" {
		t.Errorf("the installed program: %q, %v", out, err)
	}
	sent = append(slices.Clone(sent), 'x')
	if err := os.RemoveAll(bin); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(shell, file, bin).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "install.sh: error: sha256 of "+server.URL) {
		t.Errorf("another archive: got %v\n%s", err, out)
	}
	if _, err := os.Stat(bin); !os.IsNotExist(err) {
		t.Errorf("another archive: something was installed: %v", err)
	}
}

// TestVersion reads the version of each file that Write writes.
func TestVersion(t *testing.T) {
	for name, content := range written(t, tool()) {
		if got := Version(content); got != "1.2.3-rc.1" {
			t.Errorf("%s: got %q", name, got)
		}
	}
	for content, want := range map[string]string{
		"": "", "apiVersion: v2\n": "", "ManifestVersion: 1.6.0\n": "", "version \"x\"\n": "", "version: v1.2.3\n": "1.2.3",
		"{\n\t\"version\": \"2.0\",\n": "2.0", "  version = \"1\";\n": "1", "pkgver=1.0.0_rc.1\n": "1.0.0-rc.1",
	} {
		if got := Version([]byte(content)); got != want {
			t.Errorf("%q: got %q, want %q", content, got, want)
		}
	}
}
