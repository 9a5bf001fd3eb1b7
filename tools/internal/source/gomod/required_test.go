package gomod

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

func TestRequired(t *testing.T) {
	const goMod = "module example.com/m\n\ngo 1.99\n\nnews (\n\tfrom a later go\n)\n\nrequire example.com/a v1.2.3\n\nrequire (\n\texample.com/b v0.1.0 // indirect\n\texample.com/c v1.0.0\n)\n"
	const goSum = "example.com/a v1.2.2 h1:old\nexample.com/a v1.2.3 h1:content\nexample.com/a v1.2.3/go.mod h1:mod\n" +
		"example.com/b v0.1.0 h1:b\nexample.com/c v1.0.0/go.mod h1:c\n"
	dir := t.TempDir()
	mod, sum := filepath.Join(dir, "go.mod"), filepath.Join(dir, "go.sum")
	if err := errors.Join(os.WriteFile(mod, []byte(goMod), 0o644), os.WriteFile(sum, []byte(goSum), 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path    string
		want    lock.GoModule
		wantErr string
	}{
		{"example.com/a", lock.GoModule{Path: "example.com/a", Version: "v1.2.3", Sum: "h1:content", GoModSum: "h1:mod"}, ""},
		{"example.com/b", lock.GoModule{Path: "example.com/b", Version: "v0.1.0", Sum: "h1:b"}, ""},
		{"example.com/c", lock.GoModule{}, `reading "` + sum + `": no h1 sum of example.com/c@v1.0.0`},
		{"example.com/d", lock.GoModule{}, `reading "` + mod + `": module example.com/d is not required`},
		{"example.com", lock.GoModule{}, `reading "` + mod + `": module example.com is not required`},
	} {
		got, err := Required(mod, sum, tt.path)
		if tt.wantErr != "" {
			if err == nil || err.Error() != tt.wantErr {
				t.Errorf("%s: got %v, want %q", tt.path, err, tt.wantErr)
			}
			continue
		}
		if got != tt.want || err != nil {
			t.Errorf("%s: got %v, %v, want %v", tt.path, got, err, tt.want)
		}
	}
	for _, names := range [][2]string{{mod + ".none", sum}, {mod, sum + ".none"}} {
		if _, err := Required(names[0], names[1], "example.com/a"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: got %v, want %v", names, err, fs.ErrNotExist)
		}
	}
	if err := os.WriteFile(mod, []byte("module x\nrequire (\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Required(mod, sum, "example.com/a")
	wantError(t, err, `reading "`+mod+`": `, "syntax error")
}
