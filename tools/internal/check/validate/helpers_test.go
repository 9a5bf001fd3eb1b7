package validate

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// hello is a program that the go command built for linux-amd64.
func hello(t *testing.T, source string, env ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), []byte("module example.com/hello\n\ngo 1.26\n"))
	write(t, filepath.Join(dir, "main.go"), []byte(source))
	cmd := exec.Command(proxytest.GoCommand(t), "build", "-ldflags=-s -w", "-o", "hello", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOFLAGS=-trimpath", "GOTOOLCHAIN=local", "GOENV=off", "GOWORK=off")
	if os.Getenv("GOCACHE") == "" && os.Getenv("HOME") == "" {
		cmd.Env = append(cmd.Env, "GOCACHE="+filepath.Join(dir, "cache"))
	}
	cmd.Env = append(cmd.Env, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return read(t, filepath.Join(dir, "hello"))
}

const helloSource = "package main\n\nfunc main() { println(\"hello\") }\n"

// archiveOf packs files. A name that ends in * is executable.
func archiveOf(t *testing.T, files map[string]string) string {
	t.Helper()
	var entries []archive.Entry
	for name, content := range files {
		e := archive.Entry{Path: strings.TrimSuffix(name, "*"), Content: []byte(content)}
		if strings.HasSuffix(name, "*") {
			e.Mode = 0o755
		}
		entries = append(entries, e)
	}
	var b bytes.Buffer
	if err := archive.WriteTarGzip(&b, entries, archive.Options{ModTime: time.Unix(0, 0)}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// whole makes a release in which nothing is wrong.
func whole(t *testing.T, program []byte) string {
	t.Helper()
	packed := archiveOf(t, map[string]string{"bin/hello*": string(program), "README.md": "hello"})
	dir := releasetest.Make(t, releasetest.Args{
		Files: map[string]string{
			"hello-1.2.0-linux-amd64.tar.gz":        packed,
			"hello-1.2.0-linux-amd64.tar.gz.sha256": digest.FromBytes([]byte(packed)).Hex() + "  hello-1.2.0-linux-amd64.tar.gz\n",
		},
		Images: []string{"hello"},
		Charts: []string{"web"},
	})
	seal(t, dir)
	return dir
}

// seal writes release.json and SHA256SUMS for what is in a directory.
func seal(t *testing.T, dir string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(dir, release.DocumentFile)); err != nil {
		t.Fatal(err)
	}
	sizes, err := release.Dir(dir).Sizes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := release.Document{Schema: release.DocumentSchema, Product: "demo", Version: "1.2.0"}
	for path, size := range sizes {
		a := release.Artifact{Path: path, Kind: kindOf(path), MediaType: "application/octet-stream", Size: size}
		if rest, ok := strings.CutPrefix(path, "images/"); ok {
			name, file, _ := strings.Cut(rest, "/")
			if file != "index.json" {
				continue
			}
			p := layout.Path(filepath.Join(dir, "images", name))
			manifests, err := p.Manifests()
			if err != nil {
				t.Fatal(err)
			}
			a = release.Artifact{
				Path: "images/" + name, Kind: "image", MediaType: string(manifests[0].MediaType), Size: manifests[0].Size,
				Digest: layout.DigestOf(manifests[0]), Platforms: []string{"linux/amd64", "linux/arm64"},
			}
			d.Artifacts = append(d.Artifacts, a)
			continue
		}
		if path == release.Checksums {
			continue
		}
		if a.Digest, _, err = digest.FromFile(filepath.Join(dir, path)); err != nil {
			t.Fatal(err)
		}
		if a.Kind == "archive" {
			a.Platform = "linux-amd64"
		}
		if a.Kind == "checksum" {
			a.Subject = strings.TrimSuffix(path, ".sha256")
		}
		d.Artifacts = append(d.Artifacts, a)
	}
	slices.SortFunc(d.Artifacts, func(a, b release.Artifact) int { return strings.Compare(a.Path, b.Path) })
	if err := jsonfile.Write(filepath.Join(dir, release.DocumentFile), d); err != nil {
		t.Fatal(err)
	}
	releasetest.Seal(t, dir)
}

func kindOf(path string) string {
	for suffix, kind := range map[string]string{
		".sha256": "checksum", ".tar.gz": "archive", ".zip": "archive", ".tgz": "chart", ".deb": "deb",
		".spdx.json": "sbom", ".cdx.json": "sbom", ".intoto.json": "provenance", "NOTICES": "licenses", "index.html": "page", "notes.md": "notes",
	} {
		if strings.HasSuffix(path, suffix) {
			return kind
		}
	}
	return "document"
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
