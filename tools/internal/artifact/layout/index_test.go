package layout

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// TestAdd adds to an index of another program, from several goroutines.
func TestAdd(t *testing.T) {
	p := Path(t.TempDir())
	index := filepath.Join(string(p), "index.json")
	theirs := `{"schemaVersion": 2, "manifests": [{"mediaType": "x", "digest": "sha256:zz", "size": 1, "annotations": {"a": "b"}}]}`
	if err := os.WriteFile(index, []byte(theirs), 0o644); err != nil {
		t.Fatal(err)
	}
	var want []string
	var wg sync.WaitGroup
	for i := range 20 {
		d := v1.Descriptor{MediaType: "m", Size: int64(i), Digest: Hash(digest.FromBytes(fmt.Append(nil, i)))}
		want = append(want, d.Digest.String())
		for range 2 {
			wg.Go(func() {
				if err := p.Add(d); err != nil {
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
	marker, err := os.ReadFile(filepath.Join(string(p), "oci-layout"))
	if err != nil || string(marker) != "{\n  \"imageLayoutVersion\": \"1.0.0\"\n}\n" {
		t.Errorf("oci-layout: got %q, %v", marker, err)
	}
}

func TestAddErrors(t *testing.T) {
	for _, content := range []string{`{`, `{"manifests": [1]}`} {
		p := Path(t.TempDir())
		if err := os.WriteFile(filepath.Join(string(p), "index.json"), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		err := p.Add(v1.Descriptor{Digest: Hash(digest.FromBytes(nil))})
		if err == nil || !regexp.MustCompile(`^adding sha256:e3b0.* to layout ".*": reading ".*index.json": `).MatchString(err.Error()) {
			t.Errorf("%s: got %v", content, err)
		}
	}
}

func TestDrop(t *testing.T) {
	p := Path(t.TempDir())
	var all []digest.Digest
	for i := range 3 {
		d := digest.FromBytes(fmt.Append(nil, i))
		all = append(all, d)
		if err := p.Add(v1.Descriptor{MediaType: "m", Size: 1, Digest: Hash(d)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Drop(map[digest.Digest]bool{all[0]: true, all[2]: true, digest.FromBytes(nil): true}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(string(p), "index.json"))
	for i, d := range all {
		if err != nil || strings.Contains(string(data), string(d)) != (i == 1) {
			t.Errorf("got %v\n%s\nwant %s and no other", err, data, all[1])
		}
	}
	if err := os.WriteFile(filepath.Join(string(p), "index.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := p.Drop(map[digest.Digest]bool{all[1]: true}); err == nil || !strings.Contains(err.Error(), "dropping images from layout") {
		t.Errorf("a damaged index: got error %v, want one that says so", err)
	}
}

// TestRetag replaces a tag, and keeps fields that this package does not know.
func TestRetag(t *testing.T) {
	const raw = `{"schemaVersion": 2, "manifests": [{"new": 12345678901234567890, "annotations": {"a": "b", "org.opencontainers.image.ref.name": "1.0"}}], "annotations": {"c": "d"}}`
	x, err := ParseIndex([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Manifests[0].Retag("2.0"); err != nil || x.Manifests[0].Tag != "2.0" {
		t.Errorf("got tag %q, %v, want 2.0", x.Manifests[0].Tag, err)
	}
	p := Path(t.TempDir())
	if err := p.WriteIndex(x); err != nil {
		t.Fatal(err)
	}
	const want = `{
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.index.v1+json",
  "manifests": [
    {
      "annotations": {
        "a": "b",
        "org.opencontainers.image.ref.name": "2.0"
      },
      "new": 12345678901234567890
    }
  ],
  "annotations": {
    "c": "d"
  }
}
`
	if got, err := os.ReadFile(filepath.Join(string(p), IndexFile)); err != nil || string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
	if x, err = p.Index(); err != nil || len(x.Manifests) != 1 || x.Manifests[0].Tag != "2.0" {
		t.Errorf("read again: got %+v, %v", x, err)
	}
}
