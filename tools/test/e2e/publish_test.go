package e2e_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// TestStage publishes the release to the line's stage, as `bazel run //release:publish --
// --stage` does, twice. It needs no network and no account.
func TestStage(t *testing.T) {
	if os.Getenv("PUBLISH") == "" {
		t.Skip("PUBLISH does not name the command: tools/bazel test //tools/test/e2e:all runs this")
	}
	command, err := runfiles.Rlocation(os.Getenv("PUBLISH"))
	if err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	publish := func() string {
		var stdout, stderr bytes.Buffer
		cmd := exec.Command(command, "--stage", "--release", dir(t), "--state", state)
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "RELEASE_LINE=toolbox", "RELEASE_DESTINATIONS="+os.Getenv("DESTINATIONS"))
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("publish --stage: %v\n%s%s", err, stdout.String(), stderr.String())
		}
		return stdout.String()
	}
	t.Log(publish())
	if out := publish(); !strings.HasPrefix(out, "1.0.0 to stage: 0 changes\n") {
		t.Errorf("again: got\n%s", out)
	}
	stage := filepath.Join(state, "toolbox", "stage")
	bucket := filepath.Join(stage, "bucket", "1.0.0")
	walk(t, dir(t), func(name string) {
		if got, want := sha256Of(t, filepath.Join(bucket, name)), sha256Of(t, filepath.Join(dir(t), name)); got != want {
			t.Errorf("%s: got sha256 %s, want %s", name, got, want)
		}
	})
	if latest, err := os.ReadFile(filepath.Join(stage, "bucket", "latest")); string(latest) != "1.0.0" || err != nil {
		t.Errorf("latest: got %q, %v, want 1.0.0", latest, err)
	}
	if skopeo, ok := readers.Look(t, "skopeo"); ok {
		var image struct{ Digest, Architecture string }
		out := run(t, nil, skopeo, "inspect", "oci:"+filepath.Join(stage, "registry", "crane")+":latest")
		if err := json.Unmarshal(out, &image); err != nil || image.Architecture == "" {
			t.Errorf("skopeo inspect: got %s, %v", out, err)
		}
	}
}
