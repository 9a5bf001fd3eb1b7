package store

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

func TestPutOCIBlob(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	data := []byte("blob")
	want := digest.FromBytes(data)
	for _, tc := range []struct {
		name string
		r    io.Reader
		d    digest.Digest
		size int64
		err  string
	}{
		{"shorter", bytes.NewReader(data[:3]), want, 4, `size: got 3 bytes, want 4`},
		{"longer", io.MultiReader(bytes.NewReader(data), neverEnding{}), want, 4, `size: got more than 4 bytes, want 4`},
		{"other", bytes.NewReader([]byte("blOb")), want, 4, `digest: got sha256:[0-9a-f]{64}, want ` + string(want)},
		{"broken", io.MultiReader(bytes.NewReader(data[:2]), broken{}), want, 4, `broken`},
		{"good", bytes.NewReader(data), want, 4, ``},
	} {
		err := s.PutOCIBlob(tc.r, tc.d, tc.size)
		if tc.err == "" && err != nil || tc.err != "" && (err == nil || !regexp.MustCompile(tc.err).MatchString(err.Error())) {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.err)
		}
		if _, err := os.Stat(s.OCIBlobPath(want)); (err == nil) != (tc.err == "") {
			t.Errorf("%s: blob is in the store: %v", tc.name, err == nil)
		}
	}
	list, err := os.ReadDir(filepath.Dir(s.OCIBlobPath(want)))
	if err != nil || len(list) != 1 {
		t.Errorf("got %d files, %v, want 1", len(list), err)
	}
}

type neverEnding struct{}

func (neverEnding) Read(p []byte) (int, error) { return len(p), nil }

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("broken") }
