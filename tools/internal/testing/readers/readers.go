// Package readers finds the programs of others that tests read with.
//
// RELEASE_READERS names a directory with some of them, beside PATH. RELEASE_REQUIRE
// names those, separated by spaces, without which a test fails: CI sets it, so that
// nothing passes because nobody looked.
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

// Look is Find for a part of a test: without the program that part is skipped, as a test
// of the program's name, and the result is false.
func Look(t *testing.T, name string) (path string, ok bool) {
	t.Helper()
	path, err := look(name)
	if err != nil {
		t.Run("with "+name, func(t *testing.T) { missing(t, name) })
		return "", false
	}
	return path, true
}

// Require fails or skips the test for want of something that is no program.
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
		tb.Fatalf("%s is not installed, and RELEASE_REQUIRE names it", name)
	}
	tb.Skipf("%s is not installed", name)
}
