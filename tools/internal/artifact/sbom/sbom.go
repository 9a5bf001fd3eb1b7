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
// a distribution come from the databases of dpkg and apk in an image's layers.
package sbom

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// An Artifact is a file or an image of a release.
type Artifact struct {
	Path string `json:"path"` // in the release
	// Source is the file, or the directory with an image's layout.
	Source    string    `json:"source"`
	Kind      string    `json:"kind"`
	MediaType string    `json:"mediaType"`
	Platform  string    `json:"platform"`
	Subject   string    `json:"subject"`
	Contents  []Content `json:"contents"`
}

// A Content is a program in an artifact.
type Content struct {
	Path     string `json:"path"` // in the artifact
	Source   string `json:"source"`
	Platform string `json:"platform"`
}

// ImageKind is the kind of artifacts that are images.
const ImageKind = "image"

// Args are the arguments of Collect.
type Args struct {
	Lock      *lock.Lock
	Artifacts []Artifact
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
	artifact     *Artifact
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
	slices.SortFunc(a.Artifacts, func(a, b Artifact) int { return strings.Compare(a.Path, b.Path) })
	inv := &Inventory{args: a, programs: map[string]*program{}, images: map[string]*image{}}
	for i := range a.Artifacts {
		artifact := &a.Artifacts[i]
		if i > 0 && artifact.Path == a.Artifacts[i-1].Path {
			return nil, fmt.Errorf("duplicate artifact %q", artifact.Path)
		}
		if err := inv.list(artifact, artifact.Path, artifact.Source); err != nil {
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

// list adds the files of an artifact. In a sandbox they are symbolic links.
func (inv *Inventory) list(a *Artifact, name, source string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%q is not a file", source)
		}
		inv.files = append(inv.files, file{path: name, source: source, artifact: a})
		return nil
	}
	entries, err := os.ReadDir(source)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := inv.list(a, path.Join(name, e.Name()), filepath.Join(source, e.Name())); err != nil {
			return err
		}
	}
	return nil
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
func (inv *Inventory) image(a *Artifact) error {
	if a.Kind != ImageKind {
		return nil
	}
	if err := inv.checkBlobs(a); err != nil {
		return err
	}
	p := layout.Path(a.Source)
	top, err := p.Manifests()
	if err != nil {
		return err
	}
	at := slices.IndexFunc(top, func(d v1.Descriptor) bool { return string(d.MediaType) == a.MediaType })
	if at < 0 {
		return fmt.Errorf("its layout has no manifest of media type %q", a.MediaType)
	}
	img := &image{index: top[at]}
	index, err := document(p, img.index)
	if err != nil {
		return err
	}
	for _, desc := range index.Manifests {
		if !desc.MediaType.IsImage() {
			continue
		}
		m, err := document(p, desc)
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

func document(p layout.Path, desc v1.Descriptor) (*layout.Document, error) {
	raw, err := p.ReadDescriptor(desc, layout.MaxManifestSize)
	if err != nil {
		return nil, err
	}
	return layout.Parse(raw)
}

// checkBlobs compares the blobs of a layout with their names. So layers need not be hashed
// again.
func (inv *Inventory) checkBlobs(a *Artifact) error {
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
	for _, img := range inv.images {
		for i := range img.manifests {
			m := &img.manifests[i]
			for _, desc := range m.layers {
				m.found = append(m.found, jobs[layout.DigestOf(desc)].found)
			}
		}
	}
	return nil
}
