package release

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
)

// ImageKind is the kind of artifacts that are OCI image layouts.
const ImageKind = "image"

// An Entry is an artifact as the build describes it: where it is before it is in a release. Its
// other fields are those of an [Artifact].
type Entry struct {
	Path string `json:"path"`
	// Source is the file, or a directory with the files, such as an image's layout.
	Source    string    `json:"source"`
	Kind      string    `json:"kind"`
	Platform  string    `json:"platform"`
	MediaType string    `json:"mediaType"`
	Subject   string    `json:"subject"`
	Contents  []Content `json:"contents"`
}

// A Content is a program in an artifact.
type Content struct {
	Path     string `json:"path"` // in the artifact
	Source   string `json:"source"`
	Platform string `json:"platform"`
}

// ReadEntries reads a JSON list of entries.
func ReadEntries(name string) ([]Entry, error) {
	var all []Entry
	if err := jsonfile.Read(name, &all); err != nil {
		return nil, fmt.Errorf("reading entries: %w", err)
	}
	return all, nil
}

// Walk calls add for each file of an entry, as an entry of its own. Symbolic links are
// followed: in a sandbox, sources are links.
func (e Entry) Walk(add func(Entry)) error {
	info, err := os.Stat(e.Source)
	if err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		err = fmt.Errorf("%q is not a file", e.Source)
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		add(e)
		return nil
	}
	list, err := os.ReadDir(e.Source)
	if err != nil {
		return err
	}
	for _, d := range list {
		child := e
		child.Path, child.Source = path.Join(e.Path, d.Name()), filepath.Join(e.Source, d.Name())
		if err := child.Walk(add); err != nil {
			return err
		}
	}
	return nil
}

// Index returns the index of an entry that is an image. A layout has referrers beside it.
func (e Entry) Index() (v1.Descriptor, *layout.Document, error) {
	p := layout.Path(e.Source)
	top, err := p.Manifests()
	if err != nil {
		return v1.Descriptor{}, nil, err
	}
	at := slices.IndexFunc(top, func(d v1.Descriptor) bool { return string(d.MediaType) == e.MediaType })
	if at < 0 {
		return v1.Descriptor{}, nil, fmt.Errorf("its layout has no manifest of media type %q", e.MediaType)
	}
	doc, err := p.ReadDocument(top[at])
	return top[at], doc, err
}

// Digest returns the digest of an entry's file, or of an image's index.
func (e Entry) Digest() (digest.Digest, error) {
	if e.Kind != ImageKind {
		sum, _, err := digest.FromFile(e.Source)
		return sum, err
	}
	desc, _, err := e.Index()
	if err != nil {
		return "", fmt.Errorf("image %q: %w", e.Path, err)
	}
	return layout.DigestOf(desc), nil
}

// Artifact returns the artifact without its size and digest.
func (e Entry) Artifact() Artifact {
	return Artifact{Path: e.Path, Kind: e.Kind, Platform: e.Platform, MediaType: e.MediaType, Subject: e.Subject}
}

// Image returns the artifact of an entry that is an image: it is described by its index.
func (e Entry) Image() (Artifact, error) {
	a := e.Artifact()
	desc, index, err := e.Index()
	if err != nil {
		return a, fmt.Errorf("image %q: %w", e.Path, err)
	}
	a.Digest, a.Size = layout.DigestOf(desc), desc.Size
	for _, m := range index.Manifests {
		if m.Platform != nil {
			a.Platforms = append(a.Platforms, m.Platform.String())
		}
	}
	return a, nil
}

// Describe returns the artifacts of entries, as in a [Document]: sorted by path, one for each
// file and each image.
func Describe(ctx context.Context, entries []Entry) ([]Artifact, error) {
	all := []Artifact{}
	var files []Entry
	for _, e := range entries {
		if e.Kind != ImageKind {
			if err := e.Walk(func(f Entry) { files = append(files, f) }); err != nil {
				return nil, fmt.Errorf("reading %q: %w", e.Path, err)
			}
			continue
		}
		a, err := e.Image()
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	images := len(all)
	all = append(all, make([]Artifact, len(files))...)
	err := parallel.DoAll(ctx, len(files), runtime.NumCPU(), func(ctx context.Context, i int) (err error) {
		a := files[i].Artifact()
		if a.Digest, a.Size, err = digest.FromFile(files[i].Source); err == nil {
			all[images+i] = a
			err = ctx.Err()
		}
		return err
	})
	slices.SortFunc(all, func(a, b Artifact) int { return strings.Compare(a.Path, b.Path) })
	return all, err
}
