// Package sbom writes bills of materials of a release, of each of its images and of each of
// its pinned sources, in two formats:
//
//   - SPDX 2.3 as JSON (https://spdx.github.io/spdx-spec/v2.3/)
//   - CycloneDX 1.6 as JSON (https://cyclonedx.org/docs/1.6/json/)
//
// [Collect] reads the files once. [Inventory] has a [Graph] for each document, and [Graph]
// has the formats. The same input gives the same bytes: nothing depends on the order of
// the input, the clock or the machine.
//
// Go modules come from the build information in the programs, not from go.mod. Packages of
// a distribution come from the databases of dpkg, apk and rpm in an image's layers.
package sbom

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// Args are the arguments of Collect.
type Args struct {
	Lock      *lock.Lock
	Artifacts []release.Entry
	// Licenses are SPDX expressions of Go modules, by path@version; nil if not known.
	Licenses map[string]string
}

// An Inventory is what was read of a release.
type Inventory struct {
	args     Args
	files    []file              // of the release, sorted by path
	programs map[string]*program // by Content.Source
	images   map[string]*image   // by the path of the artifact
}

// A file is a file of the release.
type file struct {
	path, source string
	artifact     *release.Entry
	sums
}

// An image is the content of an image's layout.
type image struct {
	index     v1.Descriptor
	manifests []manifest
}

// A manifest is the image of one platform.
type manifest struct {
	v1.Descriptor
	base   digest.Digest // the manifest of the base image, or empty
	layers []v1.Descriptor
	found  []*layer
}

// Collect reads the artifacts of a release: each file once, several at a time.
func Collect(ctx context.Context, a Args) (*Inventory, error) {
	a.Artifacts = slices.Clone(a.Artifacts)
	slices.SortFunc(a.Artifacts, func(a, b release.Entry) int { return strings.Compare(a.Path, b.Path) })
	inv := &Inventory{args: a, programs: map[string]*program{}, images: map[string]*image{}}
	for i := range a.Artifacts {
		artifact := &a.Artifacts[i]
		if i > 0 && artifact.Path == a.Artifacts[i-1].Path {
			return nil, fmt.Errorf("duplicate artifact %q", artifact.Path)
		}
		err := artifact.Walk(func(f release.Entry) {
			inv.files = append(inv.files, file{path: f.Path, source: f.Source, artifact: artifact})
		})
		if err != nil {
			return nil, fmt.Errorf("reading artifact %q: %w", artifact.Path, err)
		}
		for _, c := range artifact.Contents {
			inv.programs[c.Source] = &program{}
		}
	}
	if err := inv.hash(ctx); err != nil {
		return nil, err
	}
	for i := range a.Artifacts {
		if err := inv.image(&a.Artifacts[i]); err != nil {
			return nil, fmt.Errorf("reading image %q: %w", a.Artifacts[i].Path, err)
		}
	}
	return inv, inv.readLayers(ctx)
}

// hash reads all files and programs.
func (inv *Inventory) hash(ctx context.Context) error {
	sources := slices.Sorted(maps.Keys(inv.programs))
	return parallel.DoAll(ctx, len(inv.files)+len(sources), runtime.NumCPU(), func(ctx context.Context, i int) (err error) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if i < len(inv.files) {
			inv.files[i].sums, err = readFile(inv.files[i].source, nil)
			return err
		}
		p := inv.programs[sources[i-len(inv.files)]]
		p.sums, err = readFile(sources[i-len(inv.files)], p)
		return err
	})
}

// readFile reads the sums of a file, and the build information if p is not nil.
func readFile(name string, p *program) (sums, error) {
	f, err := os.Open(name)
	if err != nil {
		return sums{}, err
	}
	defer f.Close()
	if p != nil {
		p.readInfo(f)
	}
	s, err := sumsOf(f)
	if err != nil {
		return sums{}, fmt.Errorf("reading %q: %w", name, err)
	}
	return s, nil
}

// image reads the index and the manifests of an artifact that is an image.
func (inv *Inventory) image(a *release.Entry) error {
	if a.Kind != release.ImageKind {
		return nil
	}
	if err := inv.checkBlobs(a); err != nil {
		return err
	}
	desc, index, err := a.Index()
	if err != nil {
		return err
	}
	img := &image{index: desc}
	for _, desc := range index.Manifests {
		if !desc.MediaType.IsImage() {
			continue
		}
		m, err := layout.Path(a.Source).ReadDocument(desc)
		if err != nil {
			return err
		}
		img.manifests = append(img.manifests, manifest{
			Descriptor: desc, base: digest.Digest(m.Annotations["org.opencontainers.image.base.digest"]), layers: m.Layers,
		})
	}
	inv.images[a.Path] = img
	return nil
}

// checkBlobs compares the blobs of a layout with their names. So layers need not be hashed
// again.
func (inv *Inventory) checkBlobs(a *release.Entry) error {
	for _, f := range inv.files {
		if hex, ok := strings.CutPrefix(f.path, a.Path+"/blobs/sha256/"); ok && f.artifact == a && hex != f.sha256 {
			return fmt.Errorf("digest of blob %q: got %s, want %s", f.source, f.sha256, hex)
		}
	}
	return nil
}

// readLayers reads each layer of the images once.
func (inv *Inventory) readLayers(ctx context.Context) error {
	type job struct {
		image string
		blob  string
		found *layer
	}
	jobs := map[digest.Digest]*job{}
	for _, a := range inv.args.Artifacts {
		if img := inv.images[a.Path]; img != nil {
			for _, m := range img.manifests {
				for _, desc := range m.layers {
					if d := layout.DigestOf(desc); jobs[d] == nil {
						jobs[d] = &job{image: a.Path, blob: layout.Path(a.Source).Blob(d)}
					}
				}
			}
		}
	}
	digests := slices.Sorted(maps.Keys(jobs))
	err := parallel.DoAll(ctx, len(digests), runtime.NumCPU(), func(ctx context.Context, i int) (err error) {
		j := jobs[digests[i]]
		if _, err := digest.Parse(string(digests[i])); err != nil {
			return fmt.Errorf("reading image %q: %w", j.image, err)
		}
		j.found, err = readLayer(ctx, j.blob)
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("its blob is missing: %w", err)
		}
		if err != nil {
			return fmt.Errorf("reading image %q: layer %s: %w", j.image, digests[i], err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(inv.images)) {
		img := inv.images[name]
		for i := range img.manifests {
			m := &img.manifests[i]
			for _, desc := range m.layers {
				m.found = append(m.found, jobs[layout.DigestOf(desc)].found)
			}
			if err := m.checkLogs(); err != nil {
				return fmt.Errorf("reading image %q: %w", name, err)
			}
		}
	}
	return nil
}
