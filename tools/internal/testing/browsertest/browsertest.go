// Package browsertest has a real browser, Chromium, show a page to a test.
package browsertest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// Show opens a page of its own and returns the document as it is after that, as
// HTML. The test fails if the browser's console says anything: what the page's own
// policy refuses, what could not be loaded, what a script did. There is no network.
// Where there is no Chromium, the test is skipped.
func Show(t *testing.T, page []byte) string {
	t.Helper()
	chromium := readers.Find(t, "chromium")
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, page, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-quic",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND",
		"--user-data-dir="+t.TempDir(), "--enable-logging=stderr", "--virtual-time-budget=2000", "--dump-dom", "file://"+filepath.ToSlash(file))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	document, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	if strings.Contains(stderr.String(), "CONSOLE") {
		t.Errorf("the browser complains:\n%s", stderr.String())
	}
	return string(document)
}
