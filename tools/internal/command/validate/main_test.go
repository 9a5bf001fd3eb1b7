package validate

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/check/validate"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// made makes a release with release.json.
func made(t *testing.T) string {
	t.Helper()
	dir := releasetest.Make(t, releasetest.Args{Files: map[string]string{"key.pem": "-----BEGIN PRIVATE KEY-----\nMHcCAQEEIBE6bm9vbmVzaG91bGR1c2V0aGlz\n"}})
	d := release.Document{Schema: release.DocumentSchema, Product: "demo", Version: "1.2.0"}
	for _, name := range []string{"key.pem", "lock.json", "manifest.yaml"} {
		sum, size, err := digest.FromFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		d.Artifacts = append(d.Artifacts, release.Artifact{Path: name, Kind: "document", MediaType: "text/plain", Size: size, Digest: sum})
	}
	if err := jsonfile.Write(filepath.Join(dir, release.DocumentFile), d); err != nil {
		t.Fatal(err)
	}
	releasetest.Seal(t, dir)
	return dir
}

func TestRun(t *testing.T) {
	dir := made(t)
	t.Setenv("RELEASE_CHECKS", "")
	var out bytes.Buffer
	if got := Run(t.Context(), []string{"--release", dir}, &out, io.Discard); got != cli.Failure {
		t.Errorf("got exit status %d, want %d", got, cli.Failure)
	}
	for _, want := range []string{"CHECK       CHECKED  FINDINGS\ndigests     5        0\n", "\nleaks: key.pem: it has what looks like a private key", "allow it in release/demo/BUILD.bazel,", "\n            \"key.pem\": \""} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got\n%s\nwant %q", out.String(), want)
		}
	}
	out.Reset()
	if got := Run(t.Context(), []string{"--release", dir, "--json"}, &out, io.Discard); got != cli.Failure {
		t.Errorf("got exit status %d, want %d", got, cli.Failure)
	}
	var r validate.Report
	if err := jsonfile.Unmarshal(out.Bytes(), &r); err != nil || r.Schema != validate.Schema || r.OK() {
		t.Errorf("got %+v, %v", r, err)
	}
}

// TestChecks starts a command of the product. The check also allows what would be found.
func TestChecks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the command is a shell script")
	}
	dir, checks := made(t), t.TempDir()
	command := filepath.Join(checks, "command")
	if err := os.WriteFile(command, []byte("#!/bin/sh\nls \"$RELEASE_DIR/$1\" \"$HOME\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(checks, "checks.json")
	own := []validate.Own{{Name: "listing", Command: command, Args: []string{"manifest.yaml"}, Output: "manifest[.]yaml", Allow: map[string]string{"key.pem": "a test"}}}
	if err := jsonfile.Write(file, own); err != nil {
		t.Fatal(err)
	}
	t.Setenv("RELEASE_CHECKS", file)
	t.Setenv("RELEASE_DIR", dir)
	var out, stderr bytes.Buffer
	if got := Run(t.Context(), nil, &out, &stderr); got != cli.OK {
		t.Errorf("got exit status %d, want %d:\n%s%s", got, cli.OK, out.String(), stderr.String())
	}
	own[0].Args = []string{"none"}
	if err := jsonfile.Write(file, own); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if got := Run(t.Context(), nil, &out, &stderr); got != cli.Failure || !strings.Contains(out.String(), `product: the release: listing: running "command none": exit status`) {
		t.Errorf("got exit status %d:\n%s", got, out.String())
	}
}

func TestExitStatus(t *testing.T) {
	t.Setenv("RELEASE_DIR", "")
	t.Setenv("RELEASE_CHECKS", "")
	for _, tt := range []struct {
		args []string
		want int
	}{
		{nil, cli.Usage},
		{[]string{"-no-such-flag"}, cli.Usage},
		{[]string{"dir"}, cli.Usage},
		{[]string{"-help"}, cli.OK},
		{[]string{"--release", t.TempDir()}, cli.Failure},
	} {
		if got := Run(t.Context(), tt.args, io.Discard, io.Discard); got != tt.want {
			t.Errorf("validate %q: got exit status %d, want %d", tt.args, got, tt.want)
		}
	}
}

func TestSecrets(t *testing.T) {
	env := map[string]string{"USER": "franziska", "HOME": "/home/franziska", "BUILD_WORKSPACE_DIRECTORY": "/src"}
	got := secrets(func(k string) string { return env[k] }, func() (string, error) { return "build-7.internal", nil })
	var names []string
	for name := range got {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{"/franziska/", "/home/franziska/", "build-7.internal", "franziska@"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	env = map[string]string{"USER": "root", "HOME": "/root"}
	if got := secrets(func(k string) string { return env[k] }, func() (string, error) { return "vm", nil }); len(got) > 0 {
		t.Errorf("names that say nothing: got %q", got)
	}
}
