// Package baseimage pins base images and fetches them into the store: the raw bytes of
// index, manifests, configs and layers.
//
//	Pin       a base, platforms  → a lock.Image, its blobs in the store
//	Bring     a lock.Image       → its blobs in the store, by digest
//	Check     a lock.Image       → an error if blobs are missing from the store
//	Contents  a lock.Image       → the digests of all its blobs
//	Layout    a lock.Image       → an OCI image layout, every byte verified
//
// A base is one of
//
//	HOST/REPOSITORY:TAG                       in a registry (distribution-spec v1.1); also with @DIGEST
//	oci-layout:PATH, …:PATH:TAG, …@DIGEST     a directory (image-spec v1.1, image-layout.md)
//	docker-archive:PATH, docker-archive:PATH:TAG   a file that `docker save` wrote
//
// It is an index or manifest list of several platforms, or a single image. Registries,
// directories and files are not trusted: sizes and numbers are limited, media types are
// checked, and digests are compared.
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

// Args name a base and how to read it.
type Args struct {
	// Name is the name of the lock entry. Required.
	Name string

	// Base is the reference in the manifest. Required.
	Base string

	// Dir is the directory that a relative PATH in Base starts at. Empty means the current
	// directory.
	Dir string

	// Platforms are the platforms for Pin, such as linux/arm64.
	Platforms []string

	// Store gets the blobs. Required.
	Store *store.Store

	// Keychain has the registries' credentials. Nil means none.
	Keychain authn.Keychain

	// Transport makes the requests to registries. Nil means one with timeouts.
	Transport http.RoundTripper

	// Idle is how long a registry may send nothing. Zero means 30 s.
	Idle time.Duration

	// Pause is the Pause of a [web.Retry]. Zero means 1 s.
	Pause time.Duration

	// Progress prints a line about work that takes long. It may be nil.
	Progress func(format string, args ...any)
}

// Pin resolves the base to digests and fetches the index, and the manifest, config and
// layers of each platform, into the store. The same content gives the same entry.
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

// Bring fetches the blobs of a lock entry into the store, by digest: a tag that moved does
// not matter. Args.Platforms is not used.
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

// A source is a place that has a base.
type source interface {
	// root returns the index or the manifest of the base. If want is not empty, it
	// returns the one with that digest.
	root(ctx context.Context, want digest.Digest) (*document, error)

	// fetch calls read with the content that desc describes, and again after a failure
	// that may pass. Read checks the content. Root is called before fetch. Several calls
	// of fetch may run at the same time.
	fetch(ctx context.Context, desc v1.Descriptor, kind kind, read reader) error

	close() error
}

// open returns the source of a.Base. It does not read it.
func open(a Args) (source, error) {
	if rest, ok := strings.CutPrefix(a.Base, "oci-layout:"); ok {
		return newLayoutSource(a.Dir, rest)
	}
	if rest, ok := strings.CutPrefix(a.Base, "docker-archive:"); ok {
		return newArchiveSource(a.Dir, rest)
	}
	return newRegistrySource(a)
}

// splitPath splits "PATH:TAG". A path has no colon, as in other tools.
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
