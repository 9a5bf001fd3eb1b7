package ociimage

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/zstd"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

// The limits on what is read of one layer.
const (
	maxEntries    = 300_000
	maxNames      = 64 << 20 // bytes of all paths: they are kept
	maxPathLength = 4096     // bytes, as PATH_MAX
)

// DefaultMaxBytes is how many bytes, 16 GiB, the layers of an image may have
// together when they are decompressed, unless the caller says otherwise.
const DefaultMaxBytes = 16 << 30

// readLayer calls visit for each entry of a layer, in order, with its name as
// entryName returns it. It reads the layer to its end and compares the DiffID.
// Budget is how many decompressed bytes may still be read; readLayer subtracts.
//
// Two entries for one path are an error (image-spec v1.1, layer.md), as is a
// whole that has more than the limits.
func readLayer(ctx context.Context, layer v1.Layer, diffID v1.Hash, budget *int64, visit func(name string, h *tar.Header, r io.Reader) error) error {
	rc, err := layer.Uncompressed()
	if err != nil {
		return err
	}
	defer rc.Close()
	hash := sha256.New()
	r := io.TeeReader(&budgetReader{fileio.Reader(ctx, rc), budget}, hash)
	if err := readEntries(r, visit); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	if got := v1Hash(digest.FromSum(hash.Sum(nil))); got != diffID {
		return fmt.Errorf("diffID: got %s, want %s", got, diffID)
	}
	return nil
}

// readEntries reads the tar stream r up to the end of the archive in it.
func readEntries(r io.Reader, visit func(name string, h *tar.Header, r io.Reader) error) error {
	seen, names := map[string]bool{}, 0
	tr := tar.NewReader(r)
	for n := 0; ; n++ {
		h, err := tr.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading tar: %w", err)
		case n == maxEntries:
			return fmt.Errorf("reading tar: more than %d entries", maxEntries)
		case names > maxNames:
			return fmt.Errorf("reading tar: names have more than %d bytes", maxNames)
		case h.Typeflag == tar.TypeXGlobalHeader:
			continue
		}
		name, err := entryName(h.Name)
		if err == nil && seen[name] {
			err = errors.New("path stands twice in one layer")
		}
		if err == nil {
			seen[name] = true
			names += len(name)
			err = visit(name, h, tr)
		}
		if err != nil {
			return fmt.Errorf("entry %.200q: %w", h.Name, err)
		}
	}
}

// entryName returns the path of an entry or the target of a hard link without a
// "./" before it and a slash behind it; the root is ".". A path that is absolute
// or has a ".." in it is an error.
func entryName(name string) (string, error) {
	switch {
	case name == "":
		return "", errors.New("path is empty")
	case len(name) > maxPathLength:
		return "", fmt.Errorf("path has %d bytes, want at most %d", len(name), maxPathLength)
	case strings.HasPrefix(name, "/"):
		return "", errors.New("path is absolute")
	case strings.Contains(name, "\x00"):
		return "", errors.New("path has a zero byte")
	case strings.Contains("/"+name+"/", "/../"):
		return "", errors.New(`path has a ".." in it`)
	}
	return path.Clean(name), nil
}

// A budgetReader fails when more than left bytes are read.
type budgetReader struct {
	r    io.Reader
	left *int64
}

func (b *budgetReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if *b.left -= int64(n); *b.left < 0 {
		return 0, errors.New("decompressed layers have more bytes than the limit")
	}
	return n, err
}

// maxZStdWindow is how many bytes, 128 MiB, a zstd layer may make its reader
// keep: what `zstd --ultra -22` asks for.
const maxZStdWindow = 128 << 20

// diffIDOf returns the digest of the tar in a layer, compressed or not, of at
// most limit bytes.
func diffIDOf(r io.Reader, limit int64) (v1.Hash, error) {
	rc, err := decompress(r)
	if err != nil {
		return v1.Hash{}, err
	}
	defer rc.Close()
	d, _, err := digest.FromReader(&budgetReader{rc, &limit})
	if err != nil {
		return v1.Hash{}, err
	}
	return v1Hash(d), nil
}

// decompress tells by the first bytes how a layer is compressed, as every reader
// of images does: the media type is often wrong.
func decompress(r io.Reader) (io.ReadCloser, error) {
	br := bufio.NewReader(r)
	magic, err := br.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return gzip.NewReader(br)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		zr, err := zstd.NewReader(br, zstd.WithDecoderMaxWindow(maxZStdWindow), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return zr.IOReadCloser(), nil
	}
	return io.NopCloser(br), nil
}
