package store

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/module"
)

// TestLookingUpNotesUse checks that a look-up updates an entry's time, by which gc removes.
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
			if age := time.Since(info.ModTime()); age > time.Hour {
				t.Errorf("got an entry that was used %s ago, want one of now", age)
			}
		})
	}
}
