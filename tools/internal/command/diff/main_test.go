package diff

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/check/changes"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

func TestExitStatus(t *testing.T) {
	good := filepath.Join(releasetest.Make(t, releasetest.Args{}), release.LockFile)
	broken := filepath.Join(t.TempDir(), "lock.json")
	if err := os.WriteFile(broken, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args   []string
		want   int
		stderr string
	}{
		{nil, cli.Usage, "got 0 arguments, want OLD and NEW"},
		{[]string{good}, cli.Usage, "got 1 arguments"},
		{[]string{"-no-such-flag"}, cli.Usage, "no-such-flag"},
		{[]string{"-help"}, cli.OK, "json"},
		{[]string{good, "none"}, cli.Failure, `reading the new release "none"`},
		{[]string{broken, good}, cli.Failure, "reading the old release"},
		{[]string{good, t.TempDir()}, cli.Failure, "SHA256SUMS"},
		{[]string{"--html", "none/x.html", good, good}, cli.Failure, "none/"},
	} {
		var stderr bytes.Buffer
		if got := Run(t.Context(), tt.args, io.Discard, &stderr); got != tt.want || !strings.Contains(stderr.String(), tt.stderr) {
			t.Errorf("%q: got %d, %q, want %d, %q", tt.args, got, stderr.String(), tt.want, tt.stderr)
		}
	}
}

// TestBuilt has what Bazel built for NEW where OLD stands alone.
func TestBuilt(t *testing.T) {
	old, built := releasetest.Make(t, releasetest.Args{Version: "1.0.0"}), releasetest.Make(t, releasetest.Args{Version: "1.0.1"})
	t.Setenv("RELEASE_DIR", built)
	if got, want := command(t, old), command(t, old, built); got != want || !strings.Contains(got, "1.0.1") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestForms prints JSON, and writes a page.
func TestForms(t *testing.T) {
	old, new := releasetest.Make(t, releasetest.Args{Version: "1.0.0"}), releasetest.Make(t, releasetest.Args{Version: "1.0.1"})
	page := filepath.Join(t.TempDir(), "diff.html")
	var d changes.Diff
	if err := json.Unmarshal([]byte(command(t, "--json", "--html", page, old, new)), &d); err != nil || d.Schema != changes.Schema || len(d.Files) == 0 {
		t.Errorf("JSON: got %+v, %v", d, err)
	}
	if data, err := os.ReadFile(page); err != nil || !strings.Contains(string(data), "demo 1.0.0 → demo 1.0.1") {
		t.Errorf("page: got %q, %v", data, err)
	}
}

func command(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if got := Run(t.Context(), args, &stdout, &stderr); got != cli.OK {
		t.Fatalf("diff %q: got exit status %d, want 0: %s", args, got, &stderr)
	}
	return stdout.String()
}
