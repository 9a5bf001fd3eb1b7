package runfile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPath(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{os.Mkdir(filepath.Join(dir, "ws"), 0o755), os.WriteFile(filepath.Join(dir, "ws", "real"), nil, 0o644), os.Symlink("real", filepath.Join(dir, "ws", "link"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("RUNFILES_DIR", dir)
	t.Setenv("RUNFILES_MANIFEST_FILE", "")
	abs := filepath.Join(dir, "ws", "link")
	for _, tt := range []struct{ name, path, real string }{
		{"", "", ""},
		{"ws/link", abs, filepath.Join(dir, "ws", "real")},
		{abs, abs, filepath.Join(dir, "ws", "real")},
		{"/no such/file", "/no such/file", "/no such/file"},
	} {
		if got := Path(tt.name); got != tt.path {
			t.Errorf("Path(%q): got %q, want %q", tt.name, got, tt.path)
		}
		if got := Real(tt.name); got != tt.real {
			t.Errorf("Real(%q): got %q, want %q", tt.name, got, tt.real)
		}
	}
}
