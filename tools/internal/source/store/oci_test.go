package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
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

// TestAddOCIRoot has several writers at a time, and what somebody else wrote.
func TestAddOCIRoot(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(s.OCIDir(), 0o755); err != nil {
		t.Fatal(err)
	}
	index := filepath.Join(s.OCIDir(), "index.json")
	theirs := `{"schemaVersion": 2, "manifests": [{"mediaType": "x", "digest": "sha256:zz", "size": 1, "annotations": {"a": "b"}}]}`
	if err := os.WriteFile(index, []byte(theirs), 0o644); err != nil {
		t.Fatal(err)
	}
	var want []string
	var wg sync.WaitGroup
	for i := range 20 {
		d := OCIDescriptor{MediaType: "m", Size: int64(i), Digest: digest.FromBytes(fmt.Append(nil, i))}
		want = append(want, string(d.Digest))
		for range 2 {
			wg.Go(func() {
				other, err := Open(s.Dir())
				if err == nil {
					err = other.AddOCIRoot(d)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	var got struct {
		SchemaVersion int              `json:"schemaVersion"`
		MediaType     string           `json:"mediaType"`
		Manifests     []map[string]any `json:"manifests"`
	}
	if err := jsonfile.Read(index, &got); err != nil {
		t.Fatal(err)
	}
	var digests []string
	for _, m := range got.Manifests {
		digests = append(digests, m["digest"].(string))
	}
	slices.Sort(want)
	if want = append(want, "sha256:zz"); !slices.Equal(digests, want) {
		t.Errorf("got %q\nwant %q", digests, want)
	}
	if a, ok := got.Manifests[20]["annotations"].(map[string]any); !ok || a["a"] != "b" {
		t.Errorf("what was there before is now %v", got.Manifests[20])
	}
	marker, err := os.ReadFile(filepath.Join(s.OCIDir(), "oci-layout"))
	if err != nil || string(marker) != "{\n  \"imageLayoutVersion\": \"1.0.0\"\n}\n" {
		t.Errorf("oci-layout: got %q, %v", marker, err)
	}
}

func TestAddOCIRootErrors(t *testing.T) {
	for _, content := range []string{`{`, `{"manifests": [1]}`} {
		s, err := Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(s.OCIDir(), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.OCIDir(), "index.json"), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		err = s.AddOCIRoot(OCIDescriptor{Digest: digest.FromBytes(nil)})
		if err == nil || !regexp.MustCompile(`^adding sha256:e3b0.* to store ".*": reading ".*index.json": `).MatchString(err.Error()) {
			t.Errorf("%s: got %v", content, err)
		}
	}
}

func TestDropOCIRoots(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var all []digest.Digest
	for i := range 3 {
		d := digest.FromBytes(fmt.Append(nil, i))
		all = append(all, d)
		if err := s.AddOCIRoot(OCIDescriptor{MediaType: "m", Size: 1, Digest: d}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.DropOCIRoots(map[digest.Digest]bool{all[0]: true, all[2]: true, digest.FromBytes(nil): true}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(s.OCIDir(), "index.json"))
	for i, d := range all {
		if err != nil || strings.Contains(string(data), string(d)) != (i == 1) {
			t.Errorf("got %v\n%s\nwant %s and no other", err, data, all[1])
		}
	}
	if err := os.WriteFile(filepath.Join(s.OCIDir(), "index.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.DropOCIRoots(map[digest.Digest]bool{all[1]: true}); err == nil || !strings.Contains(err.Error(), "dropping images from store") {
		t.Errorf("a damaged index: got error %v, want one that says so", err)
	}
}
