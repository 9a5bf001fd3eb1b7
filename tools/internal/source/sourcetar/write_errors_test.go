package sourcetar

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWriteRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		nodes []node
		want  string
	}{
		{"absolute link", []node{{path: "a", target: "/etc/passwd"}}, `symbolic link "a" leaves the tree: it points to "/etc/passwd"`},
		{"link up", []node{{path: "a", target: ".."}}, `symbolic link "a" leaves the tree: it points to ".."`},
		{"link up and down", []node{{path: "d/a", target: "../../d/b"}}, `symbolic link "d/a" leaves the tree`},
		{"link that comes back", []node{{path: "d/a", target: "b/../../../d"}, {path: "d/b", content: "b"}}, `symbolic link "d/a" leaves the tree`},
		{"link through nothing", []node{{path: "a", target: "none/../../b"}}, `symbolic link "a" leaves the tree`},
		{
			// d/e/down leads to the root, so that d/e/down/.. is above it.
			"link through a link", []node{{path: "d/e/down", target: "../.."}, {path: "d/e/out", target: "down/../x"}},
			`symbolic link "d/e/out" leaves the tree: it points to "down/../x"`,
		},
		{
			"link through two links", []node{{path: "d/e/one", target: "two"}, {path: "d/e/two", target: "../.."}, {path: "d/e/out", target: "one/../.."}},
			`symbolic link "d/e/out" leaves the tree: it points to "one/../.."`,
		},
		{"backslash", []node{{path: `d/a\b`, content: ""}}, `path "d/a\\b": the name has a backslash`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			plant(t, dir, tt.nodes)
			result, err := WriteFolder(io.Discard, dir, Options{})
			if want := `reading directory "` + dir + `": `; err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q and %q", err, want, tt.want)
			}
			if result.Size != 0 {
				t.Errorf("size: got %d, want 0", result.Size)
			}
		})
	}
}

// TestWriteLinks: links that stay in the tree are fine, whatever they lead to.
func TestWriteLinks(t *testing.T) {
	dir := t.TempDir()
	plant(t, dir, []node{
		{path: "d/e/f", content: "f"},
		{path: "loop", target: "loop"},
		{path: "ping", target: "pong"},
		{path: "pong", target: "d/../ping/x"},
		{path: "self", target: "."},
		{path: "d/e/root", target: "../.."},
		{path: "d/e/far", target: "root/d/e/root/d/e/f"},
		{path: "short", target: "d/e"},
		{path: "in", target: "short/../e/f"}, // read by its letters only, it would be "e/f"
		{path: "slash", target: "d//e/"},
	})
	data := pack(t, dir)
	if err := Extract(bytes.NewReader(data), t.TempDir()); err != nil {
		t.Errorf("unpacking: %v", err)
	}
}

func TestWriteErrors(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	if _, err := WriteFolder(io.Discard, missing, Options{}); !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), `reading directory "`+missing+`": `) {
		t.Errorf("missing directory: got %v, want %v", err, os.ErrNotExist)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := WriteFolder(io.Discard, file, Options{}); err == nil {
		t.Error("a file instead of a directory: got no error")
	}
	dir := t.TempDir()
	plant(t, dir, sample)
	for n := range 3 {
		if _, err := WriteFolder(&brokenWriter{n * 1000}, dir, Options{}); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("writer that breaks after %d bytes: got %v, want %v", n*1000, err, io.ErrClosedPipe)
		}
	}
}

// brokenWriter takes so many bytes.
type brokenWriter struct{ left int }

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}
