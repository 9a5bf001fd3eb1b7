package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/module"
)

func plant(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for path, data := range files {
		name := filepath.Join(dir, filepath.FromSlash(path))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(data), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// downloads are files of a module cache's download directory.
var downloads = map[string]string{
	"example.com/a/@v/v1.0.0.info":       "info",
	"example.com/a/@v/v1.0.0.mod":        "mod",
	"example.com/a/@v/v1.0.0.zip":        "zip",
	"example.com/a/@v/v1.0.0.ziphash":    "h1:",
	"example.com/a/@v/v1.0.0.lock":       "",
	"example.com/a/@v/v1.0.0.zip1.tmp":   "half",
	"example.com/a/@v/list":              "v1.0.0",
	"example.com/!b/v2/@v/v2.0.0.mod":    "mod of B",
	"example.com/@v/v1.0.0/x.zip":        "too deep",
	"cache.lock":                         "",
	"sumdb/sum.example/lookup/@v/a.mod":  "not a module's",
	"sumdb/sum.example/tile/8/0/000.mod": "not a module's",
}

const imported = `-rw-r--r-- goproxy/example.com/!b/v2/@v/v2.0.0.mod "mod of B"
-rw-r--r-- goproxy/example.com/a/@v/v1.0.0.info "info"
-rw-r--r-- goproxy/example.com/a/@v/v1.0.0.mod "mod"
-rw-r--r-- goproxy/example.com/a/@v/v1.0.0.zip "zip"
`

func TestImportModules(t *testing.T) {
	s, cache := open(t), t.TempDir()
	plant(t, cache, downloads)
	if err := os.Symlink("v1.0.0.mod", filepath.Join(cache, "example.com", "a", "@v", "v1.0.1.mod")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{4, 0} {
		if got, err := s.ImportModules(cache); got != want || err != nil {
			t.Errorf("got %d new files, %v, want %d", got, err, want)
		}
		if got := files(t, s.Dir()); got != imported {
			t.Errorf("files: got\n%swant\n%s", got, imported)
		}
	}
	// The store has copies, which do not change.
	plant(t, cache, map[string]string{"example.com/a/@v/v1.0.0.zip": "other", "example.com/a/@v/v1.1.0.zip": "new"})
	if got, err := s.ImportModules(cache); got != 1 || err != nil {
		t.Errorf("got %d new files, %v, want 1", got, err)
	}
	if got, want := files(t, s.Dir()), imported+"-rw-r--r-- goproxy/example.com/a/@v/v1.1.0.zip \"new\"\n"; got != want {
		t.Errorf("files: got\n%swant\n%s", got, want)
	}
	if !s.HasModule(module.Version{Path: "example.com/B/v2", Version: "v2.0.0"}, ".mod") {
		t.Error("the store says that it lacks the go.mod of example.com/B/v2")
	}
	if s.HasModule(module.Version{Path: "example.com/B/v2", Version: "v2.0.0"}, ".zip") {
		t.Error("the store says that it has the zip of example.com/B/v2")
	}
}

func TestImportModulesErrors(t *testing.T) {
	s := open(t)
	want := `importing modules into store "` + s.Dir() + `": `
	if _, err := s.ImportModules(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("missing directory: got %v, want %q and %v", err, want, fs.ErrNotExist)
	}
	cache := t.TempDir()
	plant(t, cache, map[string]string{"example.com/a/@v/v1.0.0.zip": "zip"})
	plant(t, s.Dir(), map[string]string{"goproxy/example.com/a/@v": "in the way"})
	if n, err := s.ImportModules(cache); n != 0 || err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("no place: got %d, %v, want %q", n, err, want)
	}
}

func TestImportModulesConcurrent(t *testing.T) {
	s, cache := open(t), t.TempDir()
	plant(t, cache, downloads)
	var wg sync.WaitGroup
	errs := make(chan error, 8)
	for range 8 {
		wg.Go(func() {
			_, err := s.ImportModules(cache)
			errs <- err
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if got := files(t, s.Dir()); got != imported {
		t.Errorf("files: got\n%swant\n%s", got, imported)
	}
}

// TestReadOnly checks that a store that has everything is not written to, and the error for
// a read-only one.
func TestReadOnly(t *testing.T) {
	s, cache := open(t), t.TempDir()
	plant(t, cache, downloads)
	if _, err := s.ImportModules(cache); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.PutBlob(strings.NewReader("hello\n")); err != nil {
		t.Fatal(err)
	}
	setModes(t, s.Dir(), 0o555)
	defer setModes(t, s.Dir(), 0o755)
	before := stamps(t, s.Dir())
	again, err := Open(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := again.ImportModules(cache); n != 0 || err != nil {
		t.Errorf("import of what is there: got %d, %v, want 0", n, err)
	}
	if data, err := os.ReadFile(again.BlobPath(hello)); string(data) != "hello\n" || err != nil {
		t.Errorf("blob: got %q, %v", data, err)
	}
	if !again.HasModule(module.Version{Path: "example.com/a", Version: "v1.0.0"}, ".zip") {
		t.Error("the store says that it lacks the zip of example.com/a")
	}
	if after := stamps(t, s.Dir()); after != before {
		t.Errorf("directories: got\n%swant\n%s", after, before)
	}
}

// stamps lists the modification time of each directory below dir.
func stamps(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			b.WriteString(path + " " + info.ModTime().String() + "\n")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func setModes(t *testing.T, dir string, mode fs.FileMode) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, mode)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
