//go:build unix

package publish

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// TestInterrupt interrupts a run whose server says nothing until the run has ended: it
// ends, and says how to go on.
func TestInterrupt(t *testing.T) {
	asked := make(chan bool, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- true
		<-r.Context().Done()
	}))
	defer server.Close()
	home := t.TempDir()
	cmd := exec.Command("publish", "--release", releasetest.Make(t, releasetest.Args{}), "--gcsbucket", "releases/demo", "--state", filepath.Join(home, "state"))
	cmd.Env = append(os.Environ(), "HOME="+home, "STORAGE_EMULATOR_HOST="+server.URL, "RELEASE_LINE=demo")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("got %v, want exit status 1", err)
	}
	if want := "publish: interrupted; nothing is lost: run the same command again, and it resumes from here\n"; !strings.HasSuffix(stderr.String(), want) {
		t.Errorf("got %q, want it to end with %q", stderr.String(), want)
	}
}
