package platform

import (
	"debug/buildinfo"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

// needCgo are the pairs of `go tool dist list` whose programs only a C linker can link.
var needCgo = []string{"android/386", "android/amd64", "android/arm", "ios/amd64", "ios/arm64"}

// goCmd runs the go command for a platform.
func goCmd(t *testing.T, dir string, env []string, args ...string) (string, error) {
	t.Helper()
	cmd := environ.Command(t.Context(), append(environ.GoInRepository("GOFLAGS=", "GOCACHE="+cache(t)), env...), proxytest.GoCommand(t), args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// cache returns the user's cache: the standard library is compiled once for each platform.
func cache(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("GOCACHE"); dir != "" {
		return dir
	}
	if dir, err := os.UserCacheDir(); err == nil {
		return filepath.Join(dir, "go-build")
	}
	return t.TempDir()
}

// TestDistList compares the table with the pinned SDK's.
func TestDistList(t *testing.T) {
	out, err := goCmd(t, t.TempDir(), nil, "tool", "dist", "list")
	if err != nil {
		t.Fatal(err, out)
	}
	want := slices.DeleteFunc(strings.Fields(out), func(pair string) bool { return slices.Contains(needCgo, pair) })
	var got []string
	for _, p := range All() {
		if p.Level == "" && p.GOARCH != Universal {
			got = append(got, p.GOOS+"/"+p.GOARCH)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestLevels checks that the go command knows each level, and no later one.
func TestLevels(t *testing.T) {
	dir := t.TempDir()
	known := map[string]bool{}
	for _, p := range All() {
		variable, value := p.Setting()
		if key := p.GOARCH + value; variable == "" || known[key] {
			continue
		} else {
			known[key] = true
		}
		if out, err := goCmd(t, dir, p.Env(), "list", "unsafe"); err != nil {
			t.Errorf("%s: %v: %s", p, err, out)
		}
	}
	for _, later := range []string{"GOARCH=arm64 GOARM64=v9.6", "GOARCH=ppc64le GOPPC64=power11", "GOARCH=riscv64 GORISCV64=rva24u64"} {
		if out, err := goCmd(t, dir, append([]string{"GOOS=linux"}, strings.Fields(later)...), "list", "unsafe"); err == nil {
			t.Errorf("%s: got %q, want an error: the table lacks a level", later, out)
		}
	}
}

// TestBuild builds a small program for some pairs, without cgo, and compares the default level
// with the one in its build information. With RELEASE_PLATFORMS=all it builds for every pair,
// which compiles a part of the standard library for each, and fails for those that are left out.
func TestBuild(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a part of the standard library for several platforms")
	}
	every := os.Getenv("RELEASE_PLATFORMS") == "all"
	some := []string{"freebsd-amd64", "linux-s390x", "wasip1-wasm", "win-arm64"}
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/tiny\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() { println(\"tiny\") }\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	build := func(env ...string) (string, error) {
		return goCmd(t, dir, append(env, "CGO_ENABLED=0"), "build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", filepath.Join(dir, "out"), ".")
	}
	for _, p := range All() {
		if p.Level != "" || p.GOARCH == Universal || !every && !slices.Contains(some, p.String()) {
			continue
		}
		if out, err := build("GOOS="+p.GOOS, "GOARCH="+p.GOARCH); err != nil {
			t.Errorf("%s: %v: %s", p, err, out)
			continue
		}
		info, err := buildinfo.ReadFile(filepath.Join(dir, "out"))
		if err != nil {
			continue // of a format that debug/buildinfo does not read, such as wasm
		}
		variable, value := p.Setting()
		for _, s := range info.Settings {
			if s.Key == variable && s.Value != value {
				t.Errorf("%s: got %s=%s by default, want %s", p, variable, s.Value, value)
			}
		}
	}
	for _, pair := range needCgo {
		if !every {
			break
		}
		goos, goarch, _ := strings.Cut(pair, "/")
		if out, err := build("GOOS="+goos, "GOARCH="+goarch); err == nil || !strings.Contains(out, "cgo is not enabled") {
			t.Errorf("%s: got %v, %q, want an error about cgo", pair, err, out)
		}
	}
}

// TestNames checks names in both directions.
func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"linux-amd64": "linux-amd64", "linux-amd64v1": "linux-amd64", "linux-amd64v3": "linux-amd64v3", "linux-arm": "linux-armv7", "linux-armv6": "linux-armv6",
		"osx-amd64": "osx-amd64", "darwin-arm64": "osx-arm64", "darwin-universal": "osx-universal", "win-amd64": "win-amd64", "windows-386": "win-386",
		"windows-386_softfloat": "win-386_softfloat", "linux-mips_softfloat": "linux-mips_softfloat", "linux-mips_hardfloat": "linux-mips", "linux-arm64v8.0": "linux-arm64",
		"linux-arm64v9.0": "linux-arm64v9.0", "linux-ppc64le_power9": "linux-ppc64le_power9", "linux-riscv64_rva22u64": "linux-riscv64_rva22u64", "wasip1-wasm": "wasip1-wasm",
	} {
		if p, err := Parse(name); err != nil || p.String() != want {
			t.Errorf("%s: got %s, %v, want %s", name, p, err, want)
		}
	}
	for name, want := range map[string]string{
		"":               "",
		"osx":            "one of osx-amd64, osx-arm64, osx-universal, or one with its level",
		"linux/amd64":    "",
		"linux-amd64v5":  "one of linux-amd64, linux-amd64v2, linux-amd64v3, linux-amd64v4",
		"linux-armv8":    "one of linux-armv5, linux-armv6, linux-armv7",
		"linux-mips_x":   "one of linux-mips, linux-mips_softfloat",
		"ios-arm64":      "",
		"windows-arm":    "one of win-386, win-amd64, win-arm64, or one with its level",
		"LINUX-amd64":    "",
		"osx-universal2": "one of osx-amd64, osx-arm64, osx-universal, or one with its level",
	} {
		if p, err := Parse(name); err == nil || Want(name) != want {
			t.Errorf("%s: got %s, %v, and to want %q, want %q", name, p, err, Want(name), want)
		}
	}
	known := map[string]bool{}
	for _, name := range Names() {
		if known[name] {
			t.Errorf("%s: two platforms have the name", name)
		}
		known[name] = true
	}
	for _, p := range All() {
		if again, err := Parse(p.String()); err != nil || again != p {
			t.Errorf("%s: got %+v, %v, want %+v", p, again, err, p)
		}
	}
}

// TestEnv checks what the go command is told, and image platforms.
func TestEnv(t *testing.T) {
	for name, want := range map[string]string{
		"linux-amd64": "GOOS=linux GOARCH=amd64 GOAMD64=v1 linux/amd64", "linux-amd64v3": "GOOS=linux GOARCH=amd64 GOAMD64=v3 linux/amd64/v3",
		"linux-armv6": "GOOS=linux GOARCH=arm GOARM=6 linux/arm/v6", "linux-armv7": "GOOS=linux GOARCH=arm GOARM=7 linux/arm/v7",
		"linux-s390x": "GOOS=linux GOARCH=s390x linux/s390x", "linux-arm64": "GOOS=linux GOARCH=arm64 GOARM64=v8.0 linux/arm64",
	} {
		p, err := Parse(name)
		if got := strings.Join(append(p.Env(), p.OCI()), " "); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, want)
		}
	}
}

// TestTemplates checks names of archives as three projects write them.
func TestTemplates(t *testing.T) {
	for _, tt := range []struct {
		template Template
		platform string
		want     string
	}{
		{DefaultNames, "darwin-arm64", "tool-1.0.0-osx-arm64"},
		{DefaultNames, "linux-arm", "tool-1.0.0-linux-armv7"},
		{"{name}_{version}_{Os}_{uname}", "linux-amd64", "tool_1.0.0_Linux_x86_64"},
		{"{name}_{version}_{Os}_{uname}", "linux-amd64v3", "tool_1.0.0_Linux_x86_64v3"},
		{"{name}_{version}_{Os}_{uname}", "windows-386", "tool_1.0.0_Windows_i386"},
		{"{name}_{version}_{Os}_{uname}", "osx-universal", "tool_1.0.0_Darwin_all"},
		{"{name}_{version}_{os}_{arch}", "linux-armv6", "tool_1.0.0_linux_armv6"},
		{"{name}{version}.{os}-{arch}", "windows-arm64", "tool1.0.0.windows-arm64"},
	} {
		p, err := Parse(tt.platform)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tt.template.Expand("tool", "1.0.0", p); err != nil || got != tt.want {
			t.Errorf("%s for %s: got %q, %v, want %q", tt.template, p, got, err, tt.want)
		}
	}
	all := All()
	for template, want := range map[Template]string{
		DefaultNames: "", "{arch}-{os}": "", "{uname}.{Os}": "",
		"{name}-{os}":   `aix-ppc64 and aix-ppc64_power10 have the same name: add a field such as {platform}`,
		"{name}-{Arch}": `field {Arch}, want one of {name}, {version}, {platform}, {os}, {Os}, {arch}, {uname}`,
		"{name":         `a { without }`,
		"name}":         `a } without {`,
	} {
		if err := template.Check(all); want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%s: got %v, want %q", template, err, want)
		}
	}
}

// FuzzNames checks that a name is one of the table's or an error, and a template's errors.
func FuzzNames(f *testing.F) {
	f.Add("linux-amd64v3", "{name}-{os}")
	f.Add("darwin-universal", "{{}}")
	f.Fuzz(func(t *testing.T, name, template string) {
		p, err := Parse(name)
		if err != nil {
			p = Platform{GOOS: "linux", GOARCH: "arm"}
		} else if !slices.Contains(Names(), name) {
			t.Errorf("%q: got %s, want an error", name, p)
		}
		got, err := Template(template).Expand("n", "v", p)
		if plain := strings.NewReplacer("{", "", "}", "").Replace(template); err == nil && plain == template && got != template {
			t.Errorf("%q: got %q", template, got)
		}
	})
}
