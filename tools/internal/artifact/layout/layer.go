package layout

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/zstd"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

// maxLayerBytes limits the size of a decompressed layer, to 16 GiB.
const maxLayerBytes = 16 << 30

// CheckLayer reads a compressed layer to its end and compares its size, digest and DiffID
// with those of layer. Errors begin with name.
func CheckLayer(r io.Reader, name string, layer v1.Layer) error {
	wantDigest, err1 := layer.Digest()
	wantSize, err2 := layer.Size()
	wantDiffID, err3 := layer.DiffID()
	if err := errors.Join(err1, err2, err3); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	hash, size := sha256.New(), new(fileio.Counter)
	tee := io.TeeReader(r, io.MultiWriter(hash, size))
	diffID, readErr := diffIDOf(tee, maxLayerBytes)
	// A wrong digest is reported before an error of decompression.
	if _, err := io.Copy(io.Discard, tee); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	got := Hash(digest.FromSum(hash.Sum(nil)))
	switch {
	case int64(*size) != wantSize:
		return fmt.Errorf("%s: size: got %d bytes, want %d", name, *size, wantSize)
	case got != wantDigest:
		return fmt.Errorf("%s: digest: got %s, want %s", name, got, wantDigest)
	case readErr != nil:
		return fmt.Errorf("%s: decompressing: %w", name, readErr)
	case diffID != wantDiffID:
		return fmt.Errorf("%s: diffID: got %s, want %s", name, diffID, wantDiffID)
	}
	return nil
}

// maxZStdWindow limits the window of a zstd layer to 128 MiB, which `zstd --ultra -22`
// uses.
const maxZStdWindow = 128 << 20

// diffIDOf returns the digest of the tar in a layer, compressed or not. The tar has at
// most limit bytes.
func diffIDOf(r io.Reader, limit int64) (v1.Hash, error) {
	rc, err := Decompress(r)
	if err != nil {
		return v1.Hash{}, err
	}
	defer rc.Close()
	d, n, err := digest.FromReader(io.LimitReader(rc, limit+1))
	if err == nil && n > limit {
		err = fmt.Errorf("decompressed layer has more bytes than the limit, %d", limit)
	}
	return Hash(d), err
}

// Decompress recognizes the compression of a layer by its first bytes, as every reader of
// images does, because the media type is often wrong. The caller limits what it reads.
func Decompress(r io.Reader) (io.ReadCloser, error) {
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
