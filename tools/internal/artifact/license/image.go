package license

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/rpm"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
)

// Limits on the files of a layer that are kept, and on a layer.
const (
	maxKept      = 256 << 20 // bytes
	maxKeptFiles = 200_000
	maxLayer     = 16 << 30 // bytes, decompressed
	maxLinks     = 8
)

// The databases of package managers, and the texts that belong to packages.
const (
	dpkgStatus  = "var/lib/dpkg/status"
	dpkgStatusD = "var/lib/dpkg/status.d/" // a file for each package: images without dpkg
	docs        = "usr/share/doc/"
	rpmTexts    = "usr/share/licenses/" // of rpm's packages, by package
	commonTexts = "usr/share/common-licenses/"
)

// apkInstalled are the places of apk's database.
var apkInstalled = []string{"lib/apk/db/installed", "usr/lib/apk/db/installed"}

// A change is what a layer does to a path of the image.
type change struct {
	path   string
	data   []byte
	link   string // the target of a link, relative to the root directory
	remove bool   // the path and what is below
	opaque bool   // what is below the path in the layers before
}

// wanted reports whether a path matters.
func wanted(p string) bool {
	switch {
	case p == dpkgStatus, slices.Contains(apkInstalled, p), rpm.IsDatabase(p), rpm.IsLog(p):
		return true
	case strings.HasPrefix(p, dpkgStatusD):
		return path.Ext(p) != ".md5sums"
	case strings.HasPrefix(p, docs): // a package's directory may be a link to another's
		rest := strings.TrimPrefix(p, docs)
		return !strings.Contains(rest, "/") || path.Base(rest) == "copyright" && strings.Count(rest, "/") == 1
	}
	return strings.HasPrefix(p, commonTexts) || strings.HasPrefix(p, rpmTexts)
}

// imagePackages returns the packages of distributions that images have.
func imagePackages(ctx context.Context, artifacts []release.Entry) ([]Component, error) {
	type platform struct {
		name   string
		layers []v1.Descriptor
	}
	var platforms []platform
	where := map[string]layout.Path{} // of layers
	var layers []v1.Descriptor
	for _, img := range artifacts {
		if img.Kind != release.ImageKind {
			continue
		}
		p := layout.Path(img.Source)
		manifests, err := imageManifests(p)
		if err != nil {
			return nil, fmt.Errorf("image %q: %w", img.Path, err)
		}
		for name, m := range manifests {
			platforms = append(platforms, platform{img.Path + " " + name, m.Layers})
			for _, l := range m.Layers {
				if _, ok := where[l.Digest.String()]; !ok {
					where[l.Digest.String()] = p
					layers = append(layers, l)
				}
			}
		}
	}
	changes := map[string][]change{}
	read := make([][]change, len(layers))
	err := parallel.DoAll(ctx, len(layers), runtime.NumCPU(), func(ctx context.Context, i int) (err error) {
		read[i], err = readLayer(ctx, where[layers[i].Digest.String()], layers[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, l := range layers {
		changes[l.Digest.String()] = read[i]
	}
	var all []Component
	for _, p := range platforms {
		fs := files{}
		for _, l := range p.layers {
			fs.apply(changes[l.Digest.String()])
		}
		packages, err := fs.packages()
		if err != nil {
			return nil, fmt.Errorf("image %s: %w", p.name, err)
		}
		for _, c := range packages {
			c.In = []string{p.name}
			all = append(all, c)
		}
	}
	return all, nil
}

// imageManifests returns the manifests of a layout's images by platform.
func imageManifests(p layout.Path) (map[string]*layout.Document, error) {
	descs, err := p.Manifests()
	if err != nil {
		return nil, err
	}
	all := map[string]*layout.Document{}
	for len(descs) > 0 {
		desc := descs[0]
		descs = descs[1:]
		d, err := p.ReadDocument(desc)
		switch {
		case err != nil:
			return nil, fmt.Errorf("manifest %s: %w", desc.Digest, err)
		case desc.MediaType.IsIndex():
			descs = append(descs, d.Manifests...)
		case desc.MediaType.IsImage() && d.Subject == nil:
			name := desc.Digest.String()
			if desc.Platform != nil {
				name = desc.Platform.String()
			}
			all[name] = d
		}
		if len(all) > layout.MaxDescriptors {
			return nil, fmt.Errorf("more than %d manifests", layout.MaxDescriptors)
		}
	}
	return all, nil
}

// readLayer returns what a layer does to paths that matter.
func readLayer(ctx context.Context, p layout.Path, desc v1.Descriptor) (all []change, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("layer %s: %w", desc.Digest, err)
		}
	}()
	blob, err := p.Open(desc)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	r, err := layout.Decompress(blob)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	limited := &io.LimitedReader{R: r, N: maxLayer}
	tr, kept := tar.NewReader(limited), int64(0)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h, err := tr.Next()
		switch {
		case errors.Is(err, io.EOF):
			return all, nil
		case limited.N == 0:
			return nil, fmt.Errorf("decompressed, it has more than %d bytes", int64(maxLayer))
		case err != nil:
			return nil, err
		}
		c, ok := changeOf(h)
		if !ok {
			continue
		}
		if h.Typeflag == tar.TypeReg {
			if kept += h.Size; kept > maxKept {
				return nil, fmt.Errorf("its licences and package databases have more than %d bytes", maxKept)
			}
			if c.data, err = io.ReadAll(tr); err != nil {
				return nil, err
			}
		}
		if all = append(all, c); len(all) > maxKeptFiles {
			return nil, fmt.Errorf("it has more than %d licences and links", maxKeptFiles)
		}
	}
}

// changeOf returns what an entry of a layer does, and whether it matters
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md).
func changeOf(h *tar.Header) (change, bool) {
	p := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
	dir, base := path.Split(p)
	switch hidden, whiteout := strings.CutPrefix(base, ".wh."); {
	case base == ".wh..wh..opq":
		return change{path: path.Clean(dir), opaque: true}, true
	case whiteout:
		return change{path: dir + hidden, remove: true}, true
	case !wanted(p):
		return change{}, false
	}
	switch h.Typeflag {
	case tar.TypeReg:
		return change{path: p}, true
	case tar.TypeSymlink:
		target := h.Linkname
		if !path.IsAbs(target) {
			target = path.Join("/", dir, target)
		}
		return change{path: p, link: strings.TrimPrefix(path.Clean(target), "/")}, true
	case tar.TypeLink:
		return change{path: p, link: strings.TrimPrefix(path.Clean("/"+h.Linkname), "/")}, true
	}
	return change{}, false
}

// files are the files of an image that matter, by path.
type files map[string]change

// apply applies a layer. What it removes is in the layers before it.
func (f files) apply(layer []change) {
	for _, c := range layer {
		if !c.remove && !c.opaque {
			continue
		}
		for p := range f {
			if c.remove && within(p, c.path) || c.opaque && within(p, c.path) && p != c.path || c.path == "." {
				delete(f, p)
			}
		}
	}
	for _, c := range layer {
		if !c.remove && !c.opaque {
			f[c.path] = c
		}
	}
}

// open returns a file, following links, also of its directory.
func (f files) open(p string) ([]byte, bool) {
	for range maxLinks {
		if dir, ok := f[path.Dir(p)]; ok && dir.link != "" {
			p = path.Join(dir.link, path.Base(p))
			continue
		}
		c, ok := f[p]
		if !ok || c.link == "" {
			return c.data, ok
		}
		p = c.link
	}
	return nil, false
}
