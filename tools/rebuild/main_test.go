package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/goinfo"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

const mainGo = "package main\n\nimport _ \"example.com/lib\"\n\nvar Version = \"none\"\n\nfunc main() { println(Version) }\n"

var modules = map[string]string{
	"example.com/Tool@v1.0.0/go.mod":              "module example.com/Tool\n\ngo 1.20\n\nrequire example.com/lib v1.1.0\n",
	"example.com/Tool@v1.0.0/cmd/hello/main.go":   "//go:debug panicnil=1\n" + mainGo,
	"example.com/Tool@v1.0.0/cmd/stamped/main.go": mainGo,
	"example.com/Tool@v1.0.0/cmd/odd/main.go":     mainGo,
	"example.com/Tool@v1.0.0/cmd/odd/odd.go":      "//go:build odd\n\npackage main\n\nfunc init() { println(1) }\n",
	"example.com/lib@v1.1.0/go.mod":               "module example.com/lib\n\ngo 1.21\n",
	"example.com/lib@v1.1.0/lib.go":               "package lib\n",
	"example.com/other@v1.0.0/main.go":            "package main\n\nfunc main() {}\n",
}

// world is a module proxy, a store that has the same, and a directory for programs.
type world struct {
	t     *testing.T
	proxy *proxytest.Proxy
	store string
	goCmd string
	env   []string // of who installs a program
	json  string   // what the command wrote last
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, proxy: proxytest.New(t, modules), store: filepath.Join(t.TempDir(), "store, of many"), goCmd: proxytest.GoCommand(t)}
	s, err := store.Open(w.store)
	if err == nil {
		_, err = s.ImportModules(w.proxy.Dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range proxytest.Environ(t.TempDir(), w.proxy.Serve().URL) {
		w.env = append(w.env, name+"="+value)
	}
	for _, path := range []string{"!tool", "lib", "other"} { // as a proxy has it, and a store has not
		name := filepath.Join(w.proxy.Dir, "example.com", path, "@v", "list")
		if err := os.WriteFile(name, []byte("v1.0.0\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// install returns what the go command makes, as anybody would call it.
func (w *world) install(pkg string, flags ...string) []byte {
	w.t.Helper()
	gopath := w.t.TempDir()
	cmd := exec.Command(w.goCmd, append(append([]string{"install", "-trimpath"}, flags...), pkg+"@v1.0.0")...)
	cmd.Dir = gopath
	cmd.Env = slices.Concat(w.env, []string{"CGO_ENABLED=0", "GOPATH=" + gopath})
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
	name, err := only(filepath.Join(gopath, "bin"))
	if err != nil {
		w.t.Fatal(err)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		w.t.Fatal(err)
	}
	return data
}

// release makes a release whose lock has module example.com/Tool.
func (w *world) release(files map[string]string) string {
	w.t.Helper()
	m := w.proxy.Module("example.com/Tool@v1.0.0")
	return w.releaseOf(lock.Dependency{
		Name: "tool", Primary: true, Module: &lock.Module{Path: m.Path, Version: m.Version}, Digest: m.Sum, Time: releasetest.Time, Why: "version in manifest",
	}, files)
}

// rebuild runs the command.
func (w *world) rebuild(dir string, programs []goinfo.Program) (status int, stdout, stderr string) {
	w.t.Helper()
	list := filepath.Join(w.t.TempDir(), "programs.json")
	if err := jsonfile.Write(list, programs); err != nil {
		w.t.Fatal(err)
	}
	var out, errs strings.Builder
	w.json = filepath.Join(w.t.TempDir(), "outcomes.json")
	status = run(w.t.Context(), []string{"--release", dir, "--programs", list, "--store", w.store, "--go", w.goCmd, "--json", w.json}, &out, &errs)
	return status, out.String(), errs.String()
}

// outcomes checks what the command wrote of all programs: identical, or not.
func (w *world) outcomes(programs []goinfo.Program, identical bool) {
	w.t.Helper()
	var got []outcome
	if err := jsonfile.Read(w.json, &got); err != nil || len(got) != len(programs) {
		w.t.Fatalf("got %+v, %v, want %d outcomes", got, err, len(programs))
	}
	for i, o := range got {
		if o.Program != programs[i].String() || o.Identical != identical || o.Text == "" {
			w.t.Errorf("got %+v, want %s, identical %t, and a text", o, programs[i], identical)
		}
	}
}

func here(name, pkg string) goinfo.Program {
	return goinfo.Program{Name: name, Package: pkg, GOOS: runtime.GOOS, GOARCH: runtime.GOARCH}
}

func tarOf(t *testing.T, files map[string][]byte) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, data := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(data)), Mode: 0o755, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return gzipped(t, b.String())
}

func gzipped(t *testing.T, data string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(data)); err != nil || w.Close() != nil {
		t.Fatal("compressing", err)
	}
	return b.String()
}

func zipOf(t *testing.T, name string, data []byte) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create(name)
	if err == nil {
		_, err = f.Write(data)
	}
	if err != nil || w.Close() != nil {
		t.Fatal("writing a zip", err)
	}
	return b.String()
}

const strip = "-ldflags=-s -w -buildid="

// TestRebuild: what the go command makes is identical, and of all else it is said
// what is wrong. Nothing that the user has set reaches the go command.
func TestRebuild(t *testing.T) {
	w := newWorld(t)
	hello := w.install("example.com/Tool/cmd/hello", strip)
	stamped := w.install("example.com/Tool/cmd/stamped", strip+` -X "main.Version=it's one"`)
	odd := w.install("example.com/Tool/cmd/odd", strip, "-tags=odd")
	other := w.install("example.com/other", strip)
	bent := bytes.Clone(hello)
	bent[len(bent)-1] ^= 1
	for name, value := range map[string]string{"GOARCH": "mips", "GOFLAGS": "-race", "GO111MODULE": "off", "GOPROXY": "off", "GOTOOLCHAIN": "go1.99.0", "GOEXPERIMENT": "none"} {
		t.Setenv(name, value)
	}

	t.Run("the same programs", func(t *testing.T) {
		w.t = t
		dir := w.release(map[string]string{
			"a.tar.gz": tarOf(t, map[string][]byte{"a/bin/hello": hello, "a/bin/stamped": stamped, "a/share/hello": []byte("a text"), "bin/downloaded": other}),
			"b.zip":    zipOf(t, "hello", hello),
			"c.txt.gz": gzipped(t, "no tar, and long enough to be one if it were: "+strings.Repeat("x", 600)),
		})
		p := here("stamped", "example.com/Tool/cmd/stamped")
		p.XDefs = map[string]string{"example.com/Tool/cmd/stamped.Version": "it's one", "runtime.godebugDefault": "the go command knows"}
		programs := []goinfo.Program{here("hello", "example.com/Tool/cmd/hello"), p}
		status, out, errs := w.rebuild(dir, programs)
		w.outcomes(programs, true)
		if status != cli.OK || errs != "" || strings.Count(out, ": identical, sha256:") != 2 ||
			!strings.Contains(out, "hello "+runtime.GOOS+"/"+runtime.GOARCH+", example.com/Tool/cmd/hello@v1.0.0: identical, sha256:") ||
			!strings.Contains(out, ", in a.tar.gz, b.zip\n") {
			t.Errorf("got status %d\n%s%s\nwant two identical programs", status, out, errs)
		}
	})
	t.Run("others", func(t *testing.T) {
		w.t = t
		dir := w.release(map[string]string{
			"a.tar.gz": tarOf(t, map[string][]byte{"hello": bent, "stamped": stamped, "odd": odd, "other": other}), "b.tar.gz": tarOf(t, map[string][]byte{"stamped": hello}),
		})
		programs := []goinfo.Program{
			here("hello", "example.com/Tool/cmd/hello"), here("stamped", "example.com/Tool/cmd/stamped"), here("odd", "example.com/Tool/cmd/odd"),
			here("other", "example.com/other"), here("gone", "example.com/Tool/cmd/gone"),
		}
		status, out, errs := w.rebuild(dir, programs)
		w.outcomes(programs, false)
		if status != cli.Failure || out != "" {
			t.Errorf("got status %d, %q, want %d", status, out, cli.Failure)
		}
		for _, want := range []string{
			"hello ", "as the go command builds it: content: got ", ", first different at 0x",
			`build information: got ["build -tags=odd"], want []`,
			`it is of module example.com/other@v1.0.0, "h1:`, "which the lock does not have",
			`the release has no program "gone" of package example.com/Tool/cmd/gone`,
		} {
			if !strings.Contains(errs, want) {
				t.Errorf("got\n%s\nwant %q", errs, want)
			}
		}
	})
}

func TestKey(t *testing.T) {
	if got := keyOf(goinfo.Program{Name: "a", GOOS: "windows"}).file; got != "a.exe" {
		t.Errorf("got %q, want a.exe", got)
	}
}

func TestUsage(t *testing.T) {
	for _, name := range []string{"RELEASE_DIR", "RELEASE_PROGRAMS", "RELEASE_GO", "RELEASE_STORE", "RELEASE_CACHE", "XDG_CACHE_HOME", "HOME"} {
		t.Setenv(name, "")
	}
	all := []string{"--release", "r", "--programs", "p", "--store", "s", "--go", "g"}
	for i := 0; i < len(all); i += 2 {
		var errs strings.Builder
		args := append(append([]string{}, all[:i]...), all[i+2:]...)
		if status := run(t.Context(), args, &strings.Builder{}, &errs); status != cli.Usage || !strings.Contains(errs.String(), all[i]+" is missing") {
			t.Errorf("without %s: got status %d, %q", all[i], status, errs.String())
		}
	}
}

// TestVersions: the go command finds the latest version of a module without tags.
func TestVersions(t *testing.T) {
	w := newWorld(t)
	const version = "v0.0.0-20260827124520-eed52ebb66ad"
	b := &builder{dir: t.TempDir()}
	url, err := b.versions(debug.Module{Path: "example.com/Untagged", Version: version})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(w.goCmd, "list", "-m", "example.com/Untagged@latest")
	cmd.Dir, cmd.Env = t.TempDir(), append(w.env, "GOPROXY="+url)
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "example.com/Untagged "+version+"\n" {
		t.Errorf("got %s, %v, want %s", out, err, version)
	}
}
