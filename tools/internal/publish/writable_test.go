package publish

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

func TestWritable(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{dir, filepath.Join(dir, "a", "b")} {
		if err := Writable(name, 1); err != nil {
			t.Errorf("%s: got %v, want none", name, err)
		}
	}
	if runtime.GOOS == "linux" {
		if err := Writable(dir, math.MaxInt64); err == nil || !strings.Contains(err.Error(), "bytes of free space") {
			t.Errorf("got %v, want too little space", err)
		}
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Writable(filepath.Join(file, "below"), 1); err == nil {
		t.Error("below a file: got none, want an error")
	}
}

func TestNotWritable(t *testing.T) {
	readers.Require(t, "a user that is not root", os.Geteuid() != 0)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if err := Writable(dir, 1); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("got %v, want a refusal", err)
	}
}
