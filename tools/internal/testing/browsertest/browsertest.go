// Package browsertest opens pages in a real browser, Chromium, for tests.
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

// Show opens a page and returns the resulting document as HTML. The test fails if the
// browser's console has a message, such as a violation of the page's content security
// policy, a file that could not be loaded, or an error of a script. There is no network.
// Without Chromium, the test is skipped.
func Show(t *testing.T, page []byte) string {
	t.Helper()
	chromium := readers.Find(t, "chromium")
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, page, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), chromium, append(arguments(t), "--enable-logging=stderr", "--virtual-time-budget=2000", "--dump-dom", "file://"+filepath.ToSlash(file))...)
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
