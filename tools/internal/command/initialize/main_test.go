package initialize

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
)

func TestDependencyName(t *testing.T) {
	for from, want := range map[string]string{
		"filippo.io/age": "age", "filippo.io/age@v1.3.2": "age", "github.com/mikefarah/yq/v4": "yq", "github.com/mikefarah/yq/v4@v4.1.0": "yq",
		"gopkg.in/yaml.v3": "yaml", "https://github.com/istio/api.git": "api", "git@github.com:istio/api": "api", "/src/some thing/": "some-thing",
	} {
		if got := dependencyName(from); got != want {
			t.Errorf("%s: got %q, want %q", from, got, want)
		}
	}
}

// listed is what the go command says of a package of example.com/tool/v2.
func listed(rel string, change func(*gomod.Package)) gomod.Package {
	p := gomod.Package{
		ImportPath: strings.TrimSuffix("example.com/tool/v2/"+rel, "/"), Name: "main", Dir: "/src",
		Module: &gomod.PackageModule{Path: "example.com/tool/v2", Main: true},
	}
	if change != nil {
		change(&p)
	}
	return p
}

func TestChoose(t *testing.T) {
	broken := func(p *gomod.Package) { p.Incomplete = true }
	library := func(p *gomod.Package) { p.Name = "lib" }
	other := func(p *gomod.Package) { p.DepOnly = true }
	all := []gomod.Package{
		listed("", nil), listed("cmd/a", nil), listed("cmd/b/v3", nil), listed("lib", library), listed("internal/gen", nil), listed("x/a", nil), listed("dep", other),
	}
	listing := gomod.Listing{"linux_amd64": append(all, listed("cmd/unix", nil)), "windows_amd64": append(all, listed("cmd/unix", broken))}
	var left []string
	got := buildFile("mine", choose(listing, "@mine_tool", func(path, why string) { left = append(left, path+": "+why) }))
	want, err := os.ReadFile(filepath.Join("testdata", "BUILD.golden"))
	if err != nil || string(got) != string(want) {
		t.Errorf("got\n%s\n%v, want\n%s", got, err, want)
	}
	wantLeft := []string{
		"example.com/tool/v2/cmd/unix: it cannot be built for windows/amd64",
		"example.com/tool/v2/internal/gen: it is in a directory for developers",
		"example.com/tool/v2/x/a: its name is also that of @mine_tool//cmd/a",
	}
	if strings.Join(left, "\n") != strings.Join(wantLeft, "\n") {
		t.Errorf("left out: got\n%s\nwant\n%s", strings.Join(left, "\n"), strings.Join(wantLeft, "\n"))
	}
}

// TestReserved: a program may be called as a target that init writes.
func TestReserved(t *testing.T) {
	got := string(buildFile("mine", []program{{"archive", "@mine_x//cmd/archive"}}))
	for _, want := range []string{"name = \"archive_program\",\n    binary = \"@mine_x//cmd/archive\",\n    program = \"archive\",\n", "\":archive_program\",\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %s", got, want)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"--name a --module b --builder c", "flag -builder is for -new"},
		{"--name a", "want either -module or -git"},
		{"--name a --module b --git c", "want either -module or -git"},
		{"--name a --module b --branch c", "want at most one of -branch and -tag, with -git"},
		{"--name a --git b --branch c --tag d", "want at most one of -branch and -tag, with -git"},
		{"--name a --module b c", `got argument "c", want flags only`},
	} {
		var stderr strings.Builder
		if got := Run(t.Context(), strings.Fields(tt.args), &strings.Builder{}, &stderr); got != cli.Usage || !strings.Contains(stderr.String(), tt.want) {
			t.Errorf("%s: got %d, %s, want %d, %s", tt.args, got, stderr.String(), cli.Usage, tt.want)
		}
	}
}

// TestExists: what is there stays as it is.
func TestExists(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "release", "mine"), 0o755); err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	args := []string{"--root", root, "--name", "mine", "--module", "example.com/a"}
	if got := Run(t.Context(), args, &strings.Builder{}, &stderr); got != cli.Failure || !strings.Contains(stderr.String(), "exists already") || !strings.Contains(stderr.String(), "choose another --name") {
		t.Errorf("got %d, %s, want that it exists", got, stderr.String())
	}
	if _, err := os.Stat(filepath.Join(root, "manifests")); err == nil {
		t.Error("manifests was made")
	}
}

// TestBadManifest: an error in the manifest that init makes says which flags it comes from.
func TestBadManifest(t *testing.T) {
	root := t.TempDir()
	t.Setenv("RELEASE_STORE", t.TempDir())
	for _, tt := range []struct{ flag, value, want string }{
		{"--name", "Bad Name", `product: got "Bad Name"`},
		{"--platforms", "linux/amd64", `did you mean "linux-amd64"?`},
	} {
		var stderr strings.Builder
		args := []string{"--root", root, "--git", "/src/tool", "--branch", "main", tt.flag, tt.value}
		if got := Run(t.Context(), args, &strings.Builder{}, &stderr); got != cli.Failure || !strings.Contains(stderr.String(), tt.want) || !strings.Contains(stderr.String(), "the product comes from --name") {
			t.Errorf("%s: got %d, %s, want %q", tt.flag, got, stderr.String(), tt.want)
		}
		if list, err := os.ReadDir(root); err != nil || len(list) > 0 {
			t.Errorf("%s: got %v, %v, want nothing written", tt.flag, list, err)
		}
	}
}

// TestSecondLine: with a second line, and only then, init says that one has to be chosen.
func TestSecondLine(t *testing.T) {
	root := t.TempDir()
	for _, tt := range []struct {
		name string
		want bool
	}{{"b", false}, {"a", true}, {"c", false}} {
		dir := filepath.Join(root, "manifests", tt.name)
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "manifest.yaml"), nil, 0o644)); err != nil {
			t.Fatal(err)
		}
		var stdout strings.Builder
		o := options{root: root, name: tt.name, stdout: &stdout}
		if err := o.next(); err != nil || strings.Contains(stdout.String(), `lines.default(line = "b")`) != tt.want {
			t.Errorf("%s: got %v, %s", tt.name, err, stdout.String())
		}
	}
}
