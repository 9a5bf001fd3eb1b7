package baseimage

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// Further limits on a docker-archive.
const (
	maxArchiveIndex   = 1 << 20 // bytes of manifest.json
	maxArchiveEntries = 10_000
	maxArchiveName    = 4096 // bytes
	maxArchiveLinks   = 8    // a link to a link to a link …
)

// An archiveSource reads a tar of `docker save`: layers, configs, and manifest.json, which
// names them. The tar has no OCI manifest. The source makes one, which depends only on the
// files.
type archiveSource struct {
	name  string
	tag   string
	file  *os.File
	parts map[string]part
	blobs map[v1.Hash]part // config and layers of the image
}

// A part is an entry of the tar: the place of its content, or the target of a link.
type part struct {
	offset, size int64
	link         string
}

// An archivedImage is an element of manifest.json.
type archivedImage struct {
	Config   string   `json:"Config"`
	RepoTags []string `json:"RepoTags"`
	Layers   []string `json:"Layers"`
}

func newArchiveSource(base, rest string) (*archiveSource, error) {
	s := new(archiveSource)
	var err error
	if s.name, s.tag, err = splitPath(base, rest); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *archiveSource) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

func (s *archiveSource) root(ctx context.Context, want digest.Digest) (*document, error) {
	d, err := s.document(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", s.name, err)
	}
	if got := layout.DigestOf(d.desc); want != "" && got != want {
		err := fmt.Errorf("reading %q: digest of the image's manifest: got %s, want %s", s.name, got, want)
		return nil, hint.With(err, "the file changed after it was pinned: run tools/bazel run //release:resolve")
	}
	return d, nil
}

func (s *archiveSource) document(ctx context.Context) (*document, error) {
	var err error
	if s.file, err = fileio.OpenRegular(s.name); err != nil {
		return nil, err
	}
	if err := s.list(ctx); err != nil {
		return nil, err
	}
	raw, _, err := s.bytes("manifest.json", maxArchiveIndex)
	if err != nil {
		return nil, err
	}
	img, err := chooseArchived(raw, s.tag)
	if err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	m, err := s.manifest(ctx, img)
	if err != nil {
		return nil, err
	}
	if raw, err = json.Marshal(m); err != nil {
		return nil, err
	}
	return parseDocument(raw, m.MediaType)
}

// list records the place of each entry of the tar. For duplicate paths the last entry
// counts, as in tar.
func (s *archiveSource) list(ctx context.Context) error {
	s.parts = map[string]part{}
	var magic [2]byte
	if _, err := s.file.ReadAt(magic[:], 0); err == nil && bytes.Equal(magic[:], []byte{0x1f, 0x8b}) {
		return hint.With(errors.New("file is compressed, want a tar"), "run gunzip on it")
	}
	tr := tar.NewReader(contextSeeker{fileio.Reader(ctx, s.file), s.file})
	for n := 0; ; n++ {
		h, err := tr.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading tar: %w", err)
		case n == maxArchiveEntries:
			return fmt.Errorf("tar has more than %d entries", maxArchiveEntries)
		case len(h.Name) > maxArchiveName || len(h.Linkname) > maxArchiveName:
			return fmt.Errorf("entry %.200q: name has more than %d bytes", h.Name, maxArchiveName)
		case isSparse(h):
			return fmt.Errorf("entry %.200q is sparse, want a plain file", h.Name)
		}
		name := path.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeReg:
			// tar.Reader reads whole blocks, so the content is next.
			offset, err := s.file.Seek(0, io.SeekCurrent)
			if err != nil {
				return err
			}
			s.parts[name] = part{offset: offset, size: h.Size}
		case tar.TypeSymlink:
			s.parts[name] = part{link: path.Join(path.Dir(name), h.Linkname)}
		case tar.TypeLink:
			s.parts[name] = part{link: path.Clean(h.Linkname)}
		}
	}
}

func isSparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return h.Typeflag == tar.TypeGNUSparse
}

// contextSeeker is a reader with a context that can also seek.
type contextSeeker struct {
	io.Reader
	s io.Seeker
}

func (c contextSeeker) Seek(offset int64, whence int) (int64, error) {
	return c.s.Seek(offset, whence)
}

// find returns the file with the name. It follows links.
func (s *archiveSource) find(name string) (part, error) {
	at := path.Clean(name)
	for range maxArchiveLinks {
		p, ok := s.parts[at]
		if !ok {
			return part{}, fmt.Errorf("tar has no file %.200q", name)
		}
		if p.link == "" {
			return p, nil
		}
		at = p.link
	}
	return part{}, fmt.Errorf("%.200q has more than %d links to its file", name, maxArchiveLinks)
}

func (s *archiveSource) section(p part) *io.SectionReader {
	return io.NewSectionReader(s.file, p.offset, p.size)
}

func (s *archiveSource) bytes(name string, limit int64) ([]byte, part, error) {
	p, err := s.find(name)
	if err == nil && p.size > limit {
		err = fmt.Errorf("size of %.200q: got %d bytes, want at most %d", name, p.size, limit)
	}
	if err != nil {
		return nil, p, err
	}
	raw := make([]byte, p.size)
	if _, err := io.ReadFull(s.section(p), raw); err != nil {
		return nil, p, fmt.Errorf("reading %.200q: %w", name, err)
	}
	return raw, p, nil
}

// chooseArchived returns the image in manifest.json with the tag, or the only image if tag
// is empty.
func chooseArchived(raw []byte, tag string) (*archivedImage, error) {
	if err := layout.LimitElements(raw, layout.MaxDescriptors); err != nil {
		return nil, err
	}
	var all []archivedImage
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, err
	}
	var found []archivedImage
	var have []string
	for _, img := range all {
		if tag == "" || slices.Contains(img.RepoTags, tag) {
			found = append(found, img)
		}
		have = append(have, img.RepoTags...)
	}
	if len(found) != 1 {
		slices.Sort(have)
		return nil, fmt.Errorf("got %d images for tag %q, want 1; available: %s", len(found), tag, quoteAll(have))
	}
	if n := len(found[0].Layers); n > maxLayers {
		return nil, fmt.Errorf("image has %d layers, want at most %d", n, maxLayers)
	}
	return &found[0], nil
}

// manifest makes the manifest of an image. The bytes of its config and layers stay.
func (s *archiveSource) manifest(ctx context.Context, img *archivedImage) (*v1.Manifest, error) {
	raw, p, err := s.bytes(img.Config, maxConfigSize)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	var config struct {
		RootFS struct {
			DiffIDs []digest.Digest `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if err := json.Unmarshal(raw, &config); err != nil {
		return nil, fmt.Errorf("config %.200q: %w", img.Config, err)
	}
	diffIDs := config.RootFS.DiffIDs
	if len(diffIDs) != len(img.Layers) {
		return nil, fmt.Errorf("config %.200q: got %d diff_ids, want %d: one for each layer", img.Config, len(diffIDs), len(img.Layers))
	}
	m := &v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Layers: []v1.Descriptor{},
		Config: v1.Descriptor{MediaType: types.OCIConfigJSON, Size: p.size, Digest: layout.Hash(digest.FromBytes(raw))},
	}
	s.blobs = map[v1.Hash]part{m.Config.Digest: p}
	for i, name := range img.Layers {
		desc, err := s.layer(ctx, name, diffIDs[i])
		if err != nil {
			return nil, fmt.Errorf("layer %.200q: %w", name, err)
		}
		m.Layers = append(m.Layers, desc)
	}
	return m, nil
}

// layer returns the descriptor of a layer. It recognizes the compression by the first
// bytes. An uncompressed layer must match the config's diff_id.
func (s *archiveSource) layer(ctx context.Context, name string, diffID digest.Digest) (v1.Descriptor, error) {
	p, err := s.find(name)
	if err != nil {
		return v1.Descriptor{}, err
	}
	desc := v1.Descriptor{MediaType: types.OCIUncompressedLayer, Size: p.size}
	if err := checkDescriptor(v1.Descriptor{Size: p.size, Digest: layout.Hash(digest.FromBytes(nil))}, maxLayerSize); err != nil {
		return desc, err
	}
	var magic [4]byte
	if _, err := s.section(p).ReadAt(magic[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return desc, err
	}
	switch {
	case bytes.HasPrefix(magic[:], []byte{0x1f, 0x8b}):
		desc.MediaType = types.OCILayer
	case bytes.Equal(magic[:], []byte{0x28, 0xb5, 0x2f, 0xfd}):
		desc.MediaType = types.OCILayerZStd
	}
	got, n, err := digest.FromReader(fileio.Reader(ctx, s.section(p)))
	switch {
	case err != nil:
		return desc, err
	case n != p.size:
		return desc, fmt.Errorf("size: got %d bytes, want %d", n, p.size)
	case desc.MediaType == types.OCIUncompressedLayer && got != diffID:
		return desc, fmt.Errorf("digest: got %s, want %s as in config", got, diffID)
	}
	desc.Digest = layout.Hash(got)
	s.blobs[desc.Digest] = p
	return desc, nil
}

func (s *archiveSource) fetch(ctx context.Context, desc v1.Descriptor, _ kind, read reader) error {
	p, ok := s.blobs[desc.Digest]
	if !ok {
		return fmt.Errorf("reading %q: the image has no such blob", s.name)
	}
	return read(fileio.Reader(ctx, s.section(p)))
}
