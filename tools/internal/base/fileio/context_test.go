package fileio

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestContext: reading and writing end with the context.
func TestContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, b := Reader(ctx, strings.NewReader("abc")), &strings.Builder{}
	w := Writer(ctx, b)
	if n, err := io.CopyN(w, r, 2); n != 2 || err != nil || b.String() != "ab" {
		t.Fatalf("got %d, %v, %q", n, err, b)
	}
	cancel()
	if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("reading: got %d, %v", n, err)
	}
	if n, err := w.Write([]byte("c")); n != 0 || !errors.Is(err, context.Canceled) || b.String() != "ab" {
		t.Errorf("writing: got %d, %v, %q", n, err, b)
	}
}

// TestReplaceFails: an error leaves the old file, and is what write returned.
func TestReplaceFails(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	if err := os.WriteFile(name, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := Replace(name, Options{Mode: 0o644}, func(f *os.File) error {
		if _, err := f.WriteString("new"); err != nil {
			t.Fatal(err)
		}
		return broken
	})
	if err == nil || !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	content(t, name, "old")
	only(t, dir, "a")
}

func TestSyncDir(t *testing.T) {
	if err := SyncDir(t.TempDir()); err != nil {
		t.Error(err)
	}
	if err := SyncDir(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
}
