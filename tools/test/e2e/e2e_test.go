// Package e2e_test checks a built release as its users do: it unpacks the archives, runs the
// programs, and reads the images with other tools.
//
// `tools/bazel test //tools/test/e2e:e2e_test` passes it the release. RELEASE_DIR can name any
// directory with one.
package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/archivetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

var update = flag.Bool("update", false, "rewrite the golden listings in testdata")

// dir returns the release's directory. Without a release, the test is skipped.
func dir(t testing.TB) string {
	t.Helper()
	if os.Getenv("RELEASE_DIR") == "" {
		t.Skip("RELEASE_DIR names no release: tools/bazel test //tools/test/e2e:e2e_test builds one and checks it")
	}
	name := os.Getenv("RELEASE_DIR")
	if path, err := runfiles.Rlocation(name); err == nil {
		return path
	}
	return name
}

func TestChecksums(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(dir(t), "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for line := range strings.Lines(string(data)) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok {
			t.Fatalf("SHA256SUMS has line %q", line)
		}
		listed = append(listed, name)
		if got := sha256Of(t, filepath.Join(dir(t), name)); got != sum {
			t.Errorf("%s: got %s, want %s", name, got, sum)
		}
	}
	var present []string
	walk(t, dir(t), func(name string) {
		if name != "SHA256SUMS" {
			present = append(present, name)
		}
	})
	slices.Sort(present)
	if !slices.Equal(listed, present) {
		t.Errorf("SHA256SUMS lists\n%s\nwant\n%s", strings.Join(listed, "\n"), strings.Join(present, "\n"))
	}
}

func TestChecksumFiles(t *testing.T) {
	for _, name := range archives(t) {
		data, err := os.ReadFile(filepath.Join(dir(t), name+".sha256"))
		if err != nil {
			t.Error(err)
			continue
		}
		if got, want := string(data), sha256Of(t, filepath.Join(dir(t), name))+"  "+name+"\n"; got != want {
			t.Errorf("%s.sha256: got %q, want %q", name, got, want)
		}
	}
	if tool, ok := readers.Look(t, "sha256sum"); ok {
		cmd := exec.Command(tool, "--check", "--strict", "--quiet", "SHA256SUMS")
		cmd.Dir = dir(t)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("sha256sum --check SHA256SUMS: %v\n%s", err, out)
		}
	}
}

// TestListings compares names, modes and kinds of all entries of the archives with testdata.
// SHA256SUMS pins sizes and digests.
func TestListings(t *testing.T) {
	var b strings.Builder
	for _, name := range archives(t) {
		lines, err := archivetest.ListFile(filepath.Join(dir(t), name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		fmt.Fprintf(&b, "%s\n", name)
		for _, line := range lines {
			f := strings.Fields(line)
			fmt.Fprintf(&b, "  %s %s %s\n", f[0], f[1], f[4])
		}
	}
	golden(t, "archives.txt", b.String())
}

func TestFiles(t *testing.T) {
	var names []string
	walk(t, dir(t), func(name string) {
		if !strings.Contains(name, "/blobs/") {
			names = append(names, name)
		}
	})
	slices.Sort(names)
	golden(t, "files.txt", strings.Join(names, "\n")+"\n")
}

func TestManifestAndLock(t *testing.T) {
	m, err := manifest.Read(filepath.Join(dir(t), "manifest.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := lock.Read(filepath.Join(dir(t), "lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range m.Dependencies {
		pin, ok := l.Find(d.Name)
		if !ok {
			t.Errorf("lock.json lacks dependency %q of manifest.yaml", d.Name)
			continue
		}
		if d.Auto != "" || d.Version != pin.Module.Version {
			t.Errorf("manifest.yaml has %q at version %q (auto %q), want %q", d.Name, d.Version, d.Auto, pin.Module.Version)
		}
	}
}

// archives returns the names of the release's archives, as release.json has them.
func archives(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, a := range document(t).Artifacts {
		if a.Kind == "archive" {
			names = append(names, a.Path)
		}
	}
	if len(names) == 0 {
		t.Fatalf("no archive in %s", dir(t))
	}
	return names
}

func document(t *testing.T) *release.Document {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir(t), release.DocumentFile))
	if err != nil {
		t.Fatal(err)
	}
	d, err := release.ParseDocument(data)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDocument checks that release.json says what SHA256SUMS and the files say.
func TestDocument(t *testing.T) {
	d := document(t)
	kinds := map[string]int{}
	for _, a := range d.Artifacts {
		kinds[a.Kind]++
		if a.Kind == "image" {
			continue
		}
		info, err := os.Stat(filepath.Join(dir(t), a.Path))
		if err != nil {
			t.Error(err)
			continue
		}
		if got := sha256Of(t, filepath.Join(dir(t), a.Path)); got != a.Digest.Hex() || info.Size() != a.Size {
			t.Errorf("%s: got %s with %d bytes, want %s with %d bytes", a.Path, got, info.Size(), a.Digest.Hex(), a.Size)
		}
	}
	for _, kind := range []string{"apk", "archive", "archlinux", "chart", "checksum", "deb", "docker-archive", "document", "image", "licenses", "notes", "package-manifest", "page", "provenance", "rpm", "sbom", "sources"} {
		if kinds[kind] == 0 {
			t.Errorf("no artifact is of kind %s: got %v", kind, kinds)
		}
	}
}

// walk calls f with the slash-separated path of each file below root. Bazel passes files as
// symbolic links.
func walk(t *testing.T, root string, f func(name string)) {
	t.Helper()
	var visit func(rel string)
	visit = func(rel string) {
		entries, err := os.ReadDir(filepath.Join(root, rel))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			name := filepath.Join(rel, e.Name())
			info, err := os.Stat(filepath.Join(root, name))
			if err != nil {
				t.Fatal(err)
			}
			if info.IsDir() {
				visit(name)
			} else {
				f(filepath.ToSlash(name))
			}
		}
	}
	visit("")
}

func sha256Of(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		// Under `bazel run` the source directory is not the working directory.
		file = filepath.Join(os.Getenv("BUILD_WORKSPACE_DIRECTORY"), "tools", "test", "e2e", file)
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if !bytes.Equal([]byte(got), want) {
		t.Errorf("%s differs; if that is meant: tools/bazel run //tools/test/e2e:e2e_test -- -update\ngot:\n%s\nwant:\n%s", name, got, want)
	}
}
