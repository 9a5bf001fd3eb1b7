// Package baseimage pins the images that others are based on, and brings what is
// pinned into the store: the raw bytes of index, manifests and configs, and the
// layers as they come.
//
//	Pin     a base, platforms  → lock.Image, its blobs in the store
//	Bring   a lock.Image       → its blobs in the store, by digest
//	Check   a lock.Image       → what the store lacks of it
//	Blobs   a lock.Image       → the digests of all that it needs
//	Layout  a lock.Image       → an OCI image layout, every byte verified
//
// A base is one of
//
//	HOST/REPOSITORY:TAG                       in a registry (distribution-spec v1.1); also with @DIGEST
//	oci-layout:PATH, …:PATH:TAG, …@DIGEST     a directory (image-spec v1.1, image-layout.md)
//	docker-archive:PATH, docker-archive:PATH:TAG   a file that `docker save` wrote
//
// It holds an index or manifest list over several platforms, or a single image.
// What a registry, a directory or a file says is not trusted: sizes and numbers are
// limited, media types are checked, and bytes are kept only if their digest is
// the one asked for.
package baseimage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/ociimage"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// Args say which base, and how to reach it.
type Args struct {
	// Name is the lock entry's. Required.
	Name string

	// Base is the reference, as the manifest has it. Required.
	Base string

	// Dir is the directory that a relative PATH in Base starts at; empty means the
	// current directory.
	Dir string

	// Platforms are the platforms that Pin wants, as linux/arm64.
	Platforms []string

	// Store is where the blobs are kept. Required.
	Store *store.Store

	// Keychain knows the registries' credentials; nil knows none.
	Keychain authn.Keychain

	// Transport carries requests to registries; nil is one with timeouts.
	Transport http.RoundTripper

	// Idle is how long a registry may send nothing; zero means 30 s.
	Idle time.Duration

	// Pause is the pause before a request is tried again, three times as long
	// before each next one; zero means 1 s.
	Pause time.Duration

	// Progress is told what takes long; nil tells nobody.
	Progress func(format string, args ...any)
}

// Pin resolves the base to digests and brings what they name into the store:
// the index, and for each platform the manifest, the config and the layers. The
// same content gives the same entry.
func Pin(ctx context.Context, a Args) (*lock.Image, error) {
	img, err := pin(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("image %q: base %q: %w", a.Name, a.Base, err)
	}
	return img, nil
}

func pin(ctx context.Context, a Args) (*lock.Image, error) {
	if len(a.Platforms) == 0 {
		return nil, errors.New("no platforms given, want at least one")
	}
	src, err := open(a)
	if err != nil {
		return nil, err
	}
	defer src.close()
	root, err := src.root(ctx, "")
	if err != nil {
		return nil, err
	}
	b := &bringer{args: a, src: src}
	chosen, err := b.choose(ctx, root, a.Platforms)
	if err != nil {
		return nil, err
	}
	sizes, err := b.bring(ctx, root, chosen)
	if err != nil {
		return nil, err
	}
	img := &lock.Image{Name: a.Name, Base: a.Base, Digest: layout.DigestOf(root.desc)}
	for i, c := range chosen {
		img.Platforms = append(img.Platforms, lock.ImagePlatform{Platform: c.platform, Digest: layout.DigestOf(c.desc), Size: sizes[i]})
	}
	slices.SortFunc(img.Platforms, func(x, y lock.ImagePlatform) int { return strings.Compare(x.Platform, y.Platform) })
	return img, nil
}

// Bring brings exactly what a lock entry pins into the store, by digest: a tag
// that moved does not matter. Args.Platforms is not used.
func Bring(ctx context.Context, a Args, want *lock.Image) error {
	if err := bringPinned(ctx, a, want); err != nil {
		return fmt.Errorf("lock entry %q: base %q: %w", want.Name, want.Base, err)
	}
	return nil
}

func bringPinned(ctx context.Context, a Args, want *lock.Image) error {
	if err := want.Check(); err != nil {
		return err
	}
	a.Name, a.Base = want.Name, want.Base
	src, err := open(a)
	if err != nil {
		return err
	}
	defer src.close()
	root, err := src.root(ctx, want.Digest)
	if err != nil {
		return err
	}
	chosen, err := pinned(root, want)
	if err != nil {
		return err
	}
	b := &bringer{args: a, src: src}
	sizes, err := b.bring(ctx, root, chosen)
	if err != nil {
		return err
	}
	return checkSizes(want, sizes)
}

// pinned returns the manifests that the entry names, in its order.
func pinned(root *document, want *lock.Image) ([]choice, error) {
	var chosen []choice
	for _, p := range want.Platforms {
		desc, err := root.find(p.Digest)
		if err != nil {
			return nil, fmt.Errorf("platform %q: %w", p.Platform, err)
		}
		chosen = append(chosen, choice{p.Platform, desc})
	}
	return chosen, nil
}

func checkSizes(want *lock.Image, sizes []int64) error {
	for i, p := range want.Platforms {
		if sizes[i] != p.Size {
			return fmt.Errorf("platform %q: size of %s: got %d bytes, want %d", p.Platform, p.Digest, sizes[i], p.Size)
		}
	}
	return nil
}

// A source is where a base comes from.
type source interface {
	// root returns the index or the manifest that the base names, or the one
	// with digest want unless that is empty.
	root(ctx context.Context, want digest.Digest) (*document, error)

	// fetch hands read the content that desc describes, which read compares. It
	// may do so again after a failure that may pass. It comes after root, and
	// several may run at a time.
	fetch(ctx context.Context, desc v1.Descriptor, kind kind, read reader) error

	close() error
}

// open returns the source that a.Base names. It touches nothing yet.
func open(a Args) (source, error) {
	if rest, ok := strings.CutPrefix(a.Base, "oci-layout:"); ok {
		return newLayoutSource(a.Dir, rest)
	}
	if rest, ok := strings.CutPrefix(a.Base, "docker-archive:"); ok {
		return newArchiveSource(a.Dir, rest)
	}
	return newRegistrySource(a)
}

// splitPath takes "PATH:TAG" apart. A path has no colon, as for other tools.
func splitPath(dir, s string) (path, tag string, err error) {
	path, tag, found := strings.Cut(s, ":")
	if path == "" || found && tag == "" {
		return "", "", fmt.Errorf("parsing %q: want PATH or PATH:TAG", s)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return path, tag, nil
}

// parsePlatforms returns the normal form of each platform.
func parsePlatforms(names []string) ([]v1.Platform, error) {
	var all []v1.Platform
	var errs []error
	for _, name := range names {
		p, err := ociimage.ParsePlatform(name)
		if err != nil {
			errs = append(errs, err)
		}
		all = append(all, p)
	}
	return all, errors.Join(errs...)
}
