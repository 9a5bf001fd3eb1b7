package baseimage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// atOnce is the number of layers that are fetched at a time.
const atOnce = 4

// A kind is the kind of content of a digest. Registries have different URLs for the two.
type kind int

const (
	blobKind kind = iota
	manifestKind
)

func (k kind) String() string { return [...]string{"blob", "manifest"}[k] }

// A reader reads content to its end and checks it. It wraps errors of r.
type reader func(r io.Reader) error

// A bringer fetches blobs from a source into the store.
type bringer struct {
	args Args
	src  source
}

// bring fetches the images into the store, then the root, and adds that to the layout's
// index.json. It returns the size of each image in bytes.
func (b *bringer) bring(ctx context.Context, root *document, chosen []choice) ([]int64, error) {
	var sizes []int64
	var manifests []*document
	layers := map[v1.Hash]v1.Descriptor{}
	for _, c := range chosen {
		m, err := b.choice(ctx, root, c)
		if err != nil {
			return nil, fmt.Errorf("platform %q: %w", c.platform, err)
		}
		if _, err := b.small(ctx, *m.manifest.Config, blobKind, maxConfigSize); err != nil {
			return nil, fmt.Errorf("platform %q: %w", c.platform, err)
		}
		sizes = append(sizes, m.size())
		manifests = append(manifests, m)
		for _, desc := range m.manifest.Layers {
			if other, ok := layers[desc.Digest]; ok && other.Size != desc.Size {
				return nil, fmt.Errorf("layer %s has two sizes: %d and %d bytes", desc.Digest, other.Size, desc.Size)
			}
			layers[desc.Digest] = desc
		}
	}
	if err := b.layers(ctx, layers); err != nil {
		return nil, err
	}
	for _, d := range append(manifests, root) {
		if err := b.keep(d.desc, d.raw); err != nil {
			return nil, err
		}
	}
	err := layout.Path(b.args.Store.OCIDir()).Add(root.desc)
	return sizes, err
}

func (b *bringer) choice(ctx context.Context, root *document, c choice) (*document, error) {
	if root.manifest != nil {
		return root, nil
	}
	return b.manifest(ctx, c.desc)
}

// manifest returns the image manifest that desc describes.
func (b *bringer) manifest(ctx context.Context, desc v1.Descriptor) (*document, error) {
	raw, err := b.small(ctx, desc, manifestKind, maxManifestSize)
	if err != nil {
		return nil, err
	}
	d, err := parseDocument(raw, desc.MediaType)
	if err == nil && d.manifest == nil {
		err = fmt.Errorf("mediaType is %q, want an image manifest", d.desc.MediaType)
	}
	if err != nil {
		return nil, fmt.Errorf("manifest %s: %w", desc.Digest, err)
	}
	return d, nil
}

// small returns the blob that desc describes, which has at most limit bytes, from the
// store. If it is missing there, small fetches it into the store.
func (b *bringer) small(ctx context.Context, desc v1.Descriptor, k kind, limit int64) ([]byte, error) {
	raw, err := storedBytes(b.args.Store, layout.DigestOf(desc), limit)
	if err == nil || !errors.Is(err, store.ErrMissing) {
		return raw, err
	}
	err = b.src.fetch(ctx, desc, k, func(r io.Reader) (err error) {
		raw, err = readSmall(r, desc, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", k, desc.Digest, err)
	}
	return raw, b.keep(desc, raw)
}

// readSmall reads a blob into memory and compares it with desc.
func readSmall(r io.Reader, desc v1.Descriptor, limit int64) ([]byte, error) {
	if err := checkDescriptor(desc, limit); err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(r, desc.Size+1))
	if err != nil {
		return nil, err
	}
	if n := int64(len(raw)); n > desc.Size {
		return nil, fmt.Errorf("size: got more than %d bytes, want %d", desc.Size, desc.Size)
	} else if n < desc.Size {
		return nil, fmt.Errorf("size: got %d bytes, want %d", n, desc.Size)
	}
	if got, want := digest.FromBytes(raw), layout.DigestOf(desc); got != want {
		return nil, fmt.Errorf("digest: got %s, want %s", got, want)
	}
	return raw, nil
}

// keep adds a checked blob to the store.
func (b *bringer) keep(desc v1.Descriptor, raw []byte) error {
	if have, err := present(b.args.Store, desc); have || err != nil {
		return err
	}
	if err := b.args.Store.PutOCIBlob(bytes.NewReader(raw), layout.DigestOf(desc), desc.Size); err != nil {
		return fmt.Errorf("adding %s to store %q: %w", desc.Digest, b.args.Store.Dir(), err)
	}
	return nil
}

// layers fetches each layer that is missing from the store, several at a time. It returns
// the error of the first layer by digest, but not one that only reports cancellation.
func (b *bringer) layers(ctx context.Context, all map[v1.Hash]v1.Descriptor) error {
	missing, size, err := b.missing(all)
	if err != nil || len(missing) == 0 {
		return err
	}
	if b.args.Progress != nil {
		b.args.Progress("image %s: fetching %d layers, %s", b.args.Name, len(missing), cli.Size(size))
	}
	return parallel.DoAll(ctx, len(missing), atOnce, func(ctx context.Context, i int) error { return b.layer(ctx, missing[i]) })
}

func (b *bringer) missing(all map[v1.Hash]v1.Descriptor) (missing []v1.Descriptor, size int64, err error) {
	for _, desc := range sorted(all) {
		have, err := present(b.args.Store, desc)
		if err != nil {
			return nil, 0, err
		}
		if !have {
			missing = append(missing, desc)
			size += desc.Size
		}
	}
	return missing, size, nil
}

func (b *bringer) layer(ctx context.Context, desc v1.Descriptor) error {
	err := ctx.Err()
	if err == nil {
		err = b.src.fetch(ctx, desc, blobKind, func(r io.Reader) error {
			return b.args.Store.PutOCIBlob(fileio.Reader(ctx, r), layout.DigestOf(desc), desc.Size)
		})
	}
	if err != nil {
		return fmt.Errorf("layer %s: %w", desc.Digest, err)
	}
	return nil
}

// present reports whether the store has the blob. If its size differs, it was altered, and
// present returns an error.
func present(s *store.Store, desc v1.Descriptor) (bool, error) {
	info, err := s.Stat(s.OCIBlobPath(layout.DigestOf(desc)))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err == nil && info.Size() != desc.Size {
		err = fmt.Errorf("size of %q: got %d bytes, want %d", s.OCIBlobPath(layout.DigestOf(desc)), info.Size(), desc.Size)
		err = hint.With(err, alteredHint)
	}
	return err == nil, err
}
