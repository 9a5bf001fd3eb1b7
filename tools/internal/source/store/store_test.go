package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

func open(t *testing.T) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// files lists everything below dir, one line each.
func files(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == dir {
			return fs.SkipAll
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %s %q\n", info.Mode(), filepath.ToSlash(rel), data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// sha256sum of "hello\n".
const hello = digest.Digest("sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03")

const helloFile = "-rw-r--r-- content_addressable/sha256/5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03/file \"hello\\n\"\n"

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	s, err := Open("a/../store")
	if err != nil || s.Dir() != filepath.Join(dir, "store") {
		t.Errorf("got %q, %v, want %q", s.Dir(), err, filepath.Join(dir, "store"))
	}
	if _, err := os.Stat(s.Dir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opening made the directory: %v", err)
	}
}

func TestPutBlob(t *testing.T) {
	s := open(t)
	for range 2 {
		d, n, err := s.PutBlob(iotest.OneByteReader(strings.NewReader("hello\n")))
		if d != hello || n != 6 || err != nil {
			t.Errorf("got %s, %d, %v, want %s, 6", d, n, err, hello)
		}
		if got := files(t, s.Dir()); got != helloFile {
			t.Errorf("files: got\n%swant\n%s", got, helloFile)
		}
	}
	if got, _, err := digest.FromFile(s.BlobPath(hello)); got != hello || err != nil {
		t.Errorf("file of the blob: got digest %s, %v, want %s", got, err, hello)
	}
}

func TestPutBlobErrors(t *testing.T) {
	s := open(t)
	broken := io.MultiReader(strings.NewReader("hello"), iotest.ErrReader(io.ErrUnexpectedEOF))
	want := `adding to store "` + s.Dir() + `": `
	if d, n, err := s.PutBlob(broken); d != "" || n != 0 || !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("broken reader: got %q, %d, %v, want %q and %v", d, n, err, want, io.ErrUnexpectedEOF)
	}
	if got := files(t, s.Dir()); got != "" {
		t.Errorf("a broken reader left\n%s", got)
	}
	// The blob's place is taken by a file.
	if err := os.WriteFile(filepath.Dir(s.BlobPath(hello)), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	before := files(t, s.Dir())
	want = "adding " + string(hello) + ` to store "` + s.Dir() + `": `
	if d, _, err := s.PutBlob(strings.NewReader("hello\n")); d != "" || err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("place taken: got %q, %v, want %q", d, err, want)
	}
	if got := files(t, s.Dir()); got != before {
		t.Errorf("files: got\n%swant\n%s", got, before)
	}
}

func TestPutBlobConcurrent(t *testing.T) {
	s := open(t)
	blob := func(i int) string { return strings.Repeat(string(rune('a'+i)), 200_000) }
	var wg sync.WaitGroup
	errs := make(chan error, 100)
	for i := range 16 {
		wg.Go(func() {
			content := blob(i % 4)
			d, n, err := s.PutBlob(strings.NewReader(content))
			if want := digest.FromBytes([]byte(content)); err != nil || d != want || n != 200_000 {
				errs <- fmt.Errorf("got %s, %d, %w, want %s, 200000", d, n, err, want)
				return
			}
			// A file is complete as soon as it exists.
			if data, err := os.ReadFile(s.BlobPath(d)); err != nil || string(data) != content {
				errs <- fmt.Errorf("blob %s: got %d bytes, %w", d, len(data), err)
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	if n := strings.Count(files(t, s.Dir()), "\n"); n != 4 {
		t.Errorf("got %d files, want 4", n)
	}
}

func TestModuleFile(t *testing.T) {
	s := open(t)
	for _, tt := range []struct {
		module     module.Version
		ext, want  string
		wantErrors string
	}{
		{module.Version{Path: "example.com/a", Version: "v1.0.0"}, ".zip", "goproxy/example.com/a/@v/v1.0.0.zip", ""},
		{module.Version{Path: "github.com/BurntSushi/toml", Version: "v1.0.0-RC1"}, ".mod", "goproxy/github.com/!burnt!sushi/toml/@v/v1.0.0-!r!c1.mod", ""},
		{module.Version{Path: "example.com/a/v2", Version: "v2.0.0+incompatible"}, ".info", "goproxy/example.com/a/v2/@v/v2.0.0+incompatible.info", ""},
		{module.Version{Path: "../../etc", Version: "v1.0.0"}, ".zip", "", "malformed module path"},
		{module.Version{Path: "/etc", Version: "v1.0.0"}, ".zip", "", "malformed module path"},
		{module.Version{Path: "example.com/a", Version: "../../../v1.0.0"}, ".zip", "", "disallowed version string"},
	} {
		got, err := s.ModuleFile(tt.module, tt.ext)
		if tt.wantErrors != "" {
			if got != "" || err == nil || !strings.Contains(err.Error(), tt.wantErrors) {
				t.Errorf("%s: got %q, %v, want %q", tt.module, got, err, tt.wantErrors)
			}
			if s.HasModule(tt.module, tt.ext) {
				t.Errorf("%s: the store says that it has it", tt.module)
			}
			continue
		}
		if want := filepath.Join(s.Dir(), filepath.FromSlash(tt.want)); got != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", tt.module, got, err, want)
		}
	}
}

func TestDefaultDir(t *testing.T) {
	all := map[string]string{"RELEASE_STORE": "/s", "RELEASE_CACHE": "/c", "XDG_CACHE_HOME": "/x", "HOME": "/h"}
	for _, tt := range []struct {
		unset []string
		want  string
	}{
		{nil, "/s"},
		{[]string{"RELEASE_STORE"}, "/c/store"},
		{[]string{"RELEASE_STORE", "RELEASE_CACHE"}, "/x/release-builder/store"},
		{[]string{"RELEASE_STORE", "RELEASE_CACHE", "XDG_CACHE_HOME"}, "/h/.cache/release-builder/store"},
		{[]string{"RELEASE_STORE", "RELEASE_CACHE", "XDG_CACHE_HOME", "HOME"}, ""},
	} {
		env := map[string]string{}
		for name, value := range all {
			env[name] = filepath.FromSlash(value)
		}
		for _, name := range tt.unset {
			env[name] = ""
		}
		got, err := DefaultDir(func(name string) string { return env[name] })
		if tt.want == "" {
			if want := "none of RELEASE_STORE, RELEASE_CACHE, XDG_CACHE_HOME and HOME is set"; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("without %q: got %q, %v, want %q", tt.unset, got, err, want)
			}
			continue
		}
		if got != filepath.FromSlash(tt.want) || err != nil {
			t.Errorf("without %q: got %q, %v, want %q", tt.unset, got, err, tt.want)
		}
	}
}
