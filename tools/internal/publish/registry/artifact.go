package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/signing"
	"github.com/jasonwzm/release-builder/tools/internal/web/registryclient"
)

// Kinds of items: a manifest with a subject that is in the image's layout, and a signature.
const (
	referrerKind  = "referrer"
	signatureKind = "signature"
)

// referring are the kinds of items that are manifests with a subject.
var referring = append([]string{referrerKind, signatureKind}, described...)

// described are the kinds of artifacts of a release that are published as referrers of the
// image that they describe.
var described = []string{"sbom", "provenance", "vex"}

// The annotations of cosign's referrers.
const (
	bundleContent   = "dev.sigstore.bundle.content"
	bundlePredicate = "dev.sigstore.bundle.predicateType"
)

// emptyConfig is the config of an artifact without one
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidance-for-an-empty-descriptor).
const emptyConfig = "{}"

// artifactManifest is an OCI image manifest with all fields of v1.1.
type artifactManifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     types.MediaType   `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Config        v1.Descriptor     `json:"config"`
	Layers        []v1.Descriptor   `json:"layers"`
	Subject       v1.Descriptor     `json:"subject"`
	Annotations   map[string]string `json:"annotations"`
}

// An attachment is a file of the release to publish as a referrer.
type attachment struct {
	file        release.File
	kind        string
	mediaType   string
	subject     *node
	annotations map[string]string
}

// node returns the referrer. It depends only on the release and the file: a second run finds
// an equal one.
func (a *attachment) node(created time.Time) (*node, error) {
	config := digest.FromBytes([]byte(emptyConfig))
	annotations := map[string]string{createdKey: created.UTC().Format(time.RFC3339), "org.opencontainers.image.title": path.Base(a.file.Path)}
	for k, v := range a.annotations {
		annotations[k] = v
	}
	raw, err := json.Marshal(artifactManifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		ArtifactType:  a.mediaType,
		Config:        v1.Descriptor{MediaType: "application/vnd.oci.empty.v1+json", Size: int64(len(emptyConfig)), Digest: layout.Hash(config)},
		Layers:        []v1.Descriptor{{MediaType: types.MediaType(a.mediaType), Size: a.file.Size, Digest: layout.Hash(a.file.Digest)}},
		Subject:       v1.Descriptor{MediaType: a.subject.mediaType, Size: int64(len(a.subject.raw)), Digest: layout.Hash(a.subject.digest)},
		Annotations:   annotations,
	})
	if err != nil {
		return nil, err
	}
	n, _, err := parseNode(raw, types.OCIManifestSchema1)
	if err != nil {
		return nil, err
	}
	n.kind, n.path = a.kind, a.file.Path
	n.blobs = []blob{
		{digest: config, size: int64(len(emptyConfig)), config: true, data: []byte(emptyConfig)},
		{digest: a.file.Digest, size: a.file.Size, path: a.file.Path},
	}
	return n, nil
}

// attach adds to an image's entry its referrers: what release.json has about it, the
// release's provenance, and the signatures of both and of its manifests.
func attach(ctx context.Context, tree *release.Tree, e *entry) error {
	files, err := about(ctx, tree, e)
	if err != nil {
		return err
	}
	if f, ok := tree.Find(release.Provenance + release.SignatureSuffix); ok {
		predicate, err := predicateType(ctx, tree)
		if err != nil {
			return err
		}
		files = append(files, signatureOf(f, e.root, predicate))
	}
	for _, n := range (&entry{root: e.root}).nodes() {
		if f, ok := tree.Find(release.ImageSignature(e.name, n.digest)); ok {
			files = append(files, signatureOf(f, n, signing.SignPredicate))
		}
	}
	for _, a := range files {
		n, err := a.node(tree.Lock.Time)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(e.referrers, func(r *node) bool { return r.digest == n.digest }) {
			e.referrers = append(e.referrers, n)
		}
	}
	slices.SortStableFunc(e.referrers, func(a, b *node) int { return cmp.Compare(a.digest, b.digest) })
	return nil
}

// about returns the artifacts in release.json that describe an image.
func about(ctx context.Context, tree *release.Tree, e *entry) ([]*attachment, error) {
	doc, err := tree.Document(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []*attachment
	for _, a := range doc.Artifacts {
		whole := a.Path == release.Provenance && a.Subject == "" // it is about everything
		if !slices.Contains(described, a.Kind) || !whole && a.Subject != "images/"+e.name {
			continue
		}
		f, ok := tree.Find(a.Path)
		if !ok || f.Digest != a.Digest {
			return nil, fmt.Errorf("%s: artifact %q: want it in %s with %s", release.DocumentFile, a.Path, release.Checksums, a.Digest)
		}
		all = append(all, &attachment{file: f, kind: a.Kind, mediaType: a.MediaType, subject: e.root})
	}
	return all, nil
}

func signatureOf(f release.File, subject *node, predicate string) *attachment {
	return &attachment{
		file: f, kind: signatureKind, mediaType: signing.BundleType, subject: subject,
		annotations: map[string]string{bundleContent: "dsse-envelope", bundlePredicate: predicate},
	}
}

// predicateType returns the predicate type of the release's provenance.
func predicateType(ctx context.Context, tree *release.Tree) (string, error) {
	data, err := tree.ReadFile(ctx, release.Provenance)
	if err != nil {
		return "", err
	}
	var statement struct {
		PredicateType string `json:"predicateType"`
	}
	if err := json.Unmarshal(data, &statement); err != nil {
		return "", fmt.Errorf("reading %q: %w", release.Provenance, err)
	}
	return statement.PredicateType, nil
}

// Signatures implements [publish.Keeper]. Without the name of an item, it returns all bundles
// that refer to the manifest, or for the provenance to an image.
func (d *destination) Signatures(ctx context.Context, _ string, i publish.Item) ([][]byte, error) {
	if i.Name != "" {
		name, ref, err := d.parseName(i.Name)
		if err != nil {
			return nil, err
		}
		return d.bundles(ctx, name, func(session) ([]string, error) { return []string{ref}, nil })
	}
	name, subject, ok := release.ParseImageSignature(i.Path)
	if !ok && i.Path == release.Provenance+release.SignatureSuffix && len(d.entries) > 0 {
		name, subject, ok = d.entries[0].name, d.entries[0].root.digest, true
	}
	if !ok {
		return nil, nil
	}
	return d.bundles(ctx, name, func(s session) ([]string, error) {
		var refs []string
		list, err := s.referrers(ctx, name, subject)
		for _, desc := range list {
			if desc.ArtifactType == signing.BundleType {
				refs = append(refs, desc.Digest.String())
			}
		}
		return refs, err
	})
}

// bundles returns the content of the artifacts that list returns.
func (d *destination) bundles(ctx context.Context, name string, list func(session) ([]string, error)) ([][]byte, error) {
	s, err := d.hub.open(ctx, []string{name}, false)
	if err != nil {
		return nil, err
	}
	refs, err := list(s)
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for _, ref := range refs {
		bundle, err := readArtifact(ctx, s, name, digest.Digest(ref))
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", d.refName(name, ref), err)
		}
		all = append(all, bundle)
	}
	return all, nil
}

// maxBundle limits the size of a signature that is read, in bytes.
const maxBundle = 64 << 20

// readArtifact returns the content of an artifact with one layer.
func readArtifact(ctx context.Context, s session, name string, d digest.Digest) ([]byte, error) {
	raw, mediaType, err := s.manifest(ctx, name, string(d))
	if err != nil || raw == nil {
		return nil, cmp.Or(err, errAbsent)
	}
	_, descs, err := parseNode(raw, mediaType)
	if err != nil {
		return nil, err
	}
	if len(descs) != 2 || descs[1].Size > maxBundle {
		return nil, fmt.Errorf("got %d blobs, want a config and a small layer", len(descs))
	}
	want, err := digest.Parse(descs[1].Digest.String())
	if err != nil {
		return nil, err
	}
	r, err := s.openBlob(ctx, name, want)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := registryclient.ReadAtMost(r, maxBundle)
	if err == nil && digest.FromBytes(data) != want {
		err = fmt.Errorf("blob: got %s, want %s", digest.FromBytes(data), want)
	}
	return data, err
}
