package ociimage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
)

// dockerManifestFile is the file of a Docker archive that describes its images: Docker's
// image specification, version 1.2, "Combined Image JSON + Filesystem Changeset Format".
const dockerManifestFile = "manifest.json"

// containerdName is the annotation in an index.json with the whole name of an image, which
// "docker load" and "ctr image import" read if there is an OCI layout.
const containerdName = "io.containerd.image.name"

// dockerManifest is an element of manifest.json.
type dockerManifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// DockerArchiveArgs are the arguments of WriteDockerArchive.
type DockerArchiveArgs struct {
	// Layout has the index of the images. The index has a name there, the tag.
	Layout layout.Path

	// Platform chooses the image, such as linux/arm64.
	Platform v1.Platform

	// Repository is the image's name without the tag, such as docker.io/me/app.
	Repository string

	// ModTime is the time of every entry, in whole seconds.
	ModTime time.Time
}

// WriteDockerArchive writes one image of a layout as "docker load" reads it: a tar with
// manifest.json and, like that of "docker save" since Docker 25, an OCI image layout of
// this image. So the blobs are the release's own, and a reader of either sees the same
// digests as in a registry. The layers are compressed already; the gzip around the tar only
// stores them.
//
// Blobs are compared with their digests.
func WriteDockerArchive(ctx context.Context, w io.Writer, args DockerArchiveArgs) error {
	desc, tag, err := findImage(args.Layout, args.Platform)
	if err != nil {
		return err
	}
	ref, err := name.NewTag(args.Repository+":"+layout.TagOf(tag), name.WeakValidation)
	if err != nil {
		return fmt.Errorf("naming the image: %w", err)
	}
	raw, err := args.Layout.ReadDescriptor(desc, layout.MaxManifestSize)
	if err != nil {
		return err
	}
	manifest, err := layout.Parse(raw)
	if err == nil && manifest.Config == nil {
		err = errors.New("it has no config")
	}
	if err != nil {
		return fmt.Errorf("manifest %s: %w", desc.Digest, err)
	}
	blobs := slices.Concat([]v1.Descriptor{desc, *manifest.Config}, manifest.Layers)
	if err := checkBlobs(ctx, args.Layout, blobs); err != nil {
		return err
	}
	entries, err := dockerEntries(ref, manifest, desc)
	if err != nil {
		return err
	}
	seen := map[v1.Hash]bool{}
	for _, b := range blobs {
		if !seen[b.Digest] {
			seen[b.Digest] = true
			d := layout.DigestOf(b)
			entries = append(entries, archive.Entry{Path: layout.Blob(d), Source: args.Layout.Blob(d)})
		}
	}
	gz := archive.NewStoredGzipWriter(w)
	err = archive.WriteTar(gz, entries, archive.Options{ModTime: args.ModTime})
	return errors.Join(err, gz.Close())
}

// findImage returns the descriptor of a platform's manifest, and the name of the index.
func findImage(dir layout.Path, platform v1.Platform) (desc v1.Descriptor, tag string, err error) {
	top, err := dir.Manifests()
	if err != nil {
		return desc, "", err
	}
	at := slices.IndexFunc(top, func(d v1.Descriptor) bool { return d.MediaType == types.OCIImageIndex && d.ArtifactType == "" })
	if at < 0 {
		return desc, "", fmt.Errorf("layout %q has no image index", string(dir))
	}
	if tag = top[at].Annotations[layout.RefName]; tag == "" {
		return desc, "", fmt.Errorf("layout %q: the index has no name: annotation %s is missing", string(dir), layout.RefName)
	}
	raw, err := dir.ReadDescriptor(top[at], layout.MaxManifestSize)
	if err != nil {
		return desc, "", err
	}
	index, err := layout.Parse(raw)
	if err != nil {
		return desc, "", fmt.Errorf("index %s: %w", top[at].Digest, err)
	}
	var there []string
	for _, d := range index.Manifests {
		if d.Platform == nil || !d.MediaType.IsImage() {
			continue
		}
		if p, err := NormalizePlatform(*d.Platform); err == nil && comparePlatforms(p, platform) == 0 {
			return d, tag, nil
		}
		there = append(there, d.Platform.String())
	}
	return desc, "", fmt.Errorf("layout %q has no image for %s: it has images for %s", string(dir), platform, strings.Join(there, ", "))
}

// checkBlobs reads the blobs, and compares their sizes and digests.
func checkBlobs(ctx context.Context, dir layout.Path, blobs []v1.Descriptor) error {
	return parallel.DoAll(ctx, len(blobs), runtime.GOMAXPROCS(0), func(ctx context.Context, i int) error {
		r, err := dir.Open(blobs[i])
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = io.CopyBuffer(io.Discard, fileio.Reader(ctx, r), make([]byte, 1<<20))
		return err
	})
}

// dockerEntries returns what a Docker archive has besides blobs.
func dockerEntries(ref name.Tag, manifest *layout.Document, desc v1.Descriptor) ([]archive.Entry, error) {
	m := dockerManifest{
		Config:   layout.Blob(layout.DigestOf(*manifest.Config)),
		RepoTags: []string{ref.String()},
		Layers:   []string{},
	}
	for _, l := range manifest.Layers {
		m.Layers = append(m.Layers, layout.Blob(layout.DigestOf(l)))
	}
	docker, err := jsonfile.Marshal([]dockerManifest{m})
	if err != nil {
		return nil, err
	}
	// The library calls Docker Hub by the name of its server.
	whole := strings.Replace(ref.Name(), name.DefaultRegistry+"/", "docker.io/", 1)
	desc.Annotations = map[string]string{containerdName: whole, layout.RefName: ref.TagStr()}
	index, err := jsonfile.Marshal(layout.NewIndex(desc))
	if err != nil {
		return nil, err
	}
	return []archive.Entry{
		{Path: dockerManifestFile, Content: docker},
		{Path: layout.IndexFile, Content: index},
		{Path: layout.MarkerFile, Content: []byte(layout.Marker)},
	}, nil
}
