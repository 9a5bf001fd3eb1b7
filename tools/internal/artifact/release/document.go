package release

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// DocumentFile is the path in a release of its Document.
const DocumentFile = "release.json"

// DocumentSchema is the version of a Document's form.
const DocumentSchema = 1

// A Document is the content of release.json: what a release consists of, for other programs.
// A release made before there was one has none.
type Document struct {
	Schema  int    `json:"schema"`
	Product string `json:"product"`
	Version string `json:"version"`
	// Artifacts are sorted by path. Each file of the release belongs to one, except
	// release.json and SHA256SUMS.
	Artifacts []Artifact `json:"artifacts"`
}

// An Artifact is a file of a release, or an image.
type Artifact struct {
	// Path is the file's path, or that of an image's OCI layout, a directory.
	Path string `json:"path"`
	Kind string `json:"kind"` // such as archive, image or checksum
	// Platform is the platform that it is for, such as linux-amd64; empty for any, or several.
	Platform string `json:"platform,omitempty"`
	// Platforms are those of an image, in OCI's form, such as linux/arm/v7.
	Platforms []string `json:"platforms,omitempty"`
	// MediaType, Size in bytes, and Digest are those of the file, or of an image's index.
	MediaType string        `json:"mediaType"`
	Size      int64         `json:"size"`
	Digest    digest.Digest `json:"digest"`
	// Subject is the path of the artifact that this one describes; empty for none.
	Subject string `json:"subject,omitempty"`
}

// Document reads release.json. The error wraps fs.ErrNotExist if the release has none.
func (t *Tree) Document(ctx context.Context) (*Document, error) {
	if _, ok := t.Find(DocumentFile); !ok {
		return nil, fmt.Errorf("the release has no %s: %w", DocumentFile, fs.ErrNotExist)
	}
	data, err := t.ReadFile(ctx, DocumentFile)
	if err != nil {
		return nil, err
	}
	return ParseDocument(data)
}

// ParseDocument parses the content of release.json.
func ParseDocument(data []byte) (*Document, error) {
	var d Document
	if err := jsonfile.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("reading %s: %w", DocumentFile, err)
	}
	if d.Schema != DocumentSchema {
		return nil, fmt.Errorf("reading %s: got schema %d, want %d", DocumentFile, d.Schema, DocumentSchema)
	}
	for i, a := range d.Artifacts {
		if !fs.ValidPath(a.Path) || a.Path == "." || i > 0 && d.Artifacts[i-1].Path >= a.Path {
			return nil, fmt.Errorf("reading %s: path %q of artifact %d is not below the release, or not sorted", DocumentFile, a.Path, i+1)
		}
		if _, err := digest.Parse(string(a.Digest)); err != nil {
			return nil, fmt.Errorf("reading %s: artifact %q: %w", DocumentFile, a.Path, err)
		}
	}
	return &d, nil
}
