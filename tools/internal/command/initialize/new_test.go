package initialize

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bazelbuild/buildtools/build"
	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/source/workspacefile"
)

// newOptions returns options for a workspace in a new directory.
func newOptions(t *testing.T, builder string) (*options, *strings.Builder) {
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	said := &strings.Builder{}
	return &options{name: "tool", dir: filepath.Join(t.TempDir(), "new"), builder: builder, store: s, stdout: said, stderr: said}, said
}

// packed writes an archive of a release builder below a prefix, and returns its URL.
func packed(t *testing.T, name, prefix string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	var data bytes.Buffer
	content := []byte("# rules\n")
	names := []string{prefix + "README.md", prefix + "release/sources/extensions.bzl", prefix + "docs/release/sources/extensions.bzl.md"}
	if strings.HasSuffix(name, ".zip") {
		z := zip.NewWriter(&data)
		for _, n := range names {
			w, err := z.Create(n)
			if err == nil {
				_, err = w.Write(content)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	} else {
		z := gzip.NewWriter(&data)
		w := tar.NewWriter(z)
		for _, n := range names {
			err := w.WriteHeader(&tar.Header{Name: n, Mode: 0o644, Size: int64(len(content))})
			if err == nil {
				_, err = w.Write(content)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(w.Close(), z.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, data.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return (&url.URL{Scheme: "file", Path: file}).String()
}

// TestWorkspace: each file can be read by what reads it, and the archive is pinned and in the store.
func TestWorkspace(t *testing.T) {
	for name, prefix := range map[string]string{"builder.tar.gz": "release-builder-1.0.0/", "builder.tgz": "", "builder.zip": "example.com/b@v1.0.0/"} {
		t.Run(name, func(t *testing.T) {
			o, _ := newOptions(t, packed(t, name, prefix))
			if _, err := o.workspace(t.Context()); err != nil {
				t.Fatal(err)
			}
			archives, err := workspacefile.Archives(o.root, o.store)
			if err != nil || len(archives) != 1 || archives[0].Name != "release_builder" || !o.store.HasBlob(archives[0].Digest) {
				t.Errorf("got archives %v, %v, want the release builder's, which is in the store", archives, err)
			}
			module := o.read(t, "MODULE.bazel")
			f, err := build.ParseModule("MODULE.bazel", []byte(module))
			if err != nil || string(build.Format(f)) != module {
				t.Errorf("MODULE.bazel is not formatted: %v\n%s", err, module)
			}
			if want := `strip_prefix = "` + strings.TrimSuffix(prefix, "/") + `",`; !strings.Contains(module, want) {
				t.Errorf("got\n%s\nwant %s", module, want)
			}
			for _, file := range []string{".github/workflows/release.yaml", ".gitlab-ci.yml", ".prow.yaml"} {
				var v map[string]any
				if err := yaml.Unmarshal([]byte(o.read(t, file)), &v); err != nil || len(v) == 0 {
					t.Errorf("%s: got %v, %v", file, v, err)
				}
			}
			if !strings.Contains(o.read(t, ".github/workflows/release.yaml"), "${{ hashFiles(") {
				t.Error("the workflow has lost its expression")
			}
			if info, err := os.Stat(filepath.Join(o.root, "tools", "bazel")); err != nil || info.Mode().Perm() != 0o755 {
				t.Errorf("tools/bazel: got %v, %v, want a program", info, err)
			}
		})
	}
}

func (o *options) read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(o.root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestWorkspaceErrors: nothing is left of a workspace that cannot be made, and nothing that was
// there before is touched.
func TestWorkspaceErrors(t *testing.T) {
	notOne := packed(t, "other.tar.gz", "a/")
	for _, tt := range []struct{ name, builder, want string }{
		{"none", "", "--builder is missing"},
		{"not a release builder", t.TempDir(), "is not a directory with the release builder"},
		{"no directory", "nowhere", "is not a directory with the release builder"},
		{"no file", "file:///nowhere/b.tar.gz", "nowhere/b.tar.gz"},
		{"another ending", strings.TrimSuffix(notOne, ".tar.gz"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, _ := newOptions(t, tt.builder)
			if _, err := o.workspace(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if _, err := os.Stat(o.root); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%q is there: %v", o.root, err)
			}
		})
	}
	o, _ := newOptions(t, notOne)
	if err := os.MkdirAll(filepath.Join(o.dir, "mine"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := o.workspace(t.Context()); err == nil || !strings.Contains(err.Error(), "has files already") {
		t.Errorf("got %v, want that the directory has files", err)
	}
}

// TestUndo: a line that cannot be resolved leaves no workspace, but the empty directory that
// was there.
func TestUndo(t *testing.T) {
	t.Setenv("RELEASE_STORE", t.TempDir())
	o, said := newOptions(t, packed(t, "builder.tar.gz", "a/"))
	if err := os.Mkdir(o.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	o.git, o.branch, o.platforms, o.goCmd = "file:///nowhere", "main", "linux-amd64", "go"
	if err := o.init(t.Context()); err == nil {
		t.Fatalf("it resolved:\n%s", said)
	}
	if list, err := os.ReadDir(o.dir); err != nil || len(list) != 0 {
		t.Errorf("got %v, %v, want an empty directory", list, err)
	}
}
