// Package readers finds independent programs with which tests read what was written.
//
// RELEASE_READERS names a directory with some of them, in addition to PATH. RELEASE_REQUIRE
// lists those, separated by spaces, that have to be there: without them tests fail instead
// of being skipped. CI sets it.
package readers

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Find returns the path of a program. Without it the test is skipped.
func Find(tb testing.TB, name string) string {
	tb.Helper()
	path, err := look(name)
	if err != nil {
		missing(tb, name)
	}
	return path
}

// Look is Find for a part of a test. Without the program, it skips a subtest with the
// program's name, and returns false.
func Look(t *testing.T, name string) (path string, ok bool) {
	t.Helper()
	path, err := look(name)
	if err != nil {
		t.Run("with "+name, func(t *testing.T) { missing(t, name) })
		return "", false
	}
	return path, true
}

// Require fails or skips a test that lacks something other than a program, such as root.
func Require(tb testing.TB, name string, there bool) {
	tb.Helper()
	if !there {
		missing(tb, name)
	}
}

func look(name string) (string, error) {
	path, err := exec.LookPath(name)
	if dir := os.Getenv("RELEASE_READERS"); err != nil && dir != "" {
		path, err = exec.LookPath(filepath.Join(dir, name))
	}
	return path, err
}

func missing(tb testing.TB, name string) {
	tb.Helper()
	if slices.Contains(strings.Fields(os.Getenv("RELEASE_REQUIRE")), name) {
		tb.Fatalf("this machine lacks %s, and RELEASE_REQUIRE names it", name)
	}
	tb.Skipf("this machine lacks %s", name)
}
