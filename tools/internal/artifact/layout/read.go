package layout

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

// Manifests returns the descriptors in the layout's index.json, and checks the version in
// its oci-layout.
//
// Manifests and Read follow symbolic links, including links out of the directory: Bazel's
// sandbox consists of them. The digest decides whether the content is right.
func (p Path) Manifests() ([]v1.Descriptor, error) {
	var marker struct {
		ImageLayoutVersion string `json:"imageLayoutVersion"`
	}
	data, err := fileio.ReadLimited(filepath.Join(string(p), MarkerFile), MaxManifestSize)
	if err != nil {
		return nil, fmt.Errorf("reading layout %q: %w", string(p), err)
	}
	if err := json.Unmarshal(data, &marker); err != nil {
		return nil, fmt.Errorf("reading layout %q: parsing %s: %w", string(p), MarkerFile, err)
	}
	if v := marker.ImageLayoutVersion; v != version {
		return nil, fmt.Errorf("reading layout %q: %s: imageLayoutVersion is %q, want %q", string(p), MarkerFile, v, version)
	}
	data, err = fileio.ReadLimited(filepath.Join(string(p), IndexFile), MaxManifestSize)
	if err != nil {
		return nil, fmt.Errorf("reading layout %q: %w", string(p), err)
	}
	index, err := Parse(data)
	switch {
	case err != nil:
	case index.SchemaVersion != 2:
		err = fmt.Errorf("schemaVersion is %d, want 2", index.SchemaVersion)
	case index.MediaType != "" && index.MediaType != types.OCIImageIndex:
		err = fmt.Errorf("mediaType is %q, want %q", index.MediaType, types.OCIImageIndex)
	}
	if err != nil {
		return nil, fmt.Errorf("reading layout %q: parsing %s: %w", string(p), IndexFile, err)
	}
	return index.Manifests, nil
}

// Read returns the blob with the digest, which has at most limit bytes.
func (p Path) Read(d digest.Digest, limit int64) ([]byte, error) {
	info, err := os.Stat(p.Blob(d))
	if err != nil {
		return nil, fmt.Errorf("reading blob: %w", err)
	}
	return p.ReadDescriptor(v1.Descriptor{Digest: Hash(d), Size: info.Size()}, limit)
}

// ReadDescriptor returns the blob that desc describes, which has at most limit bytes.
func (p Path) ReadDescriptor(desc v1.Descriptor, limit int64) ([]byte, error) {
	if desc.Size > limit {
		return nil, fmt.Errorf("reading blob %s: size is %d bytes, want at most %d", desc.Digest, desc.Size, limit)
	}
	r, err := p.Open(desc)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// ReadDocument reads and parses an index or a manifest.
func (p Path) ReadDocument(desc v1.Descriptor) (*Document, error) {
	raw, err := p.ReadDescriptor(desc, MaxManifestSize)
	if err != nil {
		return nil, err
	}
	return Parse(raw)
}

// Open opens the blob that desc describes. If its size or digest differs, a Read fails, at
// the latest instead of io.EOF.
func (p Path) Open(desc v1.Descriptor) (io.ReadCloser, error) {
	d, err := digest.Parse(desc.Digest.String())
	if err != nil {
		return nil, fmt.Errorf("reading blob %q: %w", desc.Digest, err)
	}
	f, err := fileio.OpenRegular(p.Blob(d))
	if err != nil {
		return nil, fmt.Errorf("reading blob: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() != desc.Size {
		err = fmt.Errorf("size: got %d bytes, want %d", info.Size(), desc.Size)
	}
	if err != nil {
		return nil, fmt.Errorf("reading blob %q: %w", f.Name(), errors.Join(err, f.Close()))
	}
	return &verifier{f: f, hash: sha256.New(), size: desc.Size, want: d}, nil
}

// A verifier reads a blob and compares its size and digest at the end.
type verifier struct {
	f       *os.File
	hash    hash.Hash
	n, size int64
	want    digest.Digest
}

func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.f.Read(p)
	v.hash.Write(p[:n])
	v.n += int64(n)
	switch {
	case v.n > v.size || err == io.EOF && v.n != v.size:
		return 0, fmt.Errorf("reading blob %q: size: got %d bytes, want %d", v.f.Name(), v.n, v.size)
	case err == io.EOF:
		if got := digest.FromSum(v.hash.Sum(nil)); got != v.want {
			return 0, fmt.Errorf("reading blob %q: digest: got %s, want %s", v.f.Name(), got, v.want)
		}
	}
	return n, err
}

func (v *verifier) Close() error { return v.f.Close() }
