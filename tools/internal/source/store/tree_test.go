package store

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/source/sourcetar"
)

// keep adds the canonical tar of a directory with the given files to s.
func keep(t *testing.T, s *Store, content map[string]string) digest.Digest {
	t.Helper()
	dir := t.TempDir()
	plant(t, dir, content)
	d, err := s.PutStream(func(w io.Writer) error {
		_, err := sourcetar.WriteFolder(w, dir, sourcetar.Options{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestPutStream(t *testing.T) {
	s := open(t)
	want := digest.FromBytes([]byte("12345"))
	for range 2 {
		d, err := s.PutStream(func(w io.Writer) error {
			_, err := w.Write([]byte("12345"))
			return err
		})
		if d != want || err != nil {
			t.Errorf("got %v, %v, want %v", d, err, want)
		}
	}
	if n := strings.Count(files(t, s.Dir()), "\n"); n != 1 {
		t.Errorf("got %d files, want 1", n)
	}
}

func TestPutStreamErrors(t *testing.T) {
	s := open(t)
	broken := errors.New("broken")
	// More bytes than a pipe holds are before the error.
	d, err := s.PutStream(func(w io.Writer) error {
		if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<20)); err != nil {
			return err
		}
		return broken
	})
	if d != "" || err != broken {
		t.Errorf("got %q, %v, want no digest and the writer's own error", d, err)
	}
	if got := files(t, s.Dir()); got != "" {
		t.Errorf("files: got\n%swant none", got)
	}
	// The store cannot be written to.
	s = open(t)
	plant(t, s.Dir(), map[string]string{"content_addressable": "in the way"})
	d, err = s.PutStream(func(w io.Writer) error {
		_, err := w.Write([]byte("x"))
		return err
	})
	if d != "" || err == nil {
		t.Errorf("no place: got %q, %v, want no digest and an error", d, err)
	}
}

func TestScanTree(t *testing.T) {
	s := open(t)
	d := keep(t, s, map[string]string{"a": "12345", "b/c": strings.Repeat("678", 100_000)})
	var names []string
	var content []byte
	visit := func(h *tar.Header, r io.Reader) (err error) {
		names = append(names, h.Name)
		if h.Name == "a" {
			content, err = io.ReadAll(r)
		}
		return err
	}
	if err := s.ScanTree(d, visit); err != nil || strings.Join(names, " ") != "a b/c" || string(content) != "12345" {
		t.Errorf("got %q, %q, %v, want a b/c, 12345", names, content, err)
	}
	stop := errors.New("enough")
	if err := s.ScanTree(d, func(*tar.Header, io.Reader) error { return stop }); err != stop {
		t.Errorf("got %v, want %v", err, stop)
	}
	if err := s.ScanTree(digest.FromBytes(nil), visit); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: got %v, want %v", err, fs.ErrNotExist)
	}
}

// TestScanTreeAltered checks that every altered byte is found.
func TestScanTreeAltered(t *testing.T) {
	s := open(t)
	d := keep(t, s, map[string]string{"a": "12345"})
	good, err := os.ReadFile(s.BlobPath(d))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(good); i += 7 {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if err := os.WriteFile(s.BlobPath(d), bad, 0o644); err != nil {
			t.Fatal(err)
		}
		err := s.ScanTree(d, func(*tar.Header, io.Reader) error { return nil })
		if err == nil || !strings.Contains(err.Error(), "got "+string(digest.FromBytes(bad))+", want "+string(d)) {
			t.Errorf("byte %d: got %v, want both digests", i, err)
		}
	}
}
