package baseimage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

// A layoutSource reads an OCI image layout. It follows links: the digest decides whether
// the content is right.
type layoutSource struct {
	dir    layout.Path
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
	dir, tag, err := splitPath(base, rest)
	s.dir, s.tag = layout.Path(dir), tag
	return s, err
}

func (s *layoutSource) close() error { return nil }

func (s *layoutSource) root(_ context.Context, want digest.Digest) (*document, error) {
	if want != "" {
		raw, err := s.dir.Read(want, layout.MaxManifestSize)
		if err != nil {
			return nil, err
		}
		return parseDocument(raw, "")
	}
	all, err := s.dir.Manifests()
	if err != nil {
		return nil, err
	}
	desc, err := s.choose(all)
	if err != nil {
		return nil, err
	}
	if err := checkDescriptor(desc, layout.MaxManifestSize); err != nil {
		return nil, fmt.Errorf("index.json: manifest %s: %w", desc.Digest, err)
	}
	raw, err := s.dir.Read(layout.DigestOf(desc), layout.MaxManifestSize)
	if err != nil {
		return nil, err
	}
	return parseDocument(raw, desc.MediaType)
}

// choose returns the descriptor with the base's tag or digest.
func (s *layoutSource) choose(all []v1.Descriptor) (v1.Descriptor, error) {
	var found []v1.Descriptor
	var have []string
	for _, desc := range all {
		tag := desc.Annotations[layout.RefName]
		have = append(have, strings.TrimSpace(tag+" "+desc.Digest.String()))
		same := func(d v1.Descriptor) bool { return d.Digest == desc.Digest }
		switch {
		case slices.ContainsFunc(found, same):
		case s.digest != "" && layout.DigestOf(desc) != s.digest:
		case s.digest == "" && s.tag != "" && tag != s.tag:
		default:
			found = append(found, desc)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	slices.Sort(have)
	return v1.Descriptor{}, fmt.Errorf("index.json has %d manifests for %q, want 1; available: %s", len(found), cmp.Or(string(s.digest), s.tag, "any tag"), quoteAll(have))
}

// quoteAll quotes strings that are not trusted, up to a limit.
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
	name := s.dir.Blob(layout.DigestOf(desc))
	f, err := fileio.OpenRegular(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := read(fileio.Reader(ctx, f)); err != nil {
		return fmt.Errorf("reading blob %q: %w", name, err)
	}
	return nil
}
