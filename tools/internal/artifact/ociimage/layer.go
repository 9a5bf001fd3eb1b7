package ociimage

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// A LayerDescriptor describes a layer file. It is an OCI descriptor (image-spec v1.1,
// descriptor.md) with the DiffID, so that a config can be written without decompressing
// the layer.
type LayerDescriptor struct {
	MediaType types.MediaType `json:"mediaType"`
	Digest    digest.Digest   `json:"digest"` // of the compressed file
	Size      int64           `json:"size"`   // of the compressed file, in bytes
	DiffID    digest.Digest   `json:"diffID"` // digest of the tar stream inside
}

// ReadLayerDescriptor reads a LayerDescriptor from a JSON file and checks its fields. It
// does not read the layer.
func ReadLayerDescriptor(name string) (LayerDescriptor, error) {
	var d LayerDescriptor
	if err := jsonfile.Read(name, &d); err != nil {
		return d, fmt.Errorf("reading layer descriptor: %w", err)
	}
	_, digestErr := digest.Parse(string(d.Digest))
	_, diffErr := digest.Parse(string(d.DiffID))
	switch {
	case d.MediaType != types.OCILayer:
		return d, fmt.Errorf("reading layer descriptor %q: mediaType is %q, want %q", name, d.MediaType, types.OCILayer)
	case digestErr != nil:
		return d, fmt.Errorf("reading layer descriptor %q: %w", name, digestErr)
	case diffErr != nil:
		return d, fmt.Errorf("reading layer descriptor %q: %w", name, diffErr)
	case d.Size <= 0:
		return d, fmt.Errorf("reading layer descriptor %q: size is %d, want more than 0", name, d.Size)
	}
	return d, nil
}

// WriteLayer writes entries to w as one gzip layer (application/vnd.oci.image.layer.v1.tar+gzip,
// image-spec v1.1, layer.md) and returns its descriptor. Every entry has the time modTime,
// in whole seconds, and the owner 0:0. Memory does not grow with the size of the files.
//
// A path with a part that starts with ".wh." is an error, because in a layer such a name
// removes a file.
func WriteLayer(w io.Writer, entries []archive.Entry, modTime time.Time) (LayerDescriptor, error) {
	compressed, uncompressed, size := sha256.New(), sha256.New(), new(fileio.Counter)
	gz := archive.NewGzipWriter(io.MultiWriter(w, compressed, size))
	err := archive.WriteTar(io.MultiWriter(gz, uncompressed), entries, archive.Options{ModTime: modTime, CheckName: refuseWhiteout})
	if closeErr := gz.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return LayerDescriptor{}, err
	}
	return LayerDescriptor{
		MediaType: types.OCILayer,
		Digest:    digest.FromSum(compressed.Sum(nil)),
		Size:      int64(*size),
		DiffID:    digest.FromSum(uncompressed.Sum(nil)),
	}, nil
}

const whiteoutPrefix = ".wh."

func refuseWhiteout(name string) error {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, whiteoutPrefix) {
			return fmt.Errorf("name %q would remove a file from the layers below", part)
		}
	}
	return nil
}

// A fileLayer is a layer file with its descriptor.
type fileLayer struct {
	name string
	desc LayerDescriptor
}

var _ interface {
	partial.CompressedLayer
	partial.WithDiffID
} = fileLayer{}

// newFileLayer returns the layer in the named file. It does not compare the file with the
// descriptor.
func newFileLayer(name string, desc LayerDescriptor) (v1.Layer, error) {
	return partial.CompressedToLayer(fileLayer{name, desc})
}

func (l fileLayer) Digest() (v1.Hash, error)            { return v1.NewHash(string(l.desc.Digest)) }
func (l fileLayer) DiffID() (v1.Hash, error)            { return v1.NewHash(string(l.desc.DiffID)) }
func (l fileLayer) Size() (int64, error)                { return l.desc.Size, nil }
func (l fileLayer) MediaType() (types.MediaType, error) { return l.desc.MediaType, nil }

// Compressed returns an *os.File, so that the system can copy it without the bytes passing
// through this process, or share its blocks.
func (l fileLayer) Compressed() (io.ReadCloser, error) { return os.Open(l.name) }
