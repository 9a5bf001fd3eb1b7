package store

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/digest"
	"github.com/jasonwzm/release-builder/tools/internal/sourcetar"
)

func TestPutTree(t *testing.T) {
	s, dir := open(t), t.TempDir()
	plant(t, dir, map[string]string{"a": "12345", "b/c": "678"})
	var b bytes.Buffer
	if _, err := sourcetar.Write(&b, dir); err != nil {
		t.Fatal(err)
	}
	want := Tree{Digest: digest.FromBytes(b.Bytes()), Size: 8}
	for range 2 {
		if got, err := s.PutTree(dir); got != want || err != nil {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
	if data, err := os.ReadFile(s.BlobPath(want.Digest)); err != nil || !bytes.Equal(data, b.Bytes()) {
		t.Errorf("the store's file is not the canonical tar: %v", err)
	}
	if n := strings.Count(files(t, s.Dir()), "\n"); n != 1 {
		t.Errorf("got %d files, want 1", n)
	}
}

func TestPutTreeErrors(t *testing.T) {
	s, dir := open(t), t.TempDir()
	if _, err := s.PutTree(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: got %v, want %v", err, fs.ErrNotExist)
	}
	// More than a pipe holds comes before what is wrong.
	plant(t, dir, map[string]string{"a": strings.Repeat("x", 1<<20)})
	if err := os.Symlink("/etc", filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutTree(dir); err == nil || !strings.Contains(err.Error(), `symbolic link "b" leaves the tree`) {
		t.Errorf("link that leaves the tree: got %v, want that", err)
	}
	if got := files(t, s.Dir()); got != "" {
		t.Errorf("files: got\n%swant none", got)
	}
	// The store cannot be written to.
	s = open(t)
	plant(t, s.Dir(), map[string]string{"content_addressable": "in the way"})
	if err := os.Remove(filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	if got, err := s.PutTree(dir); err == nil || got.Digest != "" {
		t.Errorf("no place: got %v, %v, want no digest and an error", got, err)
	}
}
