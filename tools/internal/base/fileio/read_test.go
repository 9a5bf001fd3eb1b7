package fileio

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadLimited(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(name, []byte("12345"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadLimited(name, 5); err != nil || string(got) != "12345" {
		t.Errorf("limit 5: got %q, %v, want the content", got, err)
	}
	want := `reading "` + name + `": file has more than 4 bytes`
	if got, err := ReadLimited(name, 4); got != nil || err == nil || err.Error() != want {
		t.Errorf("limit 4: got %q, %v, want %q", got, err, want)
	}
	if _, err := ReadLimited(filepath.Dir(name), 5); err == nil || !strings.HasPrefix(err.Error(), `reading "`) {
		t.Errorf("a directory: got %v, want an error that names it", err)
	}
}
