package layout

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	theirs "github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/errtest"
)

var wantError = errtest.Match

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestManifests reads layouts that go-containerregistry wrote.
func TestManifests(t *testing.T) {
	p, err := theirs.Write(t.TempDir(), empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	img, err := random.Image(1024, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AppendImage(img); err != nil {
		t.Fatal(err)
	}
	all, err := Path(p).Manifests()
	if err != nil || len(all) != 1 {
		t.Fatalf("got %+v, %v, want 1 manifest", all, err)
	}
	want, err := img.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Path(p).ReadDescriptor(all[0], MaxManifestSize)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got manifest %s, %v\nwant %s", got, err, want)
	}
	d, err := Parse(got)
	if err != nil || d.Config == nil || len(d.Layers) != 1 || d.Manifests != nil {
		t.Errorf("got %+v, %v", d, err)
	}
}

func TestManifestsHostile(t *testing.T) {
	for _, tc := range []struct{ name, marker, index, err string }{
		{"good", Marker, `{"schemaVersion": 2, "manifests": []}`, ""},
		{"unknown fields", Marker, `{"schemaVersion": 2, "new": 1, "manifests": []}`, ""},
		{"no marker", "", "{}", `oci-layout: no such file`},
		{"marker is no JSON", "x", "{}", `parsing oci-layout: invalid character`},
		{"other version", `{"imageLayoutVersion": "2.0.0"}`, "{}", `imageLayoutVersion is "2.0.0", want "1.0.0"`},
		{"no index", Marker, "", `index.json: no such file`},
		{"index too large", Marker, strings.Repeat(" ", 5<<20), `more than 4194304 bytes`},
		{"index is no JSON", Marker, "{}x", `parsing index.json: invalid character 'x'`},
		{"index without version", Marker, "{}", `schemaVersion is 0, want 2`},
		{"index is a manifest", Marker, `{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"}`, `mediaType is "application/vnd.oci.image.manifest.v1\+json", want`},
		{"digest with dots", Marker, `{"schemaVersion": 2, "manifests": [{"size": 1, "digest": "sha256:../../../../etc/passwd"}]}`, `non-hex character`},
		{"digest with another algorithm", Marker, `{"schemaVersion": 2, "manifests": [{"digest": "md5:` + strings.Repeat("0", 32) + `"}]}`, `unsupported hash: "md5"`},
		{"too many", Marker, `{"schemaVersion": 2, "manifests": [{}` + strings.Repeat(",{}", 1000) + `]}`, `array has more than 1000 elements`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{MarkerFile: tc.marker, IndexFile: tc.index} {
				if text != "" {
					write(t, filepath.Join(dir, name), []byte(text))
				}
			}
			_, err := Path(dir).Manifests()
			wantError(t, err, tc.err)
		})
	}
}

func TestRead(t *testing.T) {
	p := Path(t.TempDir())
	if err := p.Make(); err != nil {
		t.Fatal(err)
	}
	put := func(text string, data []byte) v1.Descriptor {
		d := digest.FromBytes([]byte(text))
		write(t, p.Blob(d), data)
		return v1.Descriptor{Digest: Hash(d), Size: int64(len(data))}
	}
	sized := func(desc v1.Descriptor, size int64) v1.Descriptor { desc.Size = size; return desc }
	linked, folder := put("linked", nil), put("directory", nil)
	write(t, filepath.Join(string(p), "elsewhere"), []byte("linked"))
	for _, err := range []error{
		os.Remove(p.Blob(DigestOf(linked))), os.Symlink("../../elsewhere", p.Blob(DigestOf(linked))),
		os.Remove(p.Blob(DigestOf(folder))), os.Mkdir(p.Blob(DigestOf(folder)), 0o755),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	good := put("good", []byte("good"))
	for _, tc := range []struct {
		name string
		desc v1.Descriptor
		err  string
	}{
		{"good", good, ""},
		{"link, as in Bazel's sandbox", sized(linked, 6), ""},
		{"another size", sized(good, 5), `size: got 4 bytes, want 5`},
		{"negative size", sized(good, -1), `size: got 4 bytes, want -1`},
		{"too large", sized(good, 9), `size is 9 bytes, want at most 8`},
		{"altered", put("altered", []byte("alterEd")), `digest: got sha256:\w+, want sha256:\w+`},
		{"missing", v1.Descriptor{Digest: Hash(digest.FromBytes(nil))}, `reading blob: .*no such file`},
		{"directory", folder, `found a directory, want a regular file`},
		{"another algorithm", v1.Descriptor{Digest: v1.Hash{Algorithm: "md5", Hex: "00"}}, `parsing digest "md5:00"`},
		{"no digest", v1.Descriptor{}, `parsing digest ":"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data, err := p.ReadDescriptor(tc.desc, 8)
			wantError(t, err, tc.err)
			if err == nil && digest.FromBytes(data) != DigestOf(tc.desc) {
				t.Errorf("got %q", data)
			}
			if _, err = p.Read(DigestOf(tc.desc), 8); tc.err == "" {
				wantError(t, err, "")
			}
		})
	}
}

// TestLink copies blobs that cannot be linked, and reports altered ones.
func TestLink(t *testing.T) {
	from, to := Path(t.TempDir()), Path(t.TempDir())
	for _, p := range []Path{from, to} {
		if err := p.Make(); err != nil {
			t.Fatal(err)
		}
	}
	good, altered := digest.FromBytes([]byte("good")), digest.FromBytes([]byte("altered"))
	write(t, from.Blob(good), []byte("good"))
	write(t, from.Blob(altered), []byte("alterEd"))
	wantError(t, to.Link(t.Context(), from, good), "")
	wantError(t, to.Link(t.Context(), from, good), "file exists")
	wantError(t, to.Link(t.Context(), from, altered), `^digest of ".*`+altered.Hex()+`": got sha256:\w+, want `+string(altered)+`$`)
}

// FuzzParse parses any bytes as a document, and as an index.json that is written again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"schemaVersion": 2, "manifests": [null]}`))
	f.Add([]byte(`{"layers": [null], "config": {"digest": ""}}`))
	f.Add([]byte(`{"manifests": [{"digest": "sha256:zz", "annotations": {"org.opencontainers.image.ref.name": "a"}}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, _ = Parse(raw)
		x, err := ParseIndex(raw)
		if err != nil {
			return
		}
		for i := range x.Manifests {
			if x.Manifests[i].Tag != "" {
				if err := x.Manifests[i].Retag("b"); err != nil {
					t.Error(err)
				}
			}
		}
		p := Path(t.TempDir())
		if err := p.WriteIndex(x); err != nil {
			t.Fatal(err)
		}
		if again, err := p.Index(); err != nil || len(again.Manifests) != len(x.Manifests) {
			t.Errorf("got %+v, %v, want %d manifests", again, err, len(x.Manifests))
		}
	})
}
