// Package outside_test builds the examples as their owners do: in a workspace of their own,
// which gets the release builder as an archive, by MODULE.bazel and by WORKSPACE.
//
// `tools/bazel test //tools/test/outside:all` runs it, outside of the sandbox.
package outside_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"

	releasebuilder "github.com/jasonwzm/release-builder"
	"github.com/jasonwzm/release-builder/tools/internal/testing/workspacetest"
)

// prefix is the directory in the archive of the release builder.
const prefix = "release-builder-1.0.0"

// world is a machine with Bazel, a store, the program release, and an archive of the release
// builder.
type world struct {
	*workspacetest.Workspace
	t       *testing.T
	builder string // the directory of the release builder
	program string
	goCmd   string // of the SDK
	url     string
	sum     [sha256.Size]byte
}

func newWorld(t *testing.T) *world {
	t.Helper()
	if os.Getenv("OUTSIDE_RELEASE") == "" {
		t.Skip("OUTSIDE_RELEASE names no program: tools/bazel test runs this")
	}
	w := &world{Workspace: workspacetest.New(t, "OUTSIDE_WORKSPACE", ""), t: t, program: runfile(t, "OUTSIDE_RELEASE"), goCmd: runfile(t, "OUTSIDE_GO")}
	w.builder = w.Dir
	data := pack(t, w.builder)
	file := filepath.Join(t.TempDir(), prefix+".tar.gz")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	w.url, w.sum = (&url.URL{Scheme: "file", Path: file}).String(), sha256.Sum256(data)
	return w
}

// runfile returns the file that a variable names.
func runfile(t *testing.T, variable string) string {
	t.Helper()
	name, err := runfiles.Rlocation(os.Getenv(variable))
	if err == nil {
		name, err = filepath.EvalSymlinks(name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// pack returns a .tar.gz with the files of a directory.
func pack(t *testing.T, dir string) []byte {
	var data bytes.Buffer
	z := gzip.NewWriter(&data)
	archive := tar.NewWriter(z)
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		h := &tar.Header{Name: prefix + "/" + filepath.ToSlash(rel), Mode: int64(info.Mode().Perm()), Size: int64(len(content))}
		if err := archive.WriteHeader(h); err != nil {
			return err
		}
		_, err = archive.Write(content)
		return err
	})
	if err := errors.Join(err, archive.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return data.Bytes()
}

// local is what the examples have in place of the archive.
var local = regexp.MustCompile(`(?s)local_(path_override|repository)\(.*?\n\)`)

// example copies an example to a workspace of its own, with the archive.
func (w *world) example(name string) {
	w.t.Helper()
	w.Dir = filepath.Join(w.t.TempDir(), name)
	workspacetest.Copy(w.t, filepath.Join(w.builder, "examples", name), w.Dir)
	archive := map[string]string{
		"MODULE.bazel": fmt.Sprintf("archive_override(\n    module_name = \"release_builder\",\n    integrity = \"sha256-%s\",\n    strip_prefix = %q,\n    urls = [%q],\n)",
			base64.StdEncoding.EncodeToString(w.sum[:]), prefix, w.url),
		"WORKSPACE": fmt.Sprintf("load(\"@bazel_tools//tools/build_defs/repo:http.bzl\", \"http_archive\")\n\nhttp_archive(\n    name = \"release_builder\",\n    sha256 = \"%x\",\n    strip_prefix = %q,\n    url = %q,\n)",
			w.sum, prefix, w.url),
	}
	for file, text := range archive {
		data, err := os.ReadFile(filepath.Join(w.Dir, file))
		if errors.Is(err, fs.ErrNotExist) && file == "WORKSPACE" {
			continue
		}
		if err != nil || !local.Match(data) {
			w.t.Fatalf("%s of example %s: %v, or no place of the release builder", file, name, err)
		}
		w.Write(file, local.ReplaceAllLiteralString(string(data), text))
	}
	rc, err := os.ReadFile(filepath.Join(w.Dir, ".bazelrc"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.Write(".bazelrc", strings.Replace(string(rc), "%workspace%/../../tools", "%workspace%/tools", 1))
	w.launcher()
}

// launcher copies tools/bazel, as init does.
func (w *world) launcher() {
	w.t.Helper()
	err := fs.WalkDir(releasebuilder.Launcher, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var data []byte
			data, err = fs.ReadFile(releasebuilder.Launcher, name)
			w.Write(name, string(data))
		}
		return err
	})
	if err := errors.Join(err, os.Chmod(filepath.Join(w.Dir, "tools", "bazel"), 0o755)); err != nil {
		w.t.Fatal(err)
	}
}

// release runs the program in the workspace, and returns what it prints.
func (w *world) release(args ...string) string {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), w.program, args...)
	cmd.Dir, cmd.Env = w.Dir, append(slices.Clone(w.Environ), "XDG_STATE_HOME="+filepath.Join(w.builder, "..", "state"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("release %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// files returns the paths in the release that Bazel built.
func (w *world) files() string {
	w.t.Helper()
	var names []string
	root := w.built()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(root, name)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return " " + strings.Join(names, " ") + " "
}

// fromNothing makes a workspace by init. Its first build needs no network, because init keeps
// the archive in the store.
func (w *world) fromNothing() {
	w.t.Helper()
	parent := w.t.TempDir()
	w.Dir = parent
	w.release("init", "--new", "mine", "--module", "filippo.io/age@v1.3.2", "--platforms", "linux-amd64", "--builder", w.url, "--go", w.goCmd)
	w.Dir = filepath.Join(parent, "mine")
	w.release("resolve", "--check", "--go", w.goCmd)
	w.MustBazel("build", "--config=airgap", "//release:all")
	if files := w.files(); !strings.Contains(files, " age-1.3.2-linux-amd64.tar.gz ") {
		w.t.Errorf("got %s, want an archive of age", files)
	}
}

// built returns the release's directory.
func (w *world) built() string {
	dir, err := filepath.EvalSymlinks(filepath.Join(w.Dir, "bazel-bin", "release", "all"))
	if err != nil {
		w.t.Fatal(err)
	}
	return dir
}

func (w *world) sums() string {
	data, err := os.ReadFile(filepath.Join(w.built(), "SHA256SUMS"))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(data)
}

// TestOutside makes a workspace from nothing and builds in it; then it builds each example.
// The one for the command line is validated, staged and verified, and built from WORKSPACE as
// well, without a network. There, a workspace cannot have the name of its product. All share
// one output base: they fetch the same tools.
func TestOutside(t *testing.T) {
	w := newWorld(t)
	w.fromNothing()
	for _, tt := range []struct {
		name string
		want []string
	}{
		{"service", []string{"images/registry/index.json", "helm/registry-0.22.1.tgz"}},
		{"three-repositories", []string{"age-1.3.2-linux-amd64.tar.gz", "sources.tar.gz"}},
		{"cli", []string{"age-1.3.2-linux-amd64.tar.gz", "age-1.3.2-osx-arm64.tar.gz", "provenance.intoto.json"}},
	} {
		w.example(tt.name)
		w.release("resolve", "--check", "--go", w.goCmd)
		w.MustBazel("build", "//release:all")
		files := w.files()
		for _, want := range tt.want {
			if !strings.Contains(files, " "+want+" ") {
				t.Errorf("example %s: %s is missing: it has%s", tt.name, want, files)
			}
		}
	}
	modules := w.sums()
	w.Environ = append(w.Environ, "RELEASE_DIR="+w.built())
	w.MustBazel("run", "//release:validate")
	w.release("publish", "--stage")
	w.release("verify", "--deep", "--stage", "1.3.2")

	w.MustBazel("build", "--config=airgap", "--noenable_bzlmod", "--enable_workspace", "//release:all")
	if got := w.sums(); got != modules {
		t.Errorf("from WORKSPACE and without a network: got\n%s\nwant what MODULE.bazel builds:\n%s", got, modules)
	}
	w.sameName()
}

// sameName gives WORKSPACE the name of the product. The error says so.
func (w *world) sameName() {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(w.Dir, "WORKSPACE"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.Write("WORKSPACE", strings.Replace(string(data), `"cli_example"`, `"cli"`, 1))
	out, err := w.Bazel("build", "--config=airgap", "--noenable_bzlmod", "--enable_workspace", "//release:all")
	if want := "the workspace and line cli are both repository @cli: write another name to workspace() in WORKSPACE"; err == nil || !strings.Contains(out, want) {
		w.t.Errorf("got %v\n%s\nwant %q", err, out, want)
	}
}
