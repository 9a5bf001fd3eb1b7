// Package platforms_test builds one program for many platforms with its own Bazel, as the owner
// of a line does, and compares each with what the go command builds. Other programs and
// libraries read the archives and the image.
//
// `tools/bazel test //tools/test/e2e/platforms:all` runs it for some platforms, outside of the
// sandbox. RELEASE_PLATFORMS=all has it build for every pair of `go tool dist list`, and for a
// level of each variable; names of platforms in it, separated by commas, are added.
package platforms_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/jasonwzm/release-builder/tools/internal/input/platform"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/workspacetest"
)

var (
	// architectures are those of the image.
	architectures = []string{"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/ppc64le", "linux/riscv64", "linux/s390x"}
	// some are the platforms of the programs: the image's, the halves of the universal one, and
	// one of each kind that is left.
	some = []string{
		"linux-amd64", "linux-arm64", "linux-armv7", "linux-ppc64le", "linux-riscv64", "linux-s390x", "osx-amd64", "osx-arm64", "osx-universal",
		"freebsd-amd64", "linux-amd64v3", "linux-mips_softfloat", "plan9-386", "wasip1-wasm", "win-arm64",
	}
	// levels are one of each variable, for RELEASE_PLATFORMS=all.
	levels = []string{"linux-386_softfloat", "linux-amd64v3", "linux-arm64v9.0", "linux-armv6", "linux-mips64_softfloat", "linux-mips_softfloat", "linux-ppc64le_power9", "linux-riscv64_rva22u64"}
)

// added is the platform that the line gets after its first build.
const added = "openbsd-riscv64"

const module = "example.com/tiny@v1.0.0"

// world is a workspace with the line, and the module proxy of its source.
type world struct {
	*workspacetest.Workspace
	t     *testing.T
	proxy *proxytest.Proxy
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Workspace: workspacetest.New(t, "PLATFORMS_WORKSPACE", "demo"), t: t}
	w.Timeout = time.Hour
	line, err := txtar.ParseFile(filepath.Join("testdata", "line.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string]string{}
	for _, f := range line.Files {
		if name, ok := strings.CutPrefix(f.Name, "mod/"); ok {
			modules[name] = string(f.Data)
		} else {
			w.Write(f.Name, string(f.Data))
		}
	}
	w.proxy = proxytest.New(t, modules)
	return w
}

// resolve writes the manifest and pins its sources.
func (w *world) resolve(platforms, architectures []string) (string, error) {
	w.t.Helper()
	w.Write("manifests/demo/manifest.yaml", `version: 1.0.0
product: demo
names: "{name}_{version}_{Os}_{uname}"
architectures: [`+strings.Join(architectures, ", ")+`]
platforms: [`+strings.Join(platforms, ", ")+`]
licenses: {allow: [BSD-3-Clause, ISC, MIT]}
dependencies:
  tiny: {module: example.com/tiny, version: v1.0.0}
`)
	offline := w.Environ
	defer func() { w.Environ = offline }()
	w.Environ = append(slices.Clip(offline), "GOPROXY="+w.proxy.URL())
	return w.Bazel("run", "//release:resolve")
}

func (w *world) mustResolve(platforms []string) {
	w.t.Helper()
	if out, err := w.resolve(platforms, architectures); err != nil {
		w.t.Fatalf("resolve: %v\n%s", err, out)
	}
}

// release returns the path of a file of the release.
func (w *world) release(path ...string) string {
	return filepath.Join(append([]string{w.Dir, "bazel-bin", "release", "all"}, path...)...)
}

// chosen returns the platforms of the programs, by name, without added.
func chosen(t *testing.T) []platform.Platform {
	t.Helper()
	names := some
	switch list := os.Getenv("RELEASE_PLATFORMS"); list {
	case "":
	case "all":
		names = slices.Concat(names, levels)
		for _, p := range platform.All() {
			if p.Level == "" {
				names = append(names, p.String())
			}
		}
	default:
		names = slices.Concat(names, strings.Split(list, ","))
	}
	var all []platform.Platform
	for _, name := range names {
		p, err := platform.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		if p.String() != added && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b platform.Platform) int { return cmp.Compare(a.String(), b.String()) })
	return all
}

// spelled returns names as a manifest may have them: Go's own, where there is another.
func spelled(platforms []platform.Platform) (names []string) {
	for _, p := range platforms {
		names = append(names, p.GOOS+"-"+p.Arch())
	}
	return names
}

// TestPlatforms builds a release of one program for many platforms, without a network, and
// checks its files. Then it adds a platform.
func TestPlatforms(t *testing.T) {
	w := newWorld(t)
	platforms := chosen(t)
	w.mustResolve(spelled(platforms))
	w.MustBazel("build", "--config=airgap", "//release:all")
	t.Run("targets", func(t *testing.T) { w.checkTargets(t, platforms) })
	last, err := platform.Parse(added)
	if err != nil {
		t.Fatal(err)
	}
	platforms = append(platforms, last)
	t.Run("added", func(t *testing.T) { w.checkAdded(t, spelled(platforms)) })
	programs := map[platform.Platform][]byte{}
	t.Run("programs", func(t *testing.T) { w.checkPrograms(t, platforms, programs) })
	t.Run("universal", func(t *testing.T) { checkUniversal(t, programs) })
	t.Run("archives", func(t *testing.T) { w.checkArchives(t, platforms, programs) })
	t.Run("image", func(t *testing.T) { w.checkImage(t, programs) })
	t.Run("statements", func(t *testing.T) { w.checkStatements(t, platforms) })
	t.Run("validate", func(t *testing.T) { w.checkValidate(t, len(platforms)) })
	t.Run("refused", w.checkRefused)
}

// checkPrograms compares the programs of the release with the go command's, and adds them to
// programs.
func (w *world) checkPrograms(t *testing.T, platforms []platform.Platform, programs map[platform.Platform][]byte) {
	g := newGoCommand(t, w.proxy)
	for _, p := range platforms {
		name := nameOf(t, goreleaser, p) + exe(p)
		got, err := os.ReadFile(w.release(name))
		if err != nil {
			t.Error(err)
			continue
		}
		programs[p] = got
		if p.GOARCH == platform.Universal {
			continue // checkUniversal has its halves
		}
		want, err := g.install(p)
		if err != nil {
			t.Error(err)
			continue
		}
		equal := bytes.Equal(got, want)
		t.Logf("program %-24s %9d bytes, the go command's: %9d bytes, equal: %t", p, len(got), len(want), equal)
		if !equal {
			t.Errorf("%s differs from what the go command builds for %s", name, p)
			keep(t, p.String()+".bazel", got)
			keep(t, p.String()+".go", want)
		}
	}
}

// keep writes a program that differs where a person finds it: to TEST_UNDECLARED_OUTPUTS_DIR.
func keep(t *testing.T, name string, data []byte) {
	t.Helper()
	if dir := os.Getenv("TEST_UNDECLARED_OUTPUTS_DIR"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Error(err)
		}
	}
}

// goCommand is the go command of a person who installs the program.
type goCommand struct {
	t       *testing.T
	command string
	environ []string
}

// newGoCommand returns the pinned SDK's go command, with the user's cache: the standard library
// is compiled once for each platform.
func newGoCommand(t *testing.T, proxy *proxytest.Proxy) *goCommand {
	t.Helper()
	dir := t.TempDir()
	// The go command looks whether a later version retracts the one that it installs.
	list := filepath.Join(proxy.Dir, "example.com", "tiny", "@v", "list")
	if err := os.WriteFile(list, []byte("v1.0.0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	settings := proxytest.Environ(dir, proxy.Serve().URL)
	settings["GOMODCACHE"] = filepath.Join(dir, "modules")
	if cache, err := os.UserCacheDir(); err == nil {
		settings["GOCACHE"] = cmp.Or(os.Getenv("GOCACHE"), filepath.Join(cache, "go-build"))
	}
	g := &goCommand{t: t, command: proxytest.GoCommand(t), environ: []string{"CGO_ENABLED=0", "PATH=" + os.Getenv("PATH")}}
	for name, value := range settings {
		g.environ = append(g.environ, name+"="+value)
	}
	return g
}

// install returns the program for a platform.
func (g *goCommand) install(p platform.Platform) ([]byte, error) {
	gopath := g.t.TempDir()
	cmd := exec.CommandContext(g.t.Context(), g.command, "install", "-trimpath", "-ldflags=-s -w -buildid=", module)
	cmd.Env = slices.Concat(g.environ, p.Env(), []string{"GOPATH=" + gopath})
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: go install: %w: %s", p, err, out)
	}
	// The go command puts a program for another platform into a directory below bin.
	for _, dir := range []string{"bin", filepath.Join("bin", p.GOOS+"_"+p.GOARCH)} {
		data, err := os.ReadFile(filepath.Join(gopath, dir, "tiny"+exe(p)))
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
	}
	return nil, fmt.Errorf("%s: go install made no program", p)
}
