package proxytest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
)

// gazelleVariable names the gazelle command as a runfile; Bazel sets it.
const gazelleVariable = "RELEASE_TEST_GAZELLE"

// GazelleCommand returns the path of the gazelle command that fetch runs: the
// runfile that RELEASE_TEST_GAZELLE names, or one built from this module's go.mod.
func GazelleCommand(t testing.TB) string {
	t.Helper()
	if name := os.Getenv(gazelleVariable); name != "" {
		path, err := runfiles.Rlocation(name)
		if err != nil {
			t.Fatalf("finding the gazelle command: %v", err)
		}
		return path
	}
	path := filepath.Join(t.TempDir(), "gazelle")
	cmd := exec.Command(GoCommand(t), "build", "-o", path, "github.com/bazelbuild/bazel-gazelle/cmd/gazelle")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building gazelle: %v\n%s", err, out)
	}
	return path
}
