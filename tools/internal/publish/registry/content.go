package registry

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// Limits of a release or a registry.
const (
	maxManifestSize = layout.MaxManifestSize
	maxManifestsSum = 32 << 20 // bytes of all indexes and manifests of a release, which are in memory
	maxDepth        = 4        // of indexes in indexes
)

// An entry is the content for a repository: an image, a variant of one, or a chart.
type entry struct {
	kind      string // "image" or "chart"
	name      string // of the repository, below the hub
	suffix    string // of all tags: "-debug" for the variant debug; empty if it is not a variant
	path      string // the release's file that it is made from
	root      *node
	joined    bool    // the root is that of an earlier entry, which pushes it
	referrers []*node // manifests about root or a child, such as a signature
	release   publish.Candidate
	tags      []publish.Alias
	immutable string // the tag that never moves; not an alias
}

// tag returns the tag that an alias has here.
func (e *entry) tag(alias publish.Alias) string { return alias.Name + e.suffix }

// A node is an index or a manifest with what it refers to.
type node struct {
	mediaType types.MediaType
	digest    digest.Digest
	raw       []byte
	subject   *v1.Descriptor
	refers    v1.Descriptor // its descriptor in a list of referrers
	kind      string        // of its item, and
	path      string        // the release's file that it is made from, if it is a referrer
	children  []*node
	blobs     []blob
}

// A blob is a config or a layer.
type blob struct {
	digest digest.Digest
	size   int64
	config bool
	path   string // of the release's file that holds it, or else
	data   []byte // the content
}

// nodes returns everything that an entry pushes by digest, children first.
func (e *entry) nodes() []*node {
	var all []*node
	var walk func(n *node)
	walk = func(n *node) {
		for _, c := range n.children {
			walk(c)
		}
		all = append(all, n)
	}
	for _, r := range e.referrers {
		walk(r)
	}
	if e.root != nil {
		walk(e.root)
	}
	return all
}

// only returns the part of an entry to push: its root, if that is not there, and referrers.
func (e *entry) only(root bool, referrers map[*node]bool) *entry {
	part := *e
	if !root {
		part.root = nil
	}
	part.referrers = slices.DeleteFunc(slices.Clone(e.referrers), func(n *node) bool { return !referrers[n] })
	return &part
}

// size returns the number of bytes to send for nodes alone.
func size(nodes []*node) int64 {
	sum := int64(0)
	seen := map[digest.Digest]bool{}
	for _, n := range nodes {
		if !seen[n.digest] {
			seen[n.digest], sum = true, sum+int64(len(n.raw))
		}
		for _, b := range n.blobs {
			if !seen[b.digest] {
				seen[b.digest], sum = true, sum+b.size
			}
		}
	}
	return sum
}

// open returns the content of a blob. Reading fails before the last byte if the digest does
// not match.
func (b blob) open(ctx context.Context, tree *release.Tree) (io.ReadCloser, error) {
	if b.path == "" {
		return io.NopCloser(bytes.NewReader(b.data)), nil
	}
	r, err := tree.Open(ctx, b.path)
	if err != nil {
		return nil, err
	}
	return heldReader{r}, nil
}

// A heldReader withholds bytes that come with an error: without the last bytes, nobody
// accepts an altered file as complete.
type heldReader struct{ io.ReadCloser }

func (h heldReader) Read(p []byte) (int, error) {
	n, err := h.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		n = 0
	}
	return n, err
}

// A loader reads the OCI layouts of a release.
type loader struct {
	tree *release.Tree
	sum  int64 // bytes of manifests so far
}

// image reads an image's layout
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md): one of the
// manifests in its index.json is the image, the others have a subject.
//
// If the image is called VERSION-debug there, and the layout is images/APP-debug, then it is
// the variant debug of APP.
func (l *loader) image(ctx context.Context, name string) (*entry, error) {
	e := &entry{kind: "image", name: name, path: "images/" + name + "/" + layout.IndexFile}
	raw, err := l.tree.ReadFile(ctx, e.path)
	if err != nil {
		return nil, err
	}
	top, err := layout.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", e.path, err)
	}
	for _, desc := range top.Manifests {
		n, err := l.node(ctx, name, desc, 1)
		if err != nil {
			return nil, fmt.Errorf("image %q: %w", name, err)
		}
		switch {
		case n.subject != nil:
			n.kind, n.path = referrerKind, e.path
			e.referrers = append(e.referrers, n)
		case e.root != nil:
			return nil, fmt.Errorf("image %q: %q has more than one manifest without a subject: %s and %s", name, e.path, e.root.digest, n.digest)
		default:
			e.root = n
			e.name, e.suffix = layout.SplitVariant(name, desc.Annotations[layout.RefName], l.tree.Version)
		}
	}
	if e.root == nil {
		return nil, fmt.Errorf("image %q: %q has no manifest without a subject", name, e.path)
	}
	return e, attach(ctx, l.tree, e)
}

func (l *loader) node(ctx context.Context, image string, desc v1.Descriptor, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("index %s: got more than %d nested indexes", desc.Digest, maxDepth)
	}
	f, err := l.find(image, desc, maxManifestSize)
	if err != nil {
		return nil, err
	}
	if l.sum += f.Size; l.sum > maxManifestsSum {
		return nil, fmt.Errorf("the release's manifests have more than %d bytes in total", maxManifestsSum)
	}
	raw, err := l.tree.ReadFile(ctx, f.Path)
	if err != nil {
		return nil, err
	}
	n, descs, err := parseNode(raw, desc.MediaType)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", f.Path, err)
	}
	for _, child := range descs {
		if n.mediaType.IsIndex() {
			c, err := l.node(ctx, image, child, depth+1)
			if err != nil {
				return nil, err
			}
			n.children = append(n.children, c)
			continue
		}
		f, err := l.find(image, child, 1<<60)
		if err != nil {
			return nil, err
		}
		n.blobs = append(n.blobs, blob{digest: f.Digest, size: f.Size, path: f.Path, config: len(n.blobs) == 0})
	}
	return n, nil
}

// find returns the file of an image's blob. Reading it checks its digest.
func (l *loader) find(image string, desc v1.Descriptor, limit int64) (release.File, error) {
	d, err := digest.Parse(desc.Digest.String())
	if err != nil {
		return release.File{}, err
	}
	path := "images/" + image + "/" + layout.Blob(d)
	f, ok := l.tree.Find(path)
	switch {
	case !ok:
		return f, fmt.Errorf("the release has no file %q", path)
	case f.Digest != d:
		return f, fmt.Errorf("sha256 of %q: got %s, want %s, as its name says", path, f.Digest, d)
	case f.Size != desc.Size:
		return f, fmt.Errorf("size of %q: got %d bytes, want %d of its descriptor", path, f.Size, desc.Size)
	case f.Size > limit:
		return f, fmt.Errorf("size of %q: got %d bytes, want at most %d", path, f.Size, limit)
	}
	return f, nil
}

// parseNode parses an index or a manifest. It also returns the descriptors of its children or
// of its blobs, the config first.
func parseNode(raw []byte, mediaType types.MediaType) (*node, []v1.Descriptor, error) {
	n := &node{mediaType: mediaType, digest: digest.FromBytes(raw), raw: raw}
	head, err := layout.Parse(raw)
	if err != nil {
		return nil, nil, err
	}
	if head.MediaType != "" && mediaType != "" && head.MediaType != mediaType {
		return nil, nil, fmt.Errorf("mediaType is %q, want %q as in its descriptor", head.MediaType, mediaType)
	}
	n.mediaType = cmp.Or(mediaType, head.MediaType)
	switch {
	case n.mediaType != "":
	case head.Manifests != nil:
		n.mediaType = types.OCIImageIndex
	case head.Config != nil:
		n.mediaType = types.OCIManifestSchema1
	}
	n.subject = head.Subject
	n.refers = v1.Descriptor{
		MediaType: n.mediaType, Digest: layout.Hash(n.digest), Size: int64(len(raw)),
		ArtifactType: head.ArtifactType, Annotations: head.Annotations,
	}
	switch {
	case n.mediaType.IsIndex():
		return n, head.Manifests, nil
	case n.mediaType.IsImage():
		config := *cmp.Or(head.Config, new(v1.Descriptor))
		n.refers.ArtifactType = cmp.Or(n.refers.ArtifactType, string(config.MediaType))
		return n, append([]v1.Descriptor{config}, head.Layers...), nil
	}
	return nil, nil, fmt.Errorf("mediaType is %.100q, want an index or a manifest", string(n.mediaType))
}

// The names that distribution-spec v1.1 allows.
var (
	namePattern = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagPattern  = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

func checkNames(entries []*entry) error {
	var errs []error
	seen := map[string]bool{}
	for _, e := range entries {
		if !namePattern.MatchString(e.name) {
			errs = append(errs, fmt.Errorf("%s %q: a repository's name has only lower-case letters, digits and separators", e.kind, e.name))
		}
		for _, alias := range e.tags {
			tag := e.tag(alias)
			if !tagPattern.MatchString(tag) {
				errs = append(errs, fmt.Errorf("%s %q: tag %q: want letters, digits, dots, dashes, and at most 128 of them", e.kind, e.name, tag))
			}
			if ref := e.name + ":" + tag; seen[ref] {
				errs = append(errs, fmt.Errorf("%s %q: duplicate tag %q", e.kind, e.name, tag))
			} else {
				seen[ref] = true
			}
		}
	}
	return errors.Join(errs...)
}
