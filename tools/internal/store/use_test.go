package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/module"
)

// TestLookingUpNotesUse: what removes old entries goes by their time.
func TestLookingUpNotesUse(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d, _, err := s.PutBlob(strings.NewReader("blob"))
	if err != nil {
		t.Fatal(err)
	}
	m := module.Version{Path: "example.com/m", Version: "v1.0.0"}
	write := func(f *os.File) error { _, err := f.WriteString("module example.com/m\n"); return err }
	if err := s.PutModule(m, ".mod", write); err != nil {
		t.Fatal(err)
	}
	file, err := s.ModuleFile(m, ".mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, file string
		look       func() bool
	}{
		{"a blob is asked for", s.BlobPath(d), func() bool { return s.HasBlob(d) }},
		{"a module is asked for", file, func() bool { return s.HasModule(m, ".mod") }},
		{"a module is put again", file, func() bool { return s.PutModule(m, ".mod", write) == nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			old := time.Now().Add(-48 * time.Hour)
			if err := os.Chtimes(tt.file, old, old); err != nil {
				t.Fatal(err)
			}
			if !tt.look() {
				t.Fatal("got false, want that the store has it")
			}
			info, err := os.Stat(tt.file)
			if err != nil {
				t.Fatal(err)
			}
			if age := time.Since(info.ModTime()); age > time.Minute {
				t.Errorf("got an entry that was used %s ago, want one of now", age)
			}
		})
	}
}

// TestDirectoryRemovedMeanwhile: what removes entries removes empty directories too,
// and may do so between the moment one is made and the moment a file is put into it.
func TestDirectoryRemovedMeanwhile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	calls := 0
	err := inDir(dir, func() error {
		if calls++; calls == 1 {
			if err := os.Remove(dir); err != nil {
				t.Fatal(err)
			}
		}
		return os.WriteFile(filepath.Join(dir, "file"), nil, 0o644)
	})
	if err != nil || calls != 2 {
		t.Errorf("got error %v after %d attempts, want none after 2", err, calls)
	}
}
