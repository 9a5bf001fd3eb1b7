package baseimage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/ociimage"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/web/registryclient"
)

const refAnnotation = "org.opencontainers.image.ref.name"

// A layoutSource reads an OCI image layout. Links in it are followed: it is the
// digest that says whether the content is the right one.
type layoutSource struct {
	dir    string
	tag    string
	digest digest.Digest
}

func newLayoutSource(base, rest string) (*layoutSource, error) {
	s := new(layoutSource)
	if i := strings.LastIndex(rest, "@sha256:"); i >= 0 {
		d, err := digest.Parse(rest[i+1:])
		if err != nil {
			return nil, err
		}
		rest, s.digest = rest[:i], d
	}
	var err error
	if s.dir, s.tag, err = splitPath(base, rest); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *layoutSource) close() error { return nil }

func (s *layoutSource) root(_ context.Context, want digest.Digest) (*document, error) {
	if want != "" {
		raw, err := s.blob(want)
		if err != nil {
			return nil, err
		}
		return parseDocument(raw, "")
	}
	top, err := ociimage.Open(s.dir)
	if err != nil {
		return nil, err
	}
	index, err := top.IndexManifest()
	if err != nil {
		return nil, err
	}
	if n := len(index.Manifests); n > maxManifests {
		return nil, fmt.Errorf("index.json has %d manifests, want at most %d", n, maxManifests)
	}
	desc, err := s.choose(index.Manifests)
	if err != nil {
		return nil, err
	}
	if err := checkDescriptor(desc, maxManifestSize); err != nil {
		return nil, fmt.Errorf("index.json: manifest %s: %w", desc.Digest, err)
	}
	raw, err := s.blob(digestOf(desc))
	if err != nil {
		return nil, err
	}
	return parseDocument(raw, desc.MediaType)
}

// blob returns the index or manifest with the digest.
func (s *layoutSource) blob(d digest.Digest) ([]byte, error) {
	name := s.blobPath(hashOf(d))
	f, err := openRegular(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := registryclient.ReadAtMost(f, maxManifestSize)
	if got := digest.FromBytes(raw); err == nil && got != d {
		err = fmt.Errorf("digest: got %s, want %s", got, d)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	return raw, nil
}

func (s *layoutSource) blobPath(h v1.Hash) string {
	return filepath.Join(s.dir, "blobs", h.Algorithm, h.Hex)
}

// choose returns the descriptor that the base names.
func (s *layoutSource) choose(all []v1.Descriptor) (v1.Descriptor, error) {
	var found []v1.Descriptor
	var have []string
	for _, desc := range all {
		tag := desc.Annotations[refAnnotation]
		have = append(have, strings.TrimSpace(tag+" "+desc.Digest.String()))
		same := func(d v1.Descriptor) bool { return d.Digest == desc.Digest }
		switch {
		case slices.ContainsFunc(found, same):
		case s.digest != "" && digestOf(desc) != s.digest:
		case s.digest == "" && s.tag != "" && tag != s.tag:
		default:
			found = append(found, desc)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	slices.Sort(have)
	return v1.Descriptor{}, fmt.Errorf("index.json has %d manifests for %q, want 1; there is %s", len(found), cmp.Or(string(s.digest), s.tag, "any tag"), quoteAll(have))
}

// quoteAll shows what a stranger wrote, some of it.
func quoteAll(list []string) string {
	const most = 20
	if len(list) == 0 {
		return "none"
	}
	var b strings.Builder
	for i, s := range list[:min(len(list), most)] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%.200q", s)
	}
	if n := len(list) - most; n > 0 {
		fmt.Fprintf(&b, " and %d more", n)
	}
	return b.String()
}

func (s *layoutSource) fetch(ctx context.Context, desc v1.Descriptor, _ kind, read reader) error {
	name := s.blobPath(desc.Digest)
	f, err := openRegular(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := read(fileio.Reader(ctx, f)); err != nil {
		return fmt.Errorf("reading %q: %w", name, err)
	}
	return nil
}

// openRegular opens a file that is no device and no pipe: to open a pipe waits
// for its writer.
func openRegular(name string) (*os.File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &os.PathError{Op: "open", Path: name, Err: errors.New("is no regular file")}
	}
	return os.Open(name)
}
