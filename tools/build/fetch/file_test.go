package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// web serves a directory at $WEB, and writes the paths that it is asked for into
// web.log: "web directory".
func web(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: web directory")
	}
	files, name := http.FileServer(http.Dir(ts.MkAbs(args[0]))), ts.MkAbs("web.log")
	var mu sync.Mutex
	var log strings.Builder
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		fmt.Fprintln(&log, r.URL.Path)
		err := os.WriteFile(name, []byte(log.String()), 0o644)
		mu.Unlock()
		if err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
			return
		}
		files.ServeHTTP(w, r)
	}))
	ts.Defer(s.Close)
	ts.Setenv("WEB", s.URL)
}

// fileEntry writes the lock entry of a file from the web: "fileentry file name[/platform] url content".
func fileEntry(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 4 {
		ts.Fatalf("usage: fileentry file name[/platform] url content")
	}
	name, platform, _ := strings.Cut(args[1], "/")
	d, size, err := digest.FromFile(ts.MkAbs(args[3]))
	ts.Check(err)
	entry := lock.File{Name: name, Platform: platform, URL: args[2], Digest: d, Size: size, Why: "url in manifest"}
	entry.Seal()
	ts.Check(jsonfile.Write(ts.MkAbs(args[0]), entry))
}

// replace replaces a text of a file by another: "sed file old new".
func replace(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: sed file old new")
	}
	data, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	if !strings.Contains(string(data), args[1]) {
		ts.Fatalf("%s has no %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(string(data), args[1], args[2])), 0o644))
}

func TestPlace(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "a", "to")
	if err := os.WriteFile(from, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time replaces the first
		if err := place(from, to); err != nil {
			t.Fatal(err)
		}
	}
	a, errA := os.Stat(from)
	b, errB := os.Stat(to)
	if errA != nil || errB != nil || !os.SameFile(a, b) {
		t.Errorf("got %v, %v, want a hard link", errA, errB)
	}
	if err := fileio.Copy(from, to); !errors.Is(err, fs.ErrExist) {
		t.Errorf("copying onto a file: got %v, want %v", err, fs.ErrExist)
	}
	if err := fileio.Copy(from, to+"2"); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(to + "2")
	if b, errB = os.Stat(to + "2"); err != nil || errB != nil || string(data) != "new" || os.SameFile(a, b) {
		t.Errorf("copy: got %q, %v, %v, want a file of its own", data, err, errB)
	}
	if err := place(from+".none", to); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: got %v, want %v", err, fs.ErrNotExist)
	}
}

func TestLocalName(t *testing.T) {
	for _, tt := range []struct{ url, want string }{
		{"https://h/a/tool-1.0_linux+x.tar.gz", "tool-1.0_linux+x.tar.gz"},
		{"https://h/tool/", "tool"},
		{"https://h", "entry"},
		{"https://h/", "entry"},
		{"https://h/..", "entry"},
		{"https://h/a/..", "_.."},
		{"https://h/%2e%2e%2fetc%2fpasswd", "passwd"},
		{`https://h/a%5Cb`, "a_b"},
		{"https://h/a%20b%00c%0Ad", "a_b_c_d"},
		{"https://h/.bazelrc", "_.bazelrc"},
		{"https://h/-rf", "_-rf"},
		{"https://h/build", "_build"},
		{"https://h/BUILD.bazel", "_BUILD.bazel"},
		{"https://h/Workspace", "_Workspace"},
		{"https://h/é", "_"},
		{"https://h/a:b", "a_b"},
		{"://", "entry"},
		{"https://h/" + strings.Repeat("x", 300) + ".gz", strings.Repeat("x", 125) + ".gz"},
	} {
		if got := localName(&lock.File{Name: "entry", URL: tt.url}); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.url, got, tt.want)
		}
	}
	if got := localName(&lock.File{Name: "../x", URL: "https://h"}); got != "_.._x" {
		t.Errorf("bad name: got %q, want %q", got, "_.._x")
	}
}
